"""WebSocket and server-sent event endpoints over ASGI."""
