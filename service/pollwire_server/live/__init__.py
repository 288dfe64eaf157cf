"""Door 2: pages watch results, over HTTP, WebSocket and server-sent events."""
