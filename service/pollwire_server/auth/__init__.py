"""Authentication and authorization: voter tokens, tickets, API keys, JWT issuers, origins and client
addresses."""
