"""Requests of the voting API, and the decoding of their bodies.

Checks run in one order: media type, size, JSON, fields. ``BodyReader`` separates a body that is not a JSON
object (400) from an object with wrong fields (422), because authentication (401) is checked between the two.
"""

from __future__ import annotations

import json
import re
from typing import Final, Generic, NoReturn, TypeVar

import msgspec

from pollwire_server.auth.credentials import RequestCredentials
from pollwire_server.domain.decoding import (
    decode_json,
    explain_json_error,
    explain_repeated_name,
    explain_validation_error,
    json_decoder,
    repeated_name,
    without_byte_order_mark,
)
from pollwire_server.domain.errors import BodyTooLarge, InvalidChoice, MalformedBody
from pollwire_server.http_protocol.media_type import check_media_type

MAX_BODY_BYTES: Final = 16 * 1024
JSON: Final = "application/json"

_JSON: Final = JSON.encode("ascii")
_IDEMPOTENCY_KEY: Final = re.compile(rb"[\x21-\x7e]{1,255}")

Shape = TypeVar("Shape")


class VoteRequest(RequestCredentials, kw_only=True):
    """A vote, not yet validated."""

    poll_id: str
    content_type: bytes | None = None
    idempotency_key: bytes | None = None
    body: bytes = b""


class OwnVoteRequest(RequestCredentials, kw_only=True):
    """A request about the client's own vote."""

    poll_id: str
    idempotency_key: bytes | None = None
    revision: str | None = None
    """The query parameter: the revision of the vote that the client wants to withdraw."""


class ReceiptRequest(RequestCredentials, kw_only=True):
    """A request to check a receipt."""

    poll_id: str
    content_type: bytes | None = None
    body: bytes = b""


class RegistrationRequest(RequestCredentials, kw_only=True):
    """A request for a voter token or a ticket."""

    secure: bool = False
    """True if the connection is encrypted, as far as the service can see."""
    poll_origins: tuple[str, ...] | None = None
    """Allowed origins of the poll that the query names."""
    content_type: bytes | None = None
    body: bytes = b""


class BodyReader(Generic[Shape]):
    """Decoder for JSON bodies of one struct type."""

    __slots__ = ("_decode",)

    def __init__(self, shape: type[Shape]) -> None:
        self._decode = json_decoder(shape).decode

    def read(self, content_type: bytes | None, body: bytes) -> Shape | InvalidChoice:
        """Decode the body. Return an error in its fields, for the caller to raise after authentication.

        Raises ``UnsupportedMediaType``, ``BodyTooLarge`` and ``MalformedBody``, in this order.
        """
        if content_type != _JSON:
            check_media_type(content_type, JSON)
        if len(body) > MAX_BODY_BYTES:
            raise BodyTooLarge(MAX_BODY_BYTES)
        body = without_byte_order_mark(body)
        try:
            decoded, repeated = self._decode(body), repeated_name(body)
        except msgspec.ValidationError as error:
            _check_object(body)
            field, detail = explain_validation_error(error)
            return InvalidChoice(detail, field)
        except (ValueError, RecursionError) as error:
            if _is_object(body):
                return InvalidChoice("The body contains a number that is out of range.")
            raise _malformed(error) from None
        if repeated is not None:
            field, detail = explain_repeated_name(repeated)
            return InvalidChoice(detail, field)
        return decoded

    def read_optional(self, content_type: bytes | None, body: bytes) -> Shape | InvalidChoice | None:
        """Decode the body like ``read``. Return None if it is empty."""
        return self.read(content_type, body) if body else None


def check_idempotency_key(key: bytes) -> None:
    """Raise ``InvalidChoice`` unless the key has 1 to 255 visible ASCII characters."""
    if not _IDEMPOTENCY_KEY.fullmatch(key):
        raise InvalidChoice("An Idempotency-Key has 1 to 255 visible ASCII characters.", "Idempotency-Key")


def _check_object(body: bytes) -> None:
    """Raise ``MalformedBody`` unless the whole body is a JSON object.

    A typed decoder stops at the first wrong field and does not check that the rest is JSON.
    """
    try:
        document = decode_json(body)
    except (ValueError, RecursionError) as error:
        if _is_object(body):
            return
        raise _malformed(error) from None
    if not isinstance(document, dict):
        raise MalformedBody("The body must be a JSON object.")


def _is_object(body: bytes) -> bool:
    """Return True if the body is a JSON object, with numbers of any size, as JSON allows."""
    try:
        document = json.loads(body.decode(), parse_int=str, parse_float=str, parse_constant=_reject_constant)
        json.dumps(document, ensure_ascii=False).encode()  # rejects lone surrogates
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict)


def _reject_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _malformed(error: Exception) -> MalformedBody:
    return MalformedBody(f"The body must be a JSON object in UTF-8: {explain_json_error(error)}.")
