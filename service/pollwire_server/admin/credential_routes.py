"""Routes for API keys and issuers.

Checks run in the order of all admin routes: the key (401), the scope (403), the body (415, 413, 400), its
fields (422).
"""

from __future__ import annotations

from typing import Final

import msgspec
from litestar import delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from pollwire_server.admin.api_keys import ApiKeyAdmin
from pollwire_server.admin.audit_trail import AuditTrail
from pollwire_server.admin.issuers import IssuerAdmin
from pollwire_server.admin.requests import AnyRequest, json_object, query_of, require_operator
from pollwire_server.admin.responses import Encoded, json_response
from pollwire_server.auth.api_keys import ApiKeyAuthenticator, Scope
from pollwire_server.domain.service_audit import AuditAct

_KEYS: Final = "/v1/admin/keys"
_ISSUERS: Final = "/v1/admin/issuers"
_RECORDED_KEY_FIELDS: Final = ("name", "scopes", "polls", "series", "expires_at")
_RECORDED_ISSUER_FIELDS: Final = ("issuer", "algorithm", "audience", "jwks_url")
_PAGING: Final = ("limit", "cursor")


def handlers(
    api_keys: ApiKeyAdmin, issuers: IssuerAdmin, keys: ApiKeyAuthenticator, trail: AuditTrail
) -> list[HTTPRouteHandler]:
    """Return the route handlers for API keys and issuers."""
    return [*_keys(api_keys, keys, trail), *_issuers(issuers, keys, trail)]


def _keys(api_keys: ApiKeyAdmin, keys: ApiKeyAuthenticator, trail: AuditTrail) -> list[HTTPRouteHandler]:
    @post(_KEYS, summary="Create an API key; it is shown only once")
    async def create_key(request: AnyRequest) -> Encoded:
        operator = require_operator(keys, request, Scope.KEYS_WRITE)
        made = await api_keys.create(await json_object(request), operator)
        await trail.record(AuditAct.KEY_CREATED, operator, made.id, **_fields(made, _RECORDED_KEY_FIELDS))
        return json_response(made, status=201)

    @get(_KEYS, summary="List API keys, newest first")
    async def list_keys(request: AnyRequest) -> Encoded:
        require_operator(keys, request, Scope.KEYS_WRITE)
        return json_response(await api_keys.list(query_of(request, _PAGING)))

    @get(f"{_KEYS}/mine", summary="Read the scopes of the current API key")
    async def read_own_key(request: AnyRequest) -> Encoded:
        return json_response(api_keys.own(require_operator(keys, request)))

    @delete(f"{_KEYS}/{{key_id:str}}", summary="Revoke an API key", status_code=204)
    async def revoke_key(request: AnyRequest, key_id: FromPath[str]) -> None:
        operator = require_operator(keys, request, Scope.KEYS_WRITE)
        await api_keys.revoke(key_id)
        await trail.record(AuditAct.KEY_REVOKED, operator, key_id)

    return [create_key, list_keys, read_own_key, revoke_key]


def _issuers(issuers: IssuerAdmin, keys: ApiKeyAuthenticator, trail: AuditTrail) -> list[HTTPRouteHandler]:
    @post(_ISSUERS, summary="Register a sign-in provider")
    async def register_issuer(request: AnyRequest) -> Encoded:
        # An issuer's key signs for its voters, so registering one is a way to cast their votes.
        operator = require_operator(keys, request, Scope.ISSUERS_WRITE)
        operator.require_scope(Scope.VOTES_WRITE)
        document, is_new = await issuers.register(await json_object(request))
        act = AuditAct.ISSUER_REGISTERED if is_new else AuditAct.ISSUER_REPLACED
        await trail.record(act, operator, document.id, **_fields(document, _RECORDED_ISSUER_FIELDS))
        return json_response(document, status=201 if is_new else 200)

    @get(_ISSUERS, summary="List sign-in providers")
    async def list_issuers(request: AnyRequest) -> Encoded:
        require_operator(keys, request, Scope.ISSUERS_WRITE)
        return json_response(await issuers.list(query_of(request, _PAGING)))

    @delete(
        f"{_ISSUERS}/{{issuer_id:str}}",
        summary="Remove a sign-in provider",
        status_code=204,
    )
    async def delete_issuer(request: AnyRequest, issuer_id: FromPath[str]) -> None:
        operator = require_operator(keys, request, Scope.ISSUERS_WRITE)
        await issuers.delete(issuer_id)
        await trail.record(AuditAct.ISSUER_DELETED, operator, issuer_id)

    return [register_issuer, list_issuers, delete_issuer]


def _fields(document: msgspec.Struct, names: tuple[str, ...]) -> dict[str, object]:
    """Return the fields of a response that the audit log keeps, without those that are null."""
    values = msgspec.to_builtins(document)
    return {name: values[name] for name in names if values[name] is not None}
