"""Routes for webhooks. Checks run in the order of all admin routes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from litestar import delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from pollwire_server.admin.audit_trail import AuditTrail
from pollwire_server.admin.requests import (
    AnyRequest,
    json_object,
    optional_object,
    query_of,
    read_nothing,
    require_operator,
)
from pollwire_server.admin.responses import Encoded, json_response
from pollwire_server.admin.webhooks.service import WebhookAdmin
from pollwire_server.auth.api_keys import ApiKeyAuthenticator, Operator, Scope
from pollwire_server.domain.service_audit import AuditAct

_WEBHOOKS: Final = "/v1/admin/webhooks"
_WEBHOOK: Final = f"{_WEBHOOKS}/{{webhook_id:str}}"

Authenticate = Callable[[AnyRequest], Operator]


def handlers(webhooks: WebhookAdmin, keys: ApiKeyAuthenticator, trail: AuditTrail) -> list[HTTPRouteHandler]:
    """Return the route handlers for webhooks."""

    def authenticate(request: AnyRequest) -> Operator:
        return require_operator(keys, request, Scope.WEBHOOKS_WRITE)

    @post(_WEBHOOKS, summary="Create a webhook; its secret is shown only once")
    async def create_webhook(request: AnyRequest) -> Encoded:
        operator = authenticate(request)
        made = await webhooks.create(await json_object(request), operator)
        events = [event.value for event in made.events]
        await trail.record(
            AuditAct.WEBHOOK_CREATED, operator, made.id, events=events, results=made.results.value
        )
        return json_response(made, status=201)

    @get(_WEBHOOKS, summary="List webhooks with their status, newest first")
    async def list_webhooks(request: AnyRequest) -> Encoded:
        authenticate(request)
        return json_response(await webhooks.list(query_of(request, ("limit", "cursor"))))

    @get(_WEBHOOK, summary="Read a webhook")
    async def read_webhook(request: AnyRequest, webhook_id: FromPath[str]) -> Encoded:
        authenticate(request)
        return json_response(await webhooks.read(webhook_id))

    @delete(_WEBHOOK, summary="Delete a webhook", status_code=204)
    async def delete_webhook(request: AnyRequest, webhook_id: FromPath[str]) -> None:
        operator = authenticate(request)
        await webhooks.delete(webhook_id, operator)
        await trail.record(AuditAct.WEBHOOK_DELETED, operator, webhook_id)

    return [
        create_webhook,
        list_webhooks,
        read_webhook,
        delete_webhook,
        *_single(webhooks, authenticate, trail),
    ]


def _single(webhooks: WebhookAdmin, authenticate: Authenticate, trail: AuditTrail) -> list[HTTPRouteHandler]:
    @post(f"{_WEBHOOK}/test", summary="Send a test event", status_code=200)
    async def test_webhook(request: AnyRequest, webhook_id: FromPath[str]) -> Encoded:
        operator = authenticate(request)
        read_nothing(await optional_object(request))
        return json_response(await webhooks.test(webhook_id, operator))

    @post(f"{_WEBHOOK}/enable", summary="Enable a disabled webhook", status_code=200)
    async def enable_webhook(request: AnyRequest, webhook_id: FromPath[str]) -> Encoded:
        operator = authenticate(request)
        read_nothing(await optional_object(request))
        document = await webhooks.enable(webhook_id, operator)
        await trail.record(AuditAct.WEBHOOK_ENABLED, operator, webhook_id)
        return json_response(document)

    @get(f"{_WEBHOOK}/deliveries", summary="List recent deliveries of a webhook")
    async def list_deliveries(request: AnyRequest, webhook_id: FromPath[str]) -> Encoded:
        authenticate(request)
        return json_response(await webhooks.recent(webhook_id, query_of(request, ("limit",))))

    return [test_webhook, enable_webhook, list_deliveries]
