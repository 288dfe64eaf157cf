"""Pagination: fetches the pages of a list as one list."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from pollwire.errors import Document

PAGE: Final = 100
"""Items requested for each page. The service returns this many of any list."""

Page = Callable[[dict[str, str]], Awaitable[Document]]
"""Fetches the page ``{"items", "next"}`` for these query parameters."""


async def fetch_all_pages(page: Page, *, limit: int | None = None) -> tuple[list[Document], str | None]:
    """Return the first ``limit`` items (None: all) and the cursor of the next page (None: no more items)."""
    items: list[Document] = []
    params: dict[str, str] = {}
    while True:
        params["limit"] = str(PAGE if limit is None else min(limit - len(items), PAGE))
        answer = await page(params)
        items += answer["items"]
        if answer["next"] is None or (limit is not None and len(items) >= limit):
            return items, answer["next"]
        params["cursor"] = answer["next"]
