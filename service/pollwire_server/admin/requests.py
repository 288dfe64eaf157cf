"""What operators send, read in the one order of checks: type, size, JSON, fields.

The size is bounded where bodies come in (``service.app.exchange``), so reading one
here raises ``BodyTooLarge`` by itself.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from litestar import Request

from pollwire_server.domain.decoding import explain_json_error
from pollwire_server.domain.errors import InvalidPoll, MalformedBody, UnsupportedMediaType, VersionMismatch

JSON: Final = "application/json"

AnyRequest = Request[Any, Any, Any]  # Any: this service uses no user, auth or state of the framework's
Object = dict[str, object]


async def json_object(request: AnyRequest) -> Object:
    """The body as a JSON object.

    Raises ``UnsupportedMediaType``, ``BodyTooLarge`` and ``MalformedBody``, in this order.
    """
    check_media_type(request, JSON)
    return _object_of(await request.body())


async def optional_object(request: AnyRequest) -> Object:
    """The body as a JSON object, empty where none was sent: acts may come without one."""
    if not _announces_body(request):
        return {}
    check_media_type(request, JSON)
    body = await request.body()
    return _object_of(body) if body.strip() else {}


def _announces_body(request: AnyRequest) -> bool:
    """Whether a body follows the headers (RFC 9112, 6.3)."""
    return (
        "transfer-encoding" in request.headers or request.headers.get("content-length", "0").strip("0") != ""
    )


def check_media_type(request: AnyRequest, wanted: str) -> None:
    """Passes for a body of the type wanted; else ``UnsupportedMediaType``."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != wanted:
        raise UnsupportedMediaType(wanted)


def _object_of(body: bytes) -> Object:
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason = explain_json_error(error)
        raise MalformedBody(f"The body must be a JSON object in UTF-8: {reason}.") from None
    if not isinstance(document, dict):
        raise MalformedBody("The body must be a JSON object.")
    return document


def query_of(request: AnyRequest, known: Collection[str]) -> dict[str, str]:
    """The query's parameters; ``InvalidPoll`` names one that is unknown or given twice."""
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
    """Which versions the caller is willing to act on; ``versions`` None: any."""

    versions: frozenset[int] | None = None

    def check(self, version: int) -> None:
        """Passes where the poll is at a version that was named; else ``VersionMismatch``."""
        if self.versions is not None and version not in self.versions:
            raise VersionMismatch(version)

    @property
    def is_given(self) -> bool:
        """Whether the caller named any version."""
        return self.versions is not None


def precondition_of(request: AnyRequest) -> Precondition:
    """The ``If-Match`` of a request (RFC 9110, 13.1.1): ``"3"``, ``3``, a list of them, or ``*``.

    A tag that was weakened on its way (``W/``, as proxies that compress do)
    still names its version, and a version is exact. What names no version of
    ours can match none.
    """
    header = request.headers.get("if-match")
    if header is None or header.strip() == "*":
        return Precondition()
    found = (_ENTITY_TAG.fullmatch(item.strip()) for item in header.split(","))
    return Precondition(frozenset(int(tag["version"]) for tag in found if tag))
