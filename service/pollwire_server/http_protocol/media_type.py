"""Validation of ``Content-Type`` and ``Content-Encoding``, which say how to read a request body."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from pollwire_server.domain.errors import UnsupportedContentCoding, UnsupportedMediaType

_CHARSET: Final = re.compile(rb';\s*charset\s*=\s*"?([^\s";]*)', re.IGNORECASE)
_UTF_8: Final = frozenset({b"utf-8", b"utf8", b"us-ascii"})


def check_media_type(content_type: bytes | None, wanted: str) -> None:
    """Raise ``UnsupportedMediaType`` unless the media type is ``wanted``, and its charset UTF-8 if given.

    A body without a type is rejected too. This protects against cross-site requests: without a preflight, a
    page of another origin can send a body without a type, plain text or a form (Fetch, section 3.2.2,
    "CORS-safelisted"). It can send JSON only after a preflight, which this service does not grant to foreign
    origins.
    """
    media_type, _, _ = (content_type or b"").partition(b";")
    if media_type.strip().lower() != wanted.encode("ascii"):
        raise UnsupportedMediaType(wanted)
    charset = _CHARSET.search(content_type or b"")
    if charset is not None and charset[1].lower() not in _UTF_8:
        raise UnsupportedMediaType(wanted, "Encode the body as UTF-8 and set the charset of Content-Type.")


def check_content_coding(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Raise ``UnsupportedContentCoding`` for a body with a content coding (RFC 9110, 8.4 and 15.5.16)."""
    for name, value in headers:
        if name == b"content-encoding":
            codings = {coding.strip().lower() for coding in value.split(b",")}
            if codings - {b"", b"identity"}:
                raise UnsupportedContentCoding


def accepts_gzip(accept_encoding: str) -> bool:
    """Return True if ``Accept-Encoding`` accepts gzip (RFC 9110, section 12.5.3)."""
    for item in accept_encoding.lower().split(","):
        coding, _, weight = item.replace(" ", "").partition(";q=")
        if coding in ("gzip", "*"):
            return weight == "" or weight.strip("0.") != ""
    return False
