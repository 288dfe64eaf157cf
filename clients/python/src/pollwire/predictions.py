"""The client's calls about predictions: what they came to, and who is ahead in a series."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from pollwire.errors import Document
from pollwire.pagination import fetch_all_pages

_AGAIN_AFTER_S = 0.2
"""Between two questions how far the scoring is."""

Progress = Callable[[int, int], None]
"""Told how many voters are scored (or unscored), and how many there are."""


class PredictionCalls:
    """What may be done with predictions and their series; the ``Client`` brings the way to the service."""

    token: str | None
    _operator_call: Callable[..., Awaitable[Document]]
    """One call with the operator's key, repeated where that is safe."""
    _call: Callable[..., Awaitable[Document]]

    async def resolve(
        self,
        poll: str,
        outcome: str | None,
        *,
        effective_at: str | None = None,
        note: str | None = None,
        on_progress: Progress | None = None,
    ) -> Document:
        """The poll once it has come to the outcome (None: annulled) and everybody is scored.

        ``effective_at`` (RFC 3339): a choice changed after it does not score; default: the end of voting.
        """
        wishes: dict[str, Any] = {"effective_at": effective_at, "note": note}
        body = {"outcome": outcome, **{name: wish for name, wish in wishes.items() if wish is not None}}
        return await self._until_scored(poll, "resolve", body, on_progress)

    async def unresolve(self, poll: str, *, on_progress: Progress | None = None) -> Document:
        """The poll, closed again, once every score for it is taken back."""
        return await self._until_scored(poll, "unresolve", {}, on_progress)

    async def leaderboard(self, series: str, *, limit: int) -> tuple[list[Document], str | None]:
        """The first ``limit`` rows, and the cursor where more begin."""
        path = f"{_series(series)}/leaderboard"
        return await fetch_all_pages(lambda params: self._call("GET", path, params=params), limit=limit)

    async def my_standing(self, series: str, *, cursor: str | None = None) -> Document:
        """``{"row", "items", "next"}``: the voter's own row and history, a page at a time."""
        params = {} if cursor is None else {"cursor": cursor}
        return await self._call("GET", f"{_series(series)}/mine", bearer=self.token, params=params)

    async def _until_scored(
        self, poll: str, act: str, body: Document, on_progress: Progress | None
    ) -> Document:
        """Repeats the act for as long as the service is at it."""
        path = f"/v1/admin/polls/{quote(poll, safe='')}/{act}"
        while "done" in (answer := await self._operator_call("POST", path, json=body)):
            if on_progress is not None:
                on_progress(answer["done"], answer["total"])
            await asyncio.sleep(_AGAIN_AFTER_S)
        return answer


def _series(series: str) -> str:
    return f"/v1/series/{quote(series, safe='')}"
