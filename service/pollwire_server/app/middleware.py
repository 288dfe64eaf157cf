"""What every request passes before it reaches a door, and every answer after it left one.

The web framework stands between two jobs that it does not do as this service
promises: a HEAD wherever there is a GET; operators' addresses that ask for the
key before they tell what exists; CORS by each poll's own rule, preflights
included; bodies bounded while they arrive, whether or not their length was
told; and an answer in our own form to whatever else goes wrong, sockets
included. So the application is wrapped once, here, and the wrapping is plain
ASGI: one call, no request objects.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send, WebSocketScope

from pollwire_server.app.http_exchange import OPERATORS, HttpExchange, instance_of, is_below
from pollwire_server.app.websocket_handshake import WebSocketHandshake
from pollwire_server.auth.api_keys import ApiKeyAuthenticator
from pollwire_server.auth.client_address import ClientAddressResolver
from pollwire_server.auth.origins import PUBLIC_METHODS
from pollwire_server.auth.poll_origins import MOST_NAMED, PollOriginPolicy, poll_ids_in_query
from pollwire_server.problem_details import HttpResponse, problem_response, to_pollwire_error
from pollwire_server.telemetry.logs import about_one_request

log = logging.getLogger("pollwire.edge")

PUBLIC: Final = "/v1/"

_POLL_OF_PATH = re.compile(r"/v1/polls/(?P<poll>[a-z0-9][a-z0-9-]{0,63})(/|\Z)")
_OF_SERIES: Final = "/v1/series/"
_FOR_POLLS: Final[Mapping[str, int]] = {"/v1/voters": 1, "/v1/tickets": 1, "/v1/events": MOST_NAMED}
"""Addresses of no one poll, and how many polls a request may name to be judged by their rule."""


class ApiMiddleware:
    """The application as the server calls it."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        keys: ApiKeyAuthenticator,
        sites: PollOriginPolicy,
        clients: ClientAddressResolver,
    ) -> None:
        self._app = app
        self._clients = clients
        self._keys = keys
        self._sites = sites

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Any ASGI scope."""
        if scope["type"] == ScopeType.HTTP:
            self._clients.attach_to_scope(scope)
            with about_one_request():
                await self._request(scope, receive, send)
        elif scope["type"] == ScopeType.WEBSOCKET:
            self._clients.attach_to_scope(scope)
            with about_one_request():
                await self._socket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _request(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        exchange = HttpExchange(scope, receive, send)
        try:
            await self._answer(exchange)
        except Exception as failure:
            if exchange.is_answered:
                log.exception("An answer broke off.")
                return
            await exchange.reply(problem_response(to_pollwire_error(failure), instance_of(scope)))

    async def _answer(self, exchange: HttpExchange) -> None:
        path = exchange.scope["path"]
        if is_below(path, OPERATORS):
            await self._keys.authenticate(exchange.header(b"authorization"))
        elif path.startswith(PUBLIC) and await self._crosses_origins(exchange):
            return
        await self._app(exchange.inner_scope, exchange.receive, exchange.send)

    async def _crosses_origins(self, exchange: HttpExchange) -> bool:
        """Settles what other sites' pages get; whether the request was a preflight, and is answered."""
        origin, host = _text(exchange.header(b"origin")), _text(exchange.header(b"host"))
        origins, rule = self._sites.origins, None
        if origin is not None:
            rule = await self._sites.allowed_origins(origin, host, _polls_of(exchange.scope))
        if origin is None or not _is_preflight(exchange):
            exchange.extra_headers = origins.cors_headers(origin, host, rule)
            return False
        headers = origins.preflight_headers(origin, host, PUBLIC_METHODS, rule)
        await exchange.reply(HttpResponse(204, headers, b""))
        return True

    async def _socket(self, scope: WebSocketScope, receive: Receive, send: Send) -> None:
        handshake = WebSocketHandshake(scope, send)
        try:
            await self._app(scope, receive, handshake.send)
        except Exception as failure:
            await handshake.fail(failure)


def _polls_of(scope: HTTPScope) -> tuple[str, ...]:
    """The polls whose rule a request is judged by."""
    found = _POLL_OF_PATH.match(scope["path"])
    if found:
        return (found["poll"],)
    most = 1 if scope["path"].startswith(_OF_SERIES) else _FOR_POLLS.get(scope["path"], 0)
    return poll_ids_in_query(scope["query_string"], most)


def _is_preflight(exchange: HttpExchange) -> bool:
    """As the Fetch standard (3.2.2) knows one."""
    is_options = exchange.scope["method"] == "OPTIONS"
    return is_options and exchange.header(b"access-control-request-method") is not None


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
