"""Router of the live fast path: GET requests for results, and WebSocket handshakes, without ASGI.

Most of the cost of a socket is in the objects made for it: scope, task, coroutine, queue, protocol. Here it
is one slotted object that is the transport's protocol and the hub's subscriber (``websocket_connection``).
The handshake is answered from the request that the HTTP parser has read, together with the first frame. A
frame is the same bytes for every client. A client that does not keep up stores one frame for each poll. The
timer wheel handles all timeouts.

The router accepts only what cached data can authorize. Requests that need the store go down the ASGI path,
for example for a poll that is not cached, or for results that only voters may see. Both paths send the same
bytes.
"""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha1
from typing import Final

from pollwire_server.auth.client_address import ClientAddress
from pollwire_server.auth.poll_origins import poll_ids_in_query
from pollwire_server.domain.errors import PollwireError
from pollwire_server.domain.identifiers import IDENTIFIER_PATTERN
from pollwire_server.domain.poll import Kind
from pollwire_server.http_protocol import ConnectionRegistry, FastPathRequest, Handler, Headers, Respond
from pollwire_server.http_protocol.response_writer import ResponseWriter
from pollwire_server.live.connection_limits import HandshakeLimiter, HandshakeRateExceeded
from pollwire_server.live.fast_path.timer_wheel import TimerWheel
from pollwire_server.live.fast_path.websocket_connection import FastWebSocket, WatchRequest
from pollwire_server.live.read_access import ReadGrant, StreamCredentials, credentials_from
from pollwire_server.live.result_frames import ResultUpdate
from pollwire_server.live.result_responses import ResultResponses
from pollwire_server.live.stream_session import LiveContext
from pollwire_server.problem_details import problem_response

_ID = IDENTIFIER_PATTERN.encode("ascii")
_RESULTS_URL = re.compile(rb"/v1/polls/(%b)/results" % _ID)
_SOCKET_URL = re.compile(rb"/v1/(?:polls/(%b)/live|live)(?:\?([!-~]*))?" % _ID)
_WEBSOCKET_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")
"""Sixteen bytes in base64 (RFC 6455, section 4.2.1)."""
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_SWITCHING_PROTOCOLS: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: %b\r\n%b\r\n"
)
MAX_SHARED_CREDENTIALS: Final = 1024
"""Combinations of origin and host for which anonymous sockets share one credentials object."""


class LiveFastPath:
    """Fast path of the live API. Implements ``FastPathRouter`` and ``WebSocketAcceptor``."""

    def __init__(
        self,
        live: LiveContext,
        responses: ResultResponses,
        wheel: TimerWheel | None = None,
        handshake_limiter: HandshakeLimiter | None = None,
    ) -> None:
        self._live = live
        self._responses = responses
        self._wheel = wheel or TimerWheel()
        self._handshake_limiter = handshake_limiter or HandshakeLimiter()
        self._anonymous: dict[tuple[str | None, str | None], StreamCredentials] = {}

    def match(self, method: bytes, url: bytes, headers: Headers) -> Handler | None:
        """Return a handler for a GET of results, if cached data authorizes the client."""
        found = _RESULTS_URL.fullmatch(url) if method == b"GET" else None
        if found is None:
            return None
        credentials = credentials_from(headers)
        grant = self._live.access.authorize_cached(found[1].decode("ascii"), credentials)
        if grant is None or grant.record.poll.kind is Kind.RANKED:
            return None  # a run-off may take seconds, so the ASGI path computes it

        def read_results(request: FastPathRequest, respond: Respond) -> None:
            self._read_results(grant, request, respond)

        return read_results

    def accept(
        self,
        url: bytes,
        headers: Headers,
        rest: bytes,
        transport: asyncio.Transport,
        server_connections: ConnectionRegistry,
        *,
        client: ClientAddress,
    ) -> bool:
        """Take over a valid handshake if cached data authorizes the client. Return False to leave it to ASGI.

        A handshake above the rate limit is rejected here, before any other work, and counts as taken over.
        """
        if not self._handshake_limiter.allow():
            _reject(url, transport)
            return True
        found = _SOCKET_URL.fullmatch(url)
        key = headers.get(b"sec-websocket-key", b"")
        if (
            found is None
            or headers.get(b"sec-websocket-version") != b"13"
            or not _WEBSOCKET_KEY.fullmatch(key)
        ):
            return False
        credentials = credentials_from(headers, found[2] or b"")
        watch = (
            self._watch_many(credentials, poll_ids_in_query(found[2] or b""))
            if found[1] is None
            else self._watch_one(found[1].decode(), credentials)
        )
        if watch is None or not self._live.connection_limiter.acquire(client.address):
            return False
        watch = watch._replace(address=client.address)
        FastWebSocket(self._live, self._wheel, watch, transport, server_connections).open(
            _handshake_response(key), rest
        )
        return True

    def _read_results(self, grant: ReadGrant, request: FastPathRequest, respond: Respond) -> None:
        poll = grant.record.poll
        header = request.head.headers.get(b"if-none-match")
        if_none_match = None if header is None else header.decode("latin-1")

        def on_read(result: ResultUpdate | PollwireError) -> None:
            try:
                if isinstance(result, PollwireError):
                    raise result.with_traceback(None)  # the error is shared by all waiting requests
                respond(self._responses.for_role(grant.role, result, if_none_match))
            except PollwireError as error:
                respond(problem_response(error, f"/v1/polls/{poll.id}/results", poll.origins))

        self._live.feed.request_read(poll.id, on_read)

    def _watch_one(self, poll_id: str, credentials: StreamCredentials) -> WatchRequest | None:
        grant = self._live.access.authorize_cached(poll_id, credentials)
        return (
            None
            if grant is None
            else WatchRequest(self._shared_credentials(credentials), poll_id, grant.role, grant.reader)
        )

    def _watch_many(self, credentials: StreamCredentials, polls: Sequence[str]) -> WatchRequest | None:
        return (
            WatchRequest(self._shared_credentials(credentials))
            if self._live.access.origin_allowed_cached(credentials, polls)
            else None
        )

    def _shared_credentials(self, credentials: StreamCredentials) -> StreamCredentials:
        """Return the credentials that a stream keeps. Anonymous clients of one origin share an object."""
        if credentials.ticket or credentials.authorization or credentials.cookie:
            return self._live.access.with_verified_ticket(credentials)
        if len(self._anonymous) >= MAX_SHARED_CREDENTIALS:
            self._anonymous.clear()
        return self._anonymous.setdefault((credentials.origin, credentials.host), credentials)


def _reject(url: bytes, transport: asyncio.Transport) -> None:
    path = url.partition(b"?")[0].decode("latin-1")
    transport.write(
        ResponseWriter().encode(problem_response(HandshakeRateExceeded(), path), [], keep_alive=False)
    )
    transport.close()


def _handshake_response(key: bytes) -> bytes:
    """Return the response to a handshake (RFC 6455, section 4.2.2)."""
    return _SWITCHING_PROTOCOLS % (b64encode(sha1(key + _GUID, usedforsecurity=False).digest()), b"")
