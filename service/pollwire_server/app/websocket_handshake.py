"""WebSocket handshakes that fail with an HTTP response, where Litestar would only close the connection."""

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

log = logging.getLogger("pollwire.app")

FAILURE_KEY: Final = "pollwire_failure"
"""Key in the scope under which ``remember_failure`` stores an exception."""
_LITESTAR_ERROR: Final = 4500
"""Close code that Litestar sends when a handler raises."""
_INTERNAL_ERROR: Final = 1011
"""The standard close code for it (RFC 6455, 7.4.1)."""


class WebSocketHandshake:
    """One WebSocket connection, with its handshake response and its close code corrected."""

    def __init__(self, scope: WebSocketScope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._is_open = False
        self._is_rejected = False

    async def send(self, message: Any) -> None:
        """Send an ASGI message. A close before the handshake becomes a problem response.

        Without it, an unknown path would be a bare 403.
        """
        if message["type"] == "websocket.close":
            await self._close(message)
            return
        self._is_open = self._is_open or message["type"] == "websocket.accept"
        self._is_rejected = self._is_rejected or message["type"] == "websocket.http.response.start"
        await self._send(message)

    async def fail(self, failure: Exception) -> None:
        """Report an exception by a problem response, or by close code 1011 after the handshake."""
        if self._is_rejected:
            log.error("Response to a rejected handshake aborted", exc_info=failure)
        elif self._is_open:
            to_pollwire_error(failure)  # which logs the failure
            await self._send({"type": "websocket.close", "code": _INTERNAL_ERROR, "reason": ""})
        else:
            await self._reject(failure)

    async def _close(self, message: Any) -> None:
        failure = self._scope.get(FAILURE_KEY)
        if not self._is_open and isinstance(failure, Exception):
            await self._reject(failure)
        elif message.get("code") == _LITESTAR_ERROR:
            await self._send({"type": "websocket.close", "code": _INTERNAL_ERROR, "reason": ""})
        else:
            await self._send(message)

    async def _reject(self, failure: Exception) -> None:
        response = problem_response(_error_of_handshake(failure), instance_of(self._scope))
        if "websocket.http.response" not in (self._scope.get("extensions") or {}):
            await self._send({"type": "websocket.close", "code": 1000, "reason": ""})
            return
        self._is_rejected = True
        headers = [*response.headers, NOSNIFF, (b"content-length", str(len(response.body)).encode())]
        start: Any = {"type": "websocket.http.response.start", "status": response.status, "headers": headers}
        body: Any = {"type": "websocket.http.response.body", "body": response.body, "more_body": False}
        await self._send(start)  # an ASGI extension that Litestar's types do not include
        await self._send(body)


async def remember_failure(failure: Exception, scope: Scope) -> None:
    """Store the exception in the scope.

    Litestar calls this (``after_exception``) before it closes a WebSocket.
    """
    if scope["type"] == ScopeType.WEBSOCKET:
        scope[FAILURE_KEY] = failure  # type: ignore[typeddict-unknown-key]  # a scope may have additional keys


def _error_of_handshake(failure: Exception) -> PollwireError:
    """Convert an exception. Litestar raises a 400 where the path has no WebSocket, which becomes a 404."""
    if isinstance(failure, ClientException) and failure.status_code == 400:
        return NotFound("This path has no WebSocket endpoint.")
    return to_pollwire_error(failure)
