"""A socket until it is accepted or refused: what the framework only closes, is told a status and a reason."""

from __future__ import annotations

import logging
from typing import Any, Final

from litestar.enums import ScopeType
from litestar.exceptions import ClientException
from litestar.types import Scope, Send, WebSocketScope

from pollwire_server.app.http_exchange import instance_of
from pollwire_server.domain.errors import NotFound, PollwireError
from pollwire_server.http_protocol.response_writer import NOSNIFF
from pollwire_server.problem_details import problem_response, to_pollwire_error

log = logging.getLogger("pollwire.edge")

FAILURE: Final = "pollwire_failure"
"""Where ``remember_failure`` leaves an exception in the scope of a socket."""
_UNEXPECTED_CLOSE: Final = 4500
"""What the framework closes a socket with when a handler raised."""
_INTERNAL_ERROR: Final = 1011
"""What RFC 6455 (7.4.1) has for that."""


class WebSocketHandshake:
    """A socket until it is accepted or refused, and the code it is closed with."""

    def __init__(self, scope: WebSocketScope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._is_open = False
        self._is_refused = False

    async def send(self, message: Any) -> None:
        """Passes messages on; where the framework would only close, the client gets a status and a reason.

        An unknown address closed before it is accepted would be a bare 403.
        """
        if message["type"] == "websocket.close":
            await self._close(message)
            return
        self._is_open = self._is_open or message["type"] == "websocket.accept"
        self._is_refused = self._is_refused or message["type"] == "websocket.http.response.start"
        await self._send(message)

    async def fail(self, failure: Exception) -> None:
        """What a handler raised, told as far as it still can be."""
        if self._is_refused:
            log.error("A refused handshake broke off.", exc_info=failure)
        elif self._is_open:
            to_pollwire_error(failure)  # logged there
            await self._send({"type": "websocket.close", "code": _INTERNAL_ERROR, "reason": ""})
        else:
            await self._refuse(failure)

    async def _close(self, message: Any) -> None:
        failure = self._scope.get(FAILURE)
        if not self._is_open and isinstance(failure, Exception):
            await self._refuse(failure)
        elif message.get("code") == _UNEXPECTED_CLOSE:
            await self._send({"type": "websocket.close", "code": _INTERNAL_ERROR, "reason": ""})
        else:
            await self._send(message)

    async def _refuse(self, failure: Exception) -> None:
        answer = problem_response(_error_of_handshake(failure), instance_of(self._scope))
        if "websocket.http.response" not in (self._scope.get("extensions") or {}):
            await self._send({"type": "websocket.close", "code": 1000, "reason": ""})
            return
        self._is_refused = True
        headers = [*answer.headers, NOSNIFF, (b"content-length", str(len(answer.body)).encode())]
        start: Any = {"type": "websocket.http.response.start", "status": answer.status, "headers": headers}
        body: Any = {"type": "websocket.http.response.body", "body": answer.body, "more_body": False}
        await self._send(start)  # of ASGI's extension, which the framework's types do not know
        await self._send(body)


async def remember_failure(failure: Exception, scope: Scope) -> None:
    """For the framework's ``after_exception``, which is told what it is about to close a socket for."""
    if scope["type"] == ScopeType.WEBSOCKET:
        scope[FAILURE] = failure  # type: ignore[typeddict-unknown-key]  # a scope may carry keys of ours


def _error_of_handshake(failure: Exception) -> PollwireError:
    """The framework knows no 404 for sockets: an address without one is a client's error to it."""
    if isinstance(failure, ClientException) and failure.status_code == 400:
        return NotFound("There is no socket at this address.")
    return to_pollwire_error(failure)
