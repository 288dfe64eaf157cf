"""Pagination of lists that are completely in memory."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Generic, TypeVar

import msgspec

from pollwire_server.domain.errors import InvalidPoll

MAX_ITEMS: Final = 100
USUAL_ITEMS: Final = 50

Item = TypeVar("Item")


class Page(msgspec.Struct, Generic[Item], frozen=True):
    """One page of a list. ``next`` is the cursor of the next page, null on the last one."""

    items: list[Item]
    next: str | None


def limit_of(text: str | None) -> int:
    """Return the page size of the ``limit`` parameter. Raises ``InvalidPoll``."""
    if text is None:
        return USUAL_ITEMS
    if not re.fullmatch(r"[0-9]{1,3}", text, re.ASCII) or not 1 <= int(text) <= MAX_ITEMS:
        raise InvalidPoll("limit", f"limit must be a whole number from 1 to {MAX_ITEMS}, not {text[:20]!r}.")
    return int(text)


def page_of(names: Sequence[str], query: dict[str, str]) -> tuple[Sequence[str], str | None]:
    """Return the page that ``limit`` and ``cursor`` select, and the next cursor (None: last page).

    A cursor is the last name of the previous page. Raises ``InvalidPoll`` if that name does not exist (any
    more).
    """
    limit, cursor, begin = limit_of(query.get("limit")), query.get("cursor"), 0
    if cursor is not None:
        if cursor not in names:
            raise InvalidPoll("cursor", "cursor must be the next of an earlier page.")
        begin = names.index(cursor) + 1
    page = names[begin : begin + limit]
    return page, page[-1] if begin + limit < len(names) else None
