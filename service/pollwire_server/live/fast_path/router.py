"""What every page that watches sends, answered behind the server's parser: looks at results, and handshakes.

What costs in a socket is everything made for it: scope, task, coroutine,
queue, protocol object. Here it is one slotted object that is the transport's
protocol and the hub's subscriber at once (``lane_socket``). The handshake is
answered from the request that the parser has read already, together with the
first frame; a frame is the same bytes for everybody, handed to the transport;
a reader that does not keep up holds one frame a poll until its transport has
room; silence is timed by the wheel.

Only what the door can admit at a glance is taken. Whoever needs the store to
be asked (a poll not met before, a reader who may see more for having voted)
goes the ordinary way, with the same meaning and the same bytes.
"""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha1
from typing import Any, Final

from pollwire_server.auth.client_address import ClientAddress
from pollwire_server.auth.poll_origins import poll_ids_in_query
from pollwire_server.domain.errors import PollwireError
from pollwire_server.domain.poll import Kind
from pollwire_server.http_protocol import FastPathRequest, Handler, Headers, Respond
from pollwire_server.http_protocol.response_writer import ResponseWriter
from pollwire_server.live.connection_limits import HandshakeLimiter, HandshakeRateExceeded
from pollwire_server.live.fast_path.timer_wheel import TimerWheel
from pollwire_server.live.fast_path.websocket_connection import FastWebSocket, WatchRequest
from pollwire_server.live.read_access import ReadGrant, StreamCredentials, visitor_of
from pollwire_server.live.result_frames import ResultUpdate
from pollwire_server.live.result_responses import ResultResponses
from pollwire_server.live.stream_session import LiveContext
from pollwire_server.problem_details import HttpResponse, problem_response

_RESULTS = re.compile(rb"/v1/polls/([a-z0-9][a-z0-9-]{0,63})/results")
_STREAM = re.compile(rb"/v1/(?:polls/([a-z0-9][a-z0-9-]{0,63})/live|live)(?:\?([!-~]*))?")
_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")
"""Sixteen bytes in base64 (RFC 6455, section 4.2.1)."""
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_SWITCHING: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: %b\r\n%b\r\n"
)
MOST_VISITORS: Final = 1024
"""Kinds of anonymous visitors (by origin and host) that sockets share one description of."""


class LiveFastPath:
    """Door 2 for plain requests and handshakes."""

    def __init__(
        self,
        live: LiveContext,
        answers: ResultResponses,
        wheel: TimerWheel | None = None,
        rush: HandshakeLimiter | None = None,
    ) -> None:
        self._rush = rush or HandshakeLimiter()
        self._live = live
        self._answers = answers
        self._wheel = wheel or TimerWheel()
        self._visitors: dict[tuple[str | None, str | None], StreamCredentials] = {}

    def match(self, method: bytes, url: bytes, headers: Headers) -> Handler | None:
        """The handler of a look at results by somebody who can be told at a glance."""
        found = _RESULTS.fullmatch(url) if method == b"GET" else None
        if found is None:
            return None
        visitor = visitor_of(headers)
        admission = self._live.door.authorize_cached(found[1].decode("ascii"), visitor)
        if admission is None or admission.record.poll.kind is Kind.RANKED:
            return None  # counting out may take a while, and is the routes' to wait for

        def look(request: FastPathRequest, respond: Respond) -> None:
            self._look(admission, visitor, request, respond)

        return look

    def accept(
        self,
        url: bytes,
        headers: Headers,
        rest: bytes,
        transport: asyncio.Transport,
        among: set[Any],  # of uvicorn's connections, which are of several classes
        *,
        client: ClientAddress,
    ) -> bool:
        """Takes a handshake over, where it is a whole one and the door admits at a glance.

        One too many for this second is turned away here, at no other cost: it is over with that.
        """
        if not self._rush.allow():
            _reject(url, transport)
            return True
        found = _STREAM.fullmatch(url)
        key = headers.get(b"sec-websocket-key", b"")
        if found is None or headers.get(b"sec-websocket-version") != b"13" or not _KEY.fullmatch(key):
            return False
        visitor = visitor_of(headers, found[2] or b"")
        watch = (
            self._watch_any(visitor, poll_ids_in_query(found[2] or b""))
            if found[1] is None
            else self._watch_one(found[1].decode(), visitor)
        )
        if watch is None or not self._live.seats.acquire(client.address):
            return False
        watch = watch._replace(address=client.address)
        FastWebSocket(self._live, self._wheel, watch, transport, among).open(_switching(key), rest)
        return True

    def _look(
        self, admission: ReadGrant, visitor: StreamCredentials, request: FastPathRequest, respond: Respond
    ) -> None:
        poll = admission.record.poll
        if_none_match = request.head.headers.get(b"if-none-match")
        tags = None if if_none_match is None else if_none_match.decode("latin-1")

        def answered(outcome: ResultUpdate | PollwireError) -> None:
            try:
                if isinstance(outcome, PollwireError):
                    raise outcome.with_traceback(None)  # shared by all who waited
                respond(self._answers.for_role(admission.reader, outcome, visitor, tags))
            except PollwireError as error:
                refusal = problem_response(error, f"/v1/polls/{poll.id}/results")
                cors = self._answers.cors_headers(visitor, poll)
                respond(HttpResponse(refusal.status, refusal.headers + cors, refusal.body))

        self._live.feed.request_read(poll.id, answered)

    def _watch_one(self, poll_id: str, visitor: StreamCredentials) -> WatchRequest | None:
        admission = self._live.door.authorize_cached(poll_id, visitor)
        return (
            None
            if admission is None
            else WatchRequest(self._shared_credentials(visitor), poll_id, admission.reader)
        )

    def _watch_any(self, visitor: StreamCredentials, polls: Sequence[str]) -> WatchRequest | None:
        return (
            WatchRequest(self._shared_credentials(visitor))
            if self._live.door.origin_allowed_cached(visitor, polls)
            else None
        )

    def _shared_credentials(self, visitor: StreamCredentials) -> StreamCredentials:
        """What a stream keeps of its visitor; all who brought nothing to prove share one."""
        if visitor.ticket or visitor.authorization or visitor.cookie:
            return self._live.door.with_verified_ticket(visitor)
        if len(self._visitors) >= MOST_VISITORS:
            self._visitors.clear()
        return self._visitors.setdefault((visitor.origin, visitor.host), visitor)


def _reject(url: bytes, transport: asyncio.Transport) -> None:
    path = url.partition(b"?")[0].decode("latin-1")
    transport.write(
        ResponseWriter().encode(problem_response(HandshakeRateExceeded(), path), [], keep_alive=False)
    )
    transport.close()


def _switching(key: bytes) -> bytes:
    """The answer to a handshake (RFC 6455, section 4.2.2)."""
    return _SWITCHING % (b64encode(sha1(key + _GUID, usedforsecurity=False).digest()), b"")
