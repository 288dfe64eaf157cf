"""Languages of the HTML pages, negotiated by ``Accept-Language``.

Texts of the templates are in ``locales/``, one file per language, so that a page has its language, direction
and title from the first byte. Texts of the scripts are in ``static/i18n/page/``. ``?lang=`` overrides the
header.
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
    """Language tag, text direction and texts."""

    tag: str
    direction: str
    texts: Mapping[str, str]

    def values(self) -> dict[str, str]:
        """Return the template values: ``lang``, ``dir``, and each text under ``text_``."""
        texts = {f"text_{name}": text for name, text in self.texts.items()}
        return {**texts, "lang": self.tag, "dir": self.direction}


class Languages:
    """Registry of all languages, read once."""

    def __init__(self, folder: Path = LOCALES) -> None:
        self._known = {tag: _read(folder, tag) for tag in LANGUAGES}

    def of(self, request: AnyRequest) -> Language:
        """Return the language of the request, or English."""
        wanted = request.query_params.get("lang", "")
        if wanted in self._known:
            return self._known[wanted]
        tag = preferred(request.headers.get("accept-language", ""))
        return msgspec.structs.replace(self._known[tag.partition("-")[0].lower()], tag=tag)

    def each(self) -> tuple[Language, ...]:
        """Return all languages, English first."""
        return tuple(self._known.values())


def preferred(accept_language: str) -> str:
    """Return the preferred supported language (RFC 9110, section 12.5.4), or ``en``.

    The tag keeps its region, because scripts format numbers and dates by it.
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
    """Return the quality value (RFC 9110, section 12.4.2): 1 if absent, 0 if invalid."""
    try:
        return 1.0 if text is None else float(text)
    except ValueError:
        return 0.0


def _read(folder: Path, tag: str) -> Language:
    texts = tomllib.loads((folder / f"{tag}.toml").read_text("utf-8"))
    return Language(tag, "rtl" if tag in RIGHT_TO_LEFT else "ltr", texts)
