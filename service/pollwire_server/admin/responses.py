"""Responses of the admin API. Caches must not store them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from litestar import Response

from pollwire_server.admin.requests import JSON

NO_STORE: Final = {"cache-control": "private, no-store"}

Encoded = Response[bytes]


def json_response(
    document: msgspec.Struct, status: int = 200, headers: Mapping[str, str] | None = None
) -> Encoded:
    """Return the JSON response for a document."""
    return encoded_response(msgspec.json.encode(document), status, headers)


def encoded_response(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Encoded:
    """Return the response for a document that is JSON already."""
    return Response(body, status_code=status, media_type=JSON, headers=NO_STORE | dict(headers or {}))
