"""WebSocket endpoint served directly by the HTTP protocol."""
