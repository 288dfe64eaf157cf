"""uvicorn's HTTP and WebSocket protocols with request limits and a fast path.

An ordinary request costs an ASGI scope, a task, an event, a pass through the router and a response object:
some 100 us. A few requests arrive from everybody in the same minute: a vote and what a browser sends before
it, a read of the results, the handshake of a stream. They need none of that. Once the headers are complete,
method and path identify them, and the services can answer them. This subclass of uvicorn's protocol offers
each eligible request to its fast-path routers from within the parser's callback. The router that matches it
supplies a handler, which answers with one ``transport.write``. Every other request takes the ASGI path
through Litestar. The choice is made before a byte of the response is sent.

A request is eligible if it is HTTP/1.1 with keep-alive, has no ``Expect``, no ``Transfer-Encoding`` and no
``Content-Encoding``, has a body of known and moderate length and no repeated header, if no other request is
in flight on the connection, and if the client reads its responses. While a fast-path handler runs, a
``FastPathCycle`` replaces uvicorn's request cycle. So a graceful shutdown waits for it, and a pipelined
request queues behind it.

- ``fast_path``: the interfaces between a connection and its routers.
- ``fast_path_protocol``: one HTTP connection, and the choice between fast path and ASGI path.
- ``request_head``: what RFC 9112 requires of a request head, for both paths.
- ``media_type``: validation of ``Content-Type`` and ``Content-Encoding``.
- ``request_limits``: limits on size, parts and pipelining, and error responses for invalid HTTP.
- ``head_cache``: a cache that skips the parser for request heads already parsed.
- ``response_writer``: responses as HTTP/1.1 bytes.
- ``timeouts``: the deadlines of all connections.
- ``connection_table``: the connections of each network, and which one is closed for a new one.
- ``refusal_limiter``: the delay after refused requests of one network.
- ``over_capacity``: the response to connections beyond the limits.
- ``websocket_protocol``: uvicorn's WebSocket for handshakes that take the ASGI path.

uvicorn's classes are not a public interface. The version is therefore pinned to a minor release.
A corpus of requests is sent with and without the fast path, and the responses must be identical.
"""

from pollwire_server.http_protocol.fast_path import (
    CacheableHandler,
    ConnectionRegistry,
    FastPathRequest,
    FastPathRouter,
    Handler,
    Headers,
    RequestHead,
    Respond,
    ServerConnection,
    WebSocketAcceptor,
)
from pollwire_server.http_protocol.fast_path_protocol import FastPathProtocol, make_protocol_class
from pollwire_server.http_protocol.timeouts import ConnectionTimeouts, HttpLimits
from pollwire_server.http_protocol.websocket_protocol import GuardedWebSocketProtocol

__all__ = [
    "CacheableHandler",
    "ConnectionRegistry",
    "ConnectionTimeouts",
    "FastPathProtocol",
    "FastPathRequest",
    "FastPathRouter",
    "GuardedWebSocketProtocol",
    "Handler",
    "Headers",
    "HttpLimits",
    "RequestHead",
    "Respond",
    "ServerConnection",
    "WebSocketAcceptor",
    "make_protocol_class",
]
