"""Parsing of admin requests. Checks run in the order media type, size, JSON, fields.

``app.http_exchange`` limits the size of bodies, so reading a body here raises ``BodyTooLarge``.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from litestar import Request

from pollwire_server.auth.api_keys import ApiKeyAuthenticator, Operator, Scope
from pollwire_server.domain.decoding import (
    EmptyBody,
    decode_document,
    decode_json,
    explain_json_error,
    explain_repeated_name,
    repeated_name,
    without_byte_order_mark,
)
from pollwire_server.domain.errors import InvalidPoll, MalformedBody, VersionMismatch
from pollwire_server.http_protocol import media_type

JSON: Final = "application/json"

AnyRequest = Request[Any, Any, Any]  # Any: this service does not use the framework's user, auth or state
Object = dict[str, object]


def read_nothing(body: Object) -> None:
    """Raise ``InvalidPoll`` if the body has any field."""
    decode_document(body, EmptyBody)


async def json_object(request: AnyRequest) -> Object:
    """Return the body as a JSON object.

    Raises ``UnsupportedMediaType``, ``BodyTooLarge`` and ``MalformedBody``, in this order.
    """
    check_media_type(request, JSON)
    return _object_of(await request.body())


async def optional_object(request: AnyRequest) -> Object:
    """Return the body as a JSON object, empty if there is none. Actions do not need a body."""
    if not _announces_body(request):
        return {}
    check_media_type(request, JSON)
    body = await request.body()
    return _object_of(body) if without_byte_order_mark(body).strip() else {}


def _announces_body(request: AnyRequest) -> bool:
    """Return True if a body follows the headers (RFC 9112, section 6.3)."""
    return (
        "transfer-encoding" in request.headers or request.headers.get("content-length", "0").strip("0") != ""
    )


def check_media_type(request: AnyRequest, wanted: str) -> None:
    """Raise ``UnsupportedMediaType`` if the body has another media type."""
    content_type = request.headers.get("content-type")
    media_type.check_media_type(None if content_type is None else content_type.encode("latin-1"), wanted)


def _object_of(body: bytes) -> Object:
    try:
        text = without_byte_order_mark(body)
        document, repeated = decode_json(text), repeated_name(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason = explain_json_error(error)
        raise MalformedBody(f"The body must be a JSON object in UTF-8: {reason}.") from None
    if not isinstance(document, dict):
        raise MalformedBody("The body must be a JSON object.")
    if repeated is not None:
        raise InvalidPoll(*explain_repeated_name(repeated))
    return document


def require_operator(keys: ApiKeyAuthenticator, request: AnyRequest, scope: Scope | None = None) -> Operator:
    """Return the operator of the request's API key. Raises ``Unauthenticated`` and ``ScopeMissing``."""
    operator = keys.require_operator(request.headers.get("authorization"))
    if scope is not None:
        operator.require_scope(scope)
    return operator


def query_of(request: AnyRequest, known: Collection[str]) -> dict[str, str]:
    """Return the query parameters. Raises ``InvalidPoll`` for an unknown or repeated parameter."""
    text = request.scope["query_string"].decode("ascii", errors="replace")
    parameters: dict[str, str] = {}
    for name, value in parse_qsl(text, keep_blank_values=True, errors="replace"):
        if name not in known:
            raise InvalidPoll(
                name[:60], f"There is no parameter {name[:60]!r} here, only {', '.join(known)}."
            )
        if name in parameters:
            raise InvalidPoll(name, f"The parameter {name!r} is given twice.")
        parameters[name] = value
    return parameters


_ENTITY_TAG = re.compile(r'(?:W/)?"?(?P<version>[0-9]{1,15})"?')


class Precondition(msgspec.Struct, frozen=True):
    """Versions that the request accepts (``If-Match``). None accepts any version."""

    versions: frozenset[int] | None = None

    def check(self, version: int) -> None:
        """Raise ``VersionMismatch`` if the poll has another version."""
        if self.versions is not None and version not in self.versions:
            raise VersionMismatch(version)

    @property
    def is_given(self) -> bool:
        """Return True if the request has a precondition."""
        return self.versions is not None


def precondition_of(request: AnyRequest) -> Precondition:
    """Return the ``If-Match`` of a request (RFC 9110, section 13.1.1): ``"3"``, ``3``, a list, or ``*``.

    Proxies that compress weaken a tag to ``W/"3"``. This still names version 3, and versions are exact, so
    weak tags are accepted. A tag that is not a version number matches no version.
    """
    header = request.headers.get("if-match")
    if header is None or header.strip() == "*":
        return Precondition()
    found = (_ENTITY_TAG.fullmatch(item.strip()) for item in header.split(","))
    return Precondition(frozenset(int(tag["version"]) for tag in found if tag))
