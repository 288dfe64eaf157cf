"""oEmbed (oembed.com, 1.0): the embed code that an editor fetches for the address of a poll."""

from __future__ import annotations

import html
import re
from typing import Final
from xml.sax.saxutils import escape

import msgspec

from pollwire_server.domain.poll import Kind, Poll

WIDTH: Final = 640
_FIRST_HEIGHT: Final = 220
"""What stands above and below the options, in CSS pixels."""
_ROW_HEIGHT: Final = 62
CACHE_AGE_S: Final = 3600
"""Cache lifetime of a response in seconds. Only the wording of the question can change."""

_PIXELS: Final = re.compile(r"\s*([0-9]{1,9})(?:\.[0-9]*)?\s*", re.ASCII)


class EmbedSize(msgspec.Struct, frozen=True):
    """The most that the asking site has room for, in CSS pixels; None: any."""

    width: int | None
    height: int | None

    @classmethod
    def of(cls, maxwidth: str | None, maxheight: str | None) -> EmbedSize:
        """As told in the query; what is no number of pixels is no bound."""
        return cls(_pixels(maxwidth), _pixels(maxheight))


def answer_for(poll: Poll, *, base: str, room: EmbedSize) -> dict[str, str | int]:
    """The answer's fields: a ``rich`` type, whose markup is the poll's frame."""
    width, height = _size(poll, room)
    return {
        "version": "1.0",
        "type": "rich",
        "title": poll.question,
        "provider_name": "Pollwire",
        "provider_url": f"{base}/",
        "cache_age": CACHE_AGE_S,
        "width": width,
        "height": height,
        "html": frame(f"{base}/embed/{poll.id}", poll.question, width, height),
    }


def frame(address: str, title: str, width: int, height: int) -> str:
    """The markup that shows a poll in a frame: never wider than its place, fetched once it comes near."""
    return (
        f'<iframe src="{html.escape(address)}" title="{html.escape(title)}" width="{width}" '
        f'height="{height}" style="border:0;max-width:100%" loading="lazy"></iframe>'
    )


def as_xml(answer: dict[str, str | int]) -> bytes:
    """The same fields as XML (section 2.3.4.2)."""
    fields = "".join(f"<{name}>{escape(_writable(str(value)))}</{name}>" for name, value in answer.items())
    return f'<?xml version="1.0" encoding="utf-8" standalone="yes"?>\n<oembed>{fields}</oembed>\n'.encode()


def _writable(text: str) -> str:
    """Without what XML 1.0 (section 2.2) cannot write, not even escaped."""
    return re.sub(
        r"[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]", "\N{REPLACEMENT CHARACTER}", text
    )


def _size(poll: Poll, room: EmbedSize) -> tuple[int, int]:
    rows = len(poll.scale.values) if poll.kind is Kind.RATING and poll.scale else len(poll.options)
    width = WIDTH if room.width is None else min(WIDTH, room.width)
    height = _FIRST_HEIGHT + _ROW_HEIGHT * rows
    return width, height if room.height is None else min(height, room.height)


def _pixels(text: str | None) -> int | None:
    found = _PIXELS.fullmatch(text or "")
    return int(found[1]) or None if found else None
