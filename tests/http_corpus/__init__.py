"""The same requests with lanes and without: what comes back must be the same."""
