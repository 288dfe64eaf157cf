"""A page of a list that is held whole."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from pollwire_server.domain.errors import InvalidPoll

MOST_ITEMS: Final = 100
USUAL_ITEMS: Final = 50


def limit_of(text: str | None) -> int:
    """How many items a page is to have; ``InvalidPoll`` for what is no such number."""
    if text is None:
        return USUAL_ITEMS
    if not re.fullmatch(r"[0-9]{1,3}", text, re.ASCII) or not 1 <= int(text) <= MOST_ITEMS:
        raise InvalidPoll("limit", f"limit must be a whole number from 1 to {MOST_ITEMS}, not {text[:20]!r}.")
    return int(text)


def page_of(names: Sequence[str], query: dict[str, str]) -> tuple[Sequence[str], str | None]:
    """The names that ``limit`` and ``cursor`` ask for, and where to go on (None: nowhere).

    A cursor is the last name of the page before; ``InvalidPoll`` where that is not there (any more).
    """
    limit, cursor, begin = limit_of(query.get("limit")), query.get("cursor"), 0
    if cursor is not None:
        if cursor not in names:
            raise InvalidPoll("cursor", "cursor must be the next of an earlier page.")
        begin = names.index(cursor) + 1
    page = names[begin : begin + limit]
    return page, page[-1] if begin + limit < len(names) else None
