"""oEmbed 1.0 (oembed.com): the embed code that an editor fetches for a poll's URL."""

from __future__ import annotations

import html
import re
from typing import Final
from xml.sax.saxutils import escape

import msgspec

from pollwire_server.domain.poll import Kind, Poll

WIDTH: Final = 640
_BASE_HEIGHT: Final = 220
"""Height of the parts above and below the options, in CSS pixels."""
_ROW_HEIGHT: Final = 62
CACHE_AGE_S: Final = 3600
"""Cache lifetime of a response in seconds. Only the wording of the question can change."""

_PIXELS: Final = re.compile(r"\s*([0-9]{1,9})(?:\.[0-9]*)?\s*", re.ASCII)


class EmbedSize(msgspec.Struct, frozen=True):
    """Maximum size that the embedding site allows, in CSS pixels. None is no limit."""

    width: int | None
    height: int | None

    @classmethod
    def from_query(cls, maxwidth: str | None, maxheight: str | None) -> EmbedSize:
        """Return the limits of the query. An invalid number is no limit."""
        return cls(_pixels(maxwidth), _pixels(maxheight))


def oembed_response(poll: Poll, *, base: str, max_size: EmbedSize) -> dict[str, str | int]:
    """Return the response fields: type ``rich``, with the poll's iframe as markup."""
    width, height = _size(poll, max_size)
    return {
        "version": "1.0",
        "type": "rich",
        "title": poll.question,
        "provider_name": "Pollwire",
        "provider_url": f"{base}/",
        "cache_age": CACHE_AGE_S,
        "width": width,
        "height": height,
        "html": iframe(f"{base}/embed/{poll.id}", poll.question, width, height),
    }


def iframe(url: str, title: str, width: int, height: int) -> str:
    """Return the iframe of a poll. It shrinks with its container and loads lazily."""
    return (
        f'<iframe src="{html.escape(url)}" title="{html.escape(title)}" width="{width}" '
        f'height="{height}" style="border:0;max-width:100%" loading="lazy"></iframe>'
    )


def to_xml(response: dict[str, str | int]) -> bytes:
    """Return the response fields as XML (oEmbed, section 2.3.4.2)."""
    fields = "".join(f"<{name}>{escape(_xml_safe(str(value)))}</{name}>" for name, value in response.items())
    return f'<?xml version="1.0" encoding="utf-8" standalone="yes"?>\n<oembed>{fields}</oembed>\n'.encode()


def _xml_safe(text: str) -> str:
    """Return the text with characters replaced that XML 1.0 (section 2.2) does not allow."""
    return re.sub(
        r"[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]", "\N{REPLACEMENT CHARACTER}", text
    )


def _size(poll: Poll, max_size: EmbedSize) -> tuple[int, int]:
    rows = len(poll.scale.values) if poll.kind is Kind.RATING and poll.scale else len(poll.options)
    width = WIDTH if max_size.width is None else min(WIDTH, max_size.width)
    height = _BASE_HEIGHT + _ROW_HEIGHT * rows
    return width, height if max_size.height is None else min(height, max_size.height)


def _pixels(text: str | None) -> int | None:
    found = _PIXELS.fullmatch(text or "")
    return int(found[1]) or None if found else None
