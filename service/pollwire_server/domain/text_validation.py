"""What people read of a poll: something to see, and nothing that a screen or a terminal would obey."""

from __future__ import annotations

import unicodedata
from typing import Final

from pollwire_server.domain.errors import InvalidPoll

_UNSEEN: Final = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
"""General categories (Unicode, chapter 4.5) of what leaves no mark: controls, formats, spaces."""
_REFUSED: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Controls, halves of characters, and separators of lines and paragraphs."""
_OF_SEVERAL_LINES: Final = "\n\t"


def check_text(text: str, field: str, *, may_break: bool = False) -> None:
    """``InvalidPoll`` for a text that is blank or has control characters.

    ``may_break``: it may have several lines, and tabs.
    """
    if text and all(unicodedata.category(character) in _UNSEEN for character in text):
        raise InvalidPoll(field, f"{field} is blank; write something that people can see.")
    for place, character in enumerate(text):
        if may_break and character in _OF_SEVERAL_LINES:
            continue
        if unicodedata.category(character) in _REFUSED:
            allowed = " other than newlines and tabs" if may_break else ""
            raise InvalidPoll(
                field,
                f"{field} has a control character{allowed}: U+{ord(character):04X}, character {place + 1}.",
            )
