"""ASGI middleware around Litestar.

It does what Litestar does not do in the way that this service needs:

- HEAD works wherever GET does.
- Admin routes require an API key before they reveal what exists.
- CORS follows the rule of each poll, including preflights.
- Request bodies are limited while they arrive, with or without a ``content-length``.
- All other errors become problem responses, also for WebSockets.

It is plain ASGI, so a request costs one call and no request object.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send, WebSocketScope

from pollwire_server.app.http_exchange import ADMIN_PREFIX, HttpExchange, instance_of, is_below
from pollwire_server.app.websocket_handshake import WebSocketHandshake
from pollwire_server.auth.api_keys import ApiKeyAuthenticator
from pollwire_server.auth.client_address import ClientAddress, ClientAddressResolver, client_in
from pollwire_server.auth.cors import CorsPolicy, Headers, is_preflight
from pollwire_server.auth.credentials import decode_header
from pollwire_server.auth.poll_origins import MAX_POLLS_IN_QUERY, PollOriginPolicy, poll_ids_in_query
from pollwire_server.domain.errors import ApiKeyInvalid, NotFound
from pollwire_server.domain.identifiers import IDENTIFIER_PATTERN
from pollwire_server.problem_details import problem_response, to_pollwire_error
from pollwire_server.telemetry.logs import bind_request_id

log = logging.getLogger("pollwire.app")

PUBLIC_PREFIX: Final = "/v1/"

_POLL_PATH = re.compile(rf"/v1/polls/(?P<poll>{IDENTIFIER_PATTERN})(/|\Z)")
_API_SEGMENT: Final = PUBLIC_PREFIX.strip("/")
_ESCAPED_IN_VAIN: Final = re.compile(
    rb"%(?:2[DEFdef]|3[0-9]|4[1-9A-Fa-f]|5[0-9AFaf]|6[1-9A-Fa-f]|7[0-9AEae])"
)
"""A slash or an unreserved character as an escape (RFC 3986, 2.3)."""
_SERIES_PREFIX: Final = "/v1/series/"
_MAX_POLLS_IN_QUERY: Final[Mapping[str, int]] = {
    "/v1/voters": 1,
    "/v1/tickets": 1,
    "/v1/events": MAX_POLLS_IN_QUERY,
}
"""Paths that name polls in their query, and how many are looked up for the CORS rule."""


class ApiMiddleware:
    """The ASGI application that the server calls."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        api_keys: ApiKeyAuthenticator,
        cors: CorsPolicy,
        poll_origins: PollOriginPolicy,
        client_addresses: ClientAddressResolver,
        on_rejected_key: Callable[[ClientAddress], None] = lambda _client: None,
    ) -> None:
        self._app = app
        self._on_rejected_key = on_rejected_key
        self._client_addresses = client_addresses
        self._api_keys = api_keys
        self._cors = cors
        self._poll_origins = poll_origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI scope."""
        if scope["type"] == ScopeType.HTTP:
            self._client_addresses.attach_to_scope(scope)
            with bind_request_id():
                await self._handle_request(scope, receive, send)
        elif scope["type"] == ScopeType.WEBSOCKET:
            self._client_addresses.attach_to_scope(scope)
            with bind_request_id():
                await self._handle_websocket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _handle_request(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        exchange = HttpExchange(scope, receive, send)
        try:
            await self._dispatch(exchange)
        except Exception as failure:
            if exchange.is_answered:
                log.exception("Response aborted: the handler failed after its first byte")
                return
            await exchange.reply(problem_response(to_pollwire_error(failure), instance_of(scope)))

    async def _dispatch(self, exchange: HttpExchange) -> None:
        path = exchange.scope["path"]
        _check_api_path(exchange.scope)
        if is_below(path, ADMIN_PREFIX):
            await self._authenticate(exchange)
        elif path.startswith(PUBLIC_PREFIX) and await self._handle_cors(exchange):
            return
        await self._app(exchange.inner_scope, exchange.receive, exchange.send)

    async def _authenticate(self, exchange: HttpExchange) -> None:
        try:
            await self._api_keys.authenticate(exchange.header(b"authorization"))
        except ApiKeyInvalid:
            self._on_rejected_key(client_in(exchange.scope))
            raise

    async def _handle_cors(self, exchange: HttpExchange) -> bool:
        """Set the CORS headers. Return True if the request was a preflight, which is then answered."""
        origin, host = decode_header(exchange.header(b"origin")), decode_header(exchange.header(b"host"))
        if origin is None:
            exchange.extra_headers = partial(self._cors.headers_for, None, host, None)
            return False
        polls = _polls_of(exchange.scope)
        rule = await self._poll_origins.allowed_origins(origin, host, polls)

        def headers() -> Headers:
            """Return the headers by the newest rule. The handler may have read a newer one."""
            newest = self._poll_origins.cached_origins(origin, host, polls, rule)
            return self._cors.headers_for(origin, host, newest)

        exchange.extra_headers = headers
        if not is_preflight(exchange.scope["method"], dict(exchange.scope["headers"])):
            return False
        await exchange.reply(self._cors.preflight_response(origin, host, rule))
        return True

    async def _handle_websocket(self, scope: WebSocketScope, receive: Receive, send: Send) -> None:
        handshake = WebSocketHandshake(scope, send)
        try:
            _check_api_path(scope)
            await self._app(scope, receive, handshake.send)
        except Exception as failure:
            await handshake.fail(failure)


def _check_api_path(scope: HTTPScope | WebSocketScope) -> None:
    """Raise ``NotFound`` for another spelling of an API path.

    Litestar ignores extra slashes and decodes escapes before it finds a route. A path rule of a proxy, or of
    this class, compares the path as it is written.
    """
    path = scope["path"]
    if path.startswith(PUBLIC_PREFIX) and "//" not in path and not path.endswith("/"):
        if _ESCAPED_IN_VAIN.search(scope.get("raw_path") or path.encode()) is None:
            return
    elif path.lstrip("/").partition("/")[0] != _API_SEGMENT or path == f"/{_API_SEGMENT}":
        return
    raise NotFound("API paths must not have empty segments or needless escapes.")


def _polls_of(scope: HTTPScope) -> tuple[str, ...]:
    """Return the ids of the polls whose CORS rule applies to the request."""
    match = _POLL_PATH.match(scope["path"])
    if match:
        return (match["poll"],)
    max_polls = 1 if scope["path"].startswith(_SERIES_PREFIX) else _MAX_POLLS_IN_QUERY.get(scope["path"], 0)
    return poll_ids_in_query(scope["query_string"], max_polls)
