"""Lists, which the service tells a page at a time, as one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from pollwire.errors import Document

PAGE: Final = 100
"""Items asked for at a time; the service gives as many of any list."""

Page = Callable[[dict[str, str]], Awaitable[Document]]
"""Brings one page, ``{"items", "next"}``, for these parameters of the query."""


async def fetch_all_pages(page: Page, *, limit: int | None = None) -> tuple[list[Document], str | None]:
    """The first ``limit`` items (None: all), and the cursor where more begin (None: there are none)."""
    items: list[Document] = []
    params: dict[str, str] = {}
    while True:
        params["limit"] = str(PAGE if limit is None else min(limit - len(items), PAGE))
        told = await page(params)
        items += told["items"]
        if told["next"] is None or (limit is not None and len(items) >= limit):
            return items, told["next"]
        params["cursor"] = told["next"]
