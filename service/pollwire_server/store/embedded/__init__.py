"""The embedded Valkey server and its process."""
