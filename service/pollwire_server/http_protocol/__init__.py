"""HTTP as the server's parser sees it, with fast lanes for what a million readers do.

An ordinary request costs a scope, a task, an event, a trip through the router
and a response object: some 100 us. A few requests are sent by everybody in the
same minute (a vote and what a browser sends before it, a look at the results,
a stream's handshake) and need none of that: once the headers are complete,
method and path say which they are, and the doors know what they mean. So this
subclass of uvicorn's protocol offers each plain request to its lanes from the
parser's own callback; the lane that takes it answers with one
``transport.write``. Everything else, and everything unusual, goes the ordinary
way through Litestar, before a byte is answered.

Plain means: HTTP/1.1 kept alive, no ``Expect``, no ``Transfer-Encoding``, a
body of stated and moderate length, no header given twice, nothing else in
flight on the connection, and a client that reads its answers. While a lane
answers, a ``LaneCycle`` (``cycle``) stands where uvicorn keeps its own, so that
a drain waits for it and a pipelined request queues behind it.

``lanes`` says what a lane is. ``connection`` is one HTTP connection and the way
each of its requests goes, ``bounds`` what it is held to meanwhile; ``heads``
spares it the parsing of what it has parsed before, ``writing`` writes answers,
``deadlines`` closes those that do not move on, and ``sockets`` is uvicorn's
WebSocket for handshakes that no lane took.

uvicorn's classes are no public interface: its version is pinned to a minor
one, and the corpus test sends the same requests with and without lanes.
"""

from pollwire_server.http_protocol.fast_path import (
    CacheableHandler,
    FastPathRequest,
    FastPathRouter,
    Handler,
    Headers,
    RequestHead,
    Respond,
    WebSocketAcceptor,
)
from pollwire_server.http_protocol.fast_path_protocol import FastPathProtocol, make_protocol_class
from pollwire_server.http_protocol.timeouts import ConnectionTimeouts, HttpLimits, is_streaming_upload
from pollwire_server.http_protocol.websocket_protocol import GuardedWebSocketProtocol

__all__ = [
    "CacheableHandler",
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
    "WebSocketAcceptor",
    "is_streaming_upload",
    "make_protocol_class",
]
