"""What a voter's request says, read in the one order of checks: type, size, JSON; fields come later.

``BodyReader`` separates what is no JSON object (400) from what is one with
wrong fields (422), because the question who asks (401) stands between them.
"""

from __future__ import annotations

import json
import re
from typing import Final, Generic, NoReturn, TypeVar

import msgspec

from pollwire_server.auth.client_address import UNKNOWN, ClientAddress
from pollwire_server.domain.decoding import explain_validation_error
from pollwire_server.domain.errors import BodyTooLarge, InvalidChoice, MalformedBody, UnsupportedMediaType

LARGEST_BODY_BYTES: Final = 16 * 1024
JSON: Final = "application/json"

_JSON: Final = JSON.encode("ascii")
_IDEMPOTENCY_KEY: Final = re.compile(rb"[\x21-\x7e]{1,255}")

Shape = TypeVar("Shape")


class RequestCredentials(msgspec.Struct, kw_only=True):
    """What every request of a voter brings, whatever carried it: header values as they were sent."""

    authorization: bytes | None = None
    cookie: bytes | None = None
    origin: str | None = None
    host: str | None = None
    secure: bool = False
    """Whether the connection is encrypted as far as the service can see."""
    client: ClientAddress = UNKNOWN
    """Where the request comes from, as far as that is believed."""


class VoteRequest(RequestCredentials, kw_only=True):
    """A vote as it arrived."""

    poll_id: str
    content_type: bytes | None = None
    idempotency_key: bytes | None = None
    body: bytes = b""


class OwnVoteRequest(RequestCredentials, kw_only=True):
    """A question about the caller's own vote; ``revision``, as written in the query, is the one it means."""

    poll_id: str
    idempotency_key: bytes | None = None
    revision: str | None = None


class ReceiptRequest(RequestCredentials, kw_only=True):
    """A receipt as it was shown."""

    poll_id: str
    content_type: bytes | None = None
    body: bytes = b""


class RegistrationRequest(RequestCredentials, kw_only=True):
    """Somebody asks for a token or a ticket; ``sites`` are those of the poll that it is for."""

    sites: tuple[str, ...] | None = None
    content_type: bytes | None = None
    body: bytes = b""


class BodyReader(Generic[Shape]):
    """Reads the JSON objects of one shape."""

    __slots__ = ("_decode",)

    def __init__(self, shape: type[Shape]) -> None:
        self._decode = msgspec.json.Decoder(shape).decode

    def read(self, content_type: bytes | None, body: bytes) -> Shape | InvalidChoice:
        """The body, or what is wrong with its fields, to be raised once it is known who asks.

        Raises ``UnsupportedMediaType``, ``BodyTooLarge`` and ``MalformedBody``, in this order.
        """
        if content_type != _JSON:
            check_media_type(content_type)
        if len(body) > LARGEST_BODY_BYTES:
            raise BodyTooLarge(LARGEST_BODY_BYTES)
        try:
            return self._decode(body)
        except msgspec.ValidationError as error:
            _check_object(body)
            field, detail = explain_validation_error(error)
            return InvalidChoice(detail, field)
        except (ValueError, RecursionError) as error:
            if _is_object(body):
                return InvalidChoice("The body holds a number that no choice can be.")
            raise _malformed(error) from None

    def read_optional(self, content_type: bytes | None, body: bytes) -> Shape | InvalidChoice | None:
        """The same where a body may be left out; None where it was."""
        return self.read(content_type, body) if body else None


def check_media_type(content_type: bytes | None) -> None:
    """Passes for JSON; else ``UnsupportedMediaType``.

    A body without a type is refused as well. That is more than tidiness: a
    page of a foreign site can send a body of no type, of plain text or of a
    form without asking first, and JSON only after a preflight (Fetch, section
    3.2.2, "CORS-safelisted"), which this service does not grant it.
    """
    if content_type is None or content_type.partition(b";")[0].strip().lower() != _JSON:
        raise UnsupportedMediaType(JSON)


def check_idempotency_key(key: bytes) -> None:
    """Passes for 1 to 255 visible ASCII characters; else ``InvalidChoice``."""
    if not _IDEMPOTENCY_KEY.fullmatch(key):
        raise InvalidChoice("An Idempotency-Key has 1 to 255 visible ASCII characters.", "Idempotency-Key")


def _check_object(body: bytes) -> None:
    """A decoder that stops at the first wrong field has not seen whether the rest is JSON at all."""
    try:
        document = msgspec.json.decode(body)
    except (ValueError, RecursionError) as error:
        if _is_object(body):
            return
        raise _malformed(error) from None
    if not isinstance(document, dict):
        raise MalformedBody("The body must be a JSON object.")


def _is_object(body: bytes) -> bool:
    """Whether the body is a JSON object to a reader that bounds no numbers, as JSON itself does not."""
    try:
        document = json.loads(body.decode(), parse_int=str, parse_float=str, parse_constant=_no_json)
        json.dumps(document, ensure_ascii=False).encode()  # half a character is no text
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict)


def _no_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _malformed(error: Exception) -> MalformedBody:
    # The decoder raises DecodeError and UnicodeDecodeError (both ValueErrors), and
    # RecursionError for a body of brackets, long before the stack would be in danger.
    reason = "it nests too deeply" if isinstance(error, RecursionError) else str(error).rstrip(".")
    return MalformedBody(f"The body must be a JSON object in UTF-8: {reason}.")
