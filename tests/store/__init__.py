"""The store's functions and its connection, on a real server."""
