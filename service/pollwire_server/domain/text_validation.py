"""Validation of text for people: it must be visible, and must not contain control characters.

A screen or a terminal would act on a control character instead of showing it.
"""

from __future__ import annotations

import unicodedata
from typing import Final

from pollwire_server.domain.errors import InvalidPoll

_INVISIBLE: Final = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
"""General categories (Unicode, chapter 4.5) without a visible glyph: controls, formats, spaces."""
_REJECTED: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Controls, surrogates, and separators of lines and paragraphs."""
_LINE_CHARACTERS: Final = "\n\t"


def check_text(text: str, field: str, *, multiline: bool = False) -> None:
    """Raise ``InvalidPoll`` for a text that is blank or contains control characters.

    With ``multiline``, newlines and tabs are allowed.
    """
    if text and all(unicodedata.category(character) in _INVISIBLE for character in text):
        raise InvalidPoll(field, f"{field} must not be blank.")
    for index, character in enumerate(text):
        if multiline and character in _LINE_CHARACTERS:
            continue
        if unicodedata.category(character) in _REJECTED:
            allowed = " other than newlines and tabs" if multiline else ""
            raise InvalidPoll(
                field,
                f"{field} contains a control character{allowed}: "
                f"U+{ord(character):04X} at position {index + 1}.",
            )
