"""Routes for webhooks. Checks run in the order of all admin routes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec
from litestar import Response, delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from pollwire_server.admin.polls import read_nothing
from pollwire_server.admin.requests import JSON, AnyRequest, json_object, optional_object, query_of
from pollwire_server.admin.webhooks.service import WebhookAdmin
from pollwire_server.auth.api_keys import ApiKeyAuthenticator, Operator, Scope
from pollwire_server.domain.poll_document import Document

_WEBHOOKS: Final = "/v1/admin/webhooks"
_WEBHOOK: Final = f"{_WEBHOOKS}/{{webhook_id:str}}"

Encoded = Response[bytes]
Admitted = Callable[[AnyRequest], Operator]


def handlers(webhooks: WebhookAdmin, keys: ApiKeyAuthenticator) -> list[HTTPRouteHandler]:
    """Return the route handlers for webhooks."""

    def admitted(request: AnyRequest) -> Operator:
        operator = keys.require_operator(request.headers.get("authorization"))
        operator.require_scope(Scope.KEYS_WRITE)
        return operator

    @post(_WEBHOOKS, summary="Create a webhook; its secret is shown only once", tags=["operators"])
    async def create_webhook(request: AnyRequest) -> Encoded:
        operator = admitted(request)
        return _encoded(await webhooks.create(await json_object(request), operator), status=201)

    @get(_WEBHOOKS, summary="List webhooks with their status, newest first", tags=["operators"])
    async def list_webhooks(request: AnyRequest) -> Encoded:
        admitted(request)
        return _encoded(await webhooks.list(query_of(request, ("limit", "cursor"))))

    @get(_WEBHOOK, summary="Read a webhook", tags=["operators"])
    async def read_webhook(request: AnyRequest, webhook_id: FromPath[str]) -> Encoded:
        admitted(request)
        return _encoded(await webhooks.read(webhook_id))

    @delete(_WEBHOOK, summary="Delete a webhook", tags=["operators"], status_code=204)
    async def delete_webhook(request: AnyRequest, webhook_id: FromPath[str]) -> None:
        await webhooks.delete(webhook_id, admitted(request))

    return [create_webhook, list_webhooks, read_webhook, delete_webhook, *_single(webhooks, admitted)]


def _single(webhooks: WebhookAdmin, admitted: Admitted) -> list[HTTPRouteHandler]:
    @post(f"{_WEBHOOK}/test", summary="Send a test event", tags=["operators"], status_code=200)
    async def test_webhook(request: AnyRequest, webhook_id: FromPath[str]) -> Encoded:
        operator = admitted(request)
        read_nothing(await optional_object(request))
        return _encoded(await webhooks.test(webhook_id, operator))

    @post(f"{_WEBHOOK}/enable", summary="Enable a disabled webhook", tags=["operators"], status_code=200)
    async def enable_webhook(request: AnyRequest, webhook_id: FromPath[str]) -> Encoded:
        operator = admitted(request)
        read_nothing(await optional_object(request))
        return _encoded(await webhooks.enable(webhook_id, operator))

    @get(f"{_WEBHOOK}/deliveries", summary="List recent deliveries of a webhook", tags=["operators"])
    async def list_deliveries(request: AnyRequest, webhook_id: FromPath[str]) -> Encoded:
        admitted(request)
        return _encoded(await webhooks.recent(webhook_id, query_of(request, ("limit",))))

    return [test_webhook, enable_webhook, list_deliveries]


def _encoded(document: Document, status: int = 200) -> Encoded:
    headers = {"cache-control": "private, no-store"}
    return Response(msgspec.json.encode(document), status_code=status, media_type=JSON, headers=headers)
