"""Routes for API keys and issuers.

Checks run in the order of all admin routes: the key (401), the scope (403), the body (415, 413, 400), its
fields (422).
"""

from __future__ import annotations

from typing import Final

import msgspec
from litestar import Response, delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from pollwire_server.admin.api_keys import ApiKeyAdmin
from pollwire_server.admin.issuers import IssuerAdmin
from pollwire_server.admin.requests import JSON, AnyRequest, json_object, query_of
from pollwire_server.auth.api_keys import ApiKeyAuthenticator, Operator, Scope
from pollwire_server.domain.poll_document import Document

_KEYS: Final = "/v1/admin/keys"
_ISSUERS: Final = "/v1/admin/issuers"
_PAGING: Final = ("limit", "cursor")

Encoded = Response[bytes]


def handlers(
    api_keys: ApiKeyAdmin, issuers: IssuerAdmin, keys: ApiKeyAuthenticator
) -> list[HTTPRouteHandler]:
    """Return the route handlers for API keys and issuers."""
    return [*_keys(api_keys, keys), *_issuers(issuers, keys)]


def _require_operator(keys: ApiKeyAuthenticator, request: AnyRequest) -> Operator:
    operator = keys.require_operator(request.headers.get("authorization"))
    operator.require_scope(Scope.KEYS_WRITE)
    return operator


def _keys(api_keys: ApiKeyAdmin, keys: ApiKeyAuthenticator) -> list[HTTPRouteHandler]:
    @post(_KEYS, summary="Create an API key; it is shown only once", tags=["operators"])
    async def create_key(request: AnyRequest) -> Encoded:
        operator = _require_operator(keys, request)
        return _encoded(await api_keys.create(await json_object(request), operator), status=201)

    @get(_KEYS, summary="List API keys, newest first", tags=["operators"])
    async def list_keys(request: AnyRequest) -> Encoded:
        _require_operator(keys, request)
        return _encoded(await api_keys.list(query_of(request, _PAGING)))

    @get(f"{_KEYS}/mine", summary="Read the scopes of the current API key", tags=["operators"])
    async def read_own_key(request: AnyRequest) -> Encoded:
        return _encoded(api_keys.own(keys.require_operator(request.headers.get("authorization"))))

    @delete(f"{_KEYS}/{{key_id:str}}", summary="Revoke an API key", tags=["operators"], status_code=204)
    async def revoke_key(request: AnyRequest, key_id: FromPath[str]) -> None:
        _require_operator(keys, request)
        await api_keys.revoke(key_id)

    return [create_key, list_keys, read_own_key, revoke_key]


def _issuers(issuers: IssuerAdmin, keys: ApiKeyAuthenticator) -> list[HTTPRouteHandler]:
    @post(_ISSUERS, summary="Register a sign-in provider", tags=["operators"])
    async def register_issuer(request: AnyRequest) -> Encoded:
        # An issuer's key signs for its voters, so registering one is a way to cast their votes.
        _require_operator(keys, request).require_scope(Scope.VOTES_WRITE)
        document, is_new = await issuers.register(await json_object(request))
        return _encoded(document, status=201 if is_new else 200)

    @get(_ISSUERS, summary="List sign-in providers", tags=["operators"])
    async def list_issuers(request: AnyRequest) -> Encoded:
        _require_operator(keys, request)
        return _encoded(await issuers.list(query_of(request, _PAGING)))

    @delete(
        f"{_ISSUERS}/{{issuer_id:str}}",
        summary="Remove a sign-in provider",
        tags=["operators"],
        status_code=204,
    )
    async def delete_issuer(request: AnyRequest, issuer_id: FromPath[str]) -> None:
        _require_operator(keys, request)
        await issuers.delete(issuer_id)

    return [register_issuer, list_issuers, delete_issuer]


def _encoded(document: Document, status: int = 200) -> Encoded:
    headers = {"cache-control": "private, no-store"}
    return Response(msgspec.json.encode(document), status_code=status, media_type=JSON, headers=headers)
