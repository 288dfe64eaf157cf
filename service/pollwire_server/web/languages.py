"""In which language a page is sent: the one that the reader's browser asks for, of those that we speak.

The texts that stand in the pages themselves are here, one file a language
under ``texts/``, so that a page is right from its first byte: its ``lang`` and
direction, its words, its title. What scripts say later is in
``static/words/page/``, in the language that the page names. ``?lang=`` wins
over the browser, for readers who want another and for links that mean one.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from pollwire_server.web.assets.static_files import AnyRequest

LOCALES: Final = Path(__file__).parent / "locales"
LANGUAGES: Final = ("en", "fr", "es", "ar")
RIGHT_TO_LEFT: Final = frozenset({"ar"})

_RANGE: Final = re.compile(
    r"\s*(?P<tag>(?P<primary>[A-Za-z]{1,8}|\*)(?:-[A-Za-z0-9-]{1,20})?)\s*(?:;\s*q=(?P<weight>[0-9.]{1,5}))?\s*"
)


class Language(msgspec.Struct, frozen=True):
    """A language, the way it runs, and what the pages say in it."""

    tag: str
    direction: str
    texts: Mapping[str, str]

    def values(self) -> dict[str, str]:
        """What a page's ``{{names}}`` stand for: ``lang``, ``dir``, and each text under ``say_``."""
        said = {f"say_{name}": text for name, text in self.texts.items()}
        return {**said, "lang": self.tag, "dir": self.direction}


class Languages:
    """Every language, read once."""

    def __init__(self, folder: Path = LOCALES) -> None:
        self._known = {tag: _read(folder, tag) for tag in LANGUAGES}

    def of(self, request: AnyRequest) -> Language:
        """The reader's language, or English."""
        wanted = request.query_params.get("lang", "")
        if wanted in self._known:
            return self._known[wanted]
        tag = preferred(request.headers.get("accept-language", ""))
        return msgspec.structs.replace(self._known[tag.partition("-")[0].lower()], tag=tag)

    def each(self) -> tuple[Language, ...]:
        """All of them, English first."""
        return tuple(self._known.values())


def preferred(accept_language: str) -> str:
    """The first of ours by weight, then by place (RFC 9110, section 12.5.4); ``en`` where none is named.

    With its region, if it came with one: scripts write numbers and dates by it.
    """
    ranked: list[tuple[float, int, str]] = []
    for place, item in enumerate(accept_language[:400].split(",")):
        found = _RANGE.fullmatch(item)
        if found is None:
            continue
        primary, weight = found["primary"].lower(), weight_of(found["weight"])
        if weight > 0 and (primary in LANGUAGES or primary == "*"):
            ranked.append((-weight, place, "en" if primary == "*" else found["tag"]))
    return min(ranked)[2] if ranked else "en"


def weight_of(text: str | None) -> float:
    """How much something is wanted (RFC 9110, section 12.4.2): 1 where it is not said, 0 for nonsense."""
    try:
        return 1.0 if text is None else float(text)
    except ValueError:
        return 0.0


def _read(folder: Path, tag: str) -> Language:
    texts = tomllib.loads((folder / f"{tag}.toml").read_text("utf-8"))
    return Language(tag, "rtl" if tag in RIGHT_TO_LEFT else "ltr", texts)
