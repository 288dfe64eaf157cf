"""WebSocket and server-sent event endpoints on the ASGI path."""
