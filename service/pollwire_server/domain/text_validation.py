"""Validation of text for people: it must be visible, and must not contain control characters.

A screen or a terminal would act on a control character instead of showing it.
"""

from __future__ import annotations

import unicodedata
from typing import Final

from pollwire_server.domain.errors import InvalidPoll

_INVISIBLE: Final = frozenset({"Cc", "Cf", "Mn", "Me", "Zs", "Zl", "Zp"})
"""General categories (Unicode, chapter 4.5) without a glyph of their own: controls, marks, spaces."""
_DEFAULT_IGNORABLE: Final = (
    *(range(0x115F, 0x1161), range(0x17B4, 0x17B6), range(0x180B, 0x1810), range(0x2060, 0x2070)),
    *(range(0x3164, 0x3165), range(0xFE00, 0xFE10), range(0xFFA0, 0xFFA1), range(0xFFF0, 0xFFF9)),
    *(range(0x1BCA0, 0x1BCA4), range(0x1D173, 0x1D17B), range(0xE0000, 0xE1000)),
)
"""Code points with the property Default_Ignorable_Code_Point (DerivedCoreProperties.txt of Unicode 16) that
the categories do not cover, unassigned ones included: the Hangul fillers and others."""
_BLANK_SYMBOLS: Final = frozenset("\u2800\U00013441\U00013442\U0001d159")
"""Symbols whose glyph is empty: braille blank, blank hieroglyphs, null notehead."""
_REJECTED: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Controls, surrogates, and separators of lines and paragraphs."""
_LINE_CHARACTERS: Final = "\n\t"


def is_blank(text: str) -> bool:
    """Return True if no character of the text is visible by itself."""
    return all(_is_invisible(character) for character in text)


def _is_invisible(character: str) -> bool:
    return (
        unicodedata.category(character) in _INVISIBLE
        or character in _BLANK_SYMBOLS
        or any(ord(character) in block for block in _DEFAULT_IGNORABLE)
    )


def has_control_characters(text: str) -> bool:
    """Return True if the text has control characters, or separators of lines or paragraphs."""
    return any(unicodedata.category(character) in _REJECTED for character in text)


def check_text(text: str, field: str, *, multiline: bool = False) -> None:
    """Raise ``InvalidPoll`` for a text that is blank or contains control characters.

    With ``multiline``, newlines and tabs are allowed.
    """
    if text and is_blank(text):
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
