"""Live API: read polls and results over HTTP, and watch them over WebSocket and server-sent events."""
