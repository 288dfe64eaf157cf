"""Prediction calls of the client: outcomes, and the leaderboards of series."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from pollwire.errors import ApiError, Document
from pollwire.pagination import fetch_all_pages

_TRIES = 5
"""Attempts to read a leaderboard of one version."""
_AGAIN_AFTER_S = 0.2
"""Pause between two requests for the progress of the scoring."""

Progress = Callable[[int, int], None]
"""Called with the number of voters scored (or unscored) so far, and with the total."""


class PredictionCalls:
    """Calls for predictions and series. ``Client`` inherits them and provides the requests."""

    token: str | None
    _call_operator: Callable[..., Awaitable[Document]]
    """Send one request with the operator's key, and repeat it where that is safe."""
    _call: Callable[..., Awaitable[Document]]

    async def resolve(
        self,
        poll: str,
        outcome: str | None,
        *,
        effective_at: str | None = None,
        note: str | None = None,
        source: str | None = None,
        correct: bool = False,
        on_progress: Progress | None = None,
    ) -> Document:
        """Resolve a prediction (outcome None: annul it). Return the poll when all voters are scored.

        The choices at ``effective_at`` (RFC 3339; default: the end of voting) score. ``correct`` replaces the
        outcome of a resolved prediction. ``source`` is an https URL with evidence of the outcome.
        """
        fields: dict[str, Any] = {"effective_at": effective_at, "note": note, "source": source}
        body = {"outcome": outcome, **{name: value for name, value in fields.items() if value is not None}}
        if correct:
            body["correct"] = True
        return await self._until_scored(poll, "resolve", body, on_progress)

    async def unresolve(self, poll: str, *, on_progress: Progress | None = None) -> Document:
        """Undo a resolution. Return the poll, closed again, when all its scores are removed."""
        return await self._until_scored(poll, "unresolve", {}, on_progress)

    async def series(self, series: str) -> Document:
        """Return a series: its settings, the numbers of its polls by phase, and the crowd's scores."""
        return await self._call("GET", _series(series))

    async def calibration(self, series: str) -> Document:
        """Return the calibration of the crowd: ``{"series", "crowd": bins}``."""
        return await self._call("GET", f"{_series(series)}/calibration")

    async def edit_series(
        self, series: str, *, on_progress: Progress | None = None, **settings: str | int | None
    ) -> Document:
        """Change ``title``, ``rank_by`` or ``minimum`` of a series; None resets ``title`` or ``minimum``.

        Return the series when its leaderboard has the new order.
        """
        path = f"/v1/admin/series/{quote(series, safe='')}"
        return await self._until_complete("PUT", path, settings, on_progress)

    async def leaderboard(self, series: str, *, limit: int) -> tuple[list[Document], str | None]:
        """Return the first ``limit`` rows of one version, and the cursor of the next page.

        A change of the leaderboard between two pages starts it again. Raises ``ApiError`` if that happens
        several times.
        """
        path = f"{_series(series)}/leaderboard"
        for _ in range(_TRIES):
            try:
                return await fetch_all_pages(
                    lambda params: self._call("GET", path, params=params), limit=limit
                )
            except ApiError as error:
                if error.document.get("field") != "cursor":
                    raise
                changed = error
        raise changed

    async def own_series_page(self, series: str, *, cursor: str | None = None) -> Document:
        """Return ``{"row", "items", "next", "calibration"}``: the voter's row, and a page of the history."""
        params = {} if cursor is None else {"cursor": cursor}
        return await self._call("GET", f"{_series(series)}/mine", bearer=self.token, params=params)

    async def _until_scored(
        self, poll: str, action: str, body: Document, on_progress: Progress | None
    ) -> Document:
        """Repeat the request until the service has finished the scoring."""
        path = f"/v1/admin/polls/{quote(poll, safe='')}/{action}"
        return await self._until_complete("POST", path, body, on_progress)

    async def _until_complete(
        self, method: str, path: str, body: Document, on_progress: Progress | None
    ) -> Document:
        while "done" in (answer := await self._call_operator(method, path, json=body)):
            if on_progress is not None:
                on_progress(answer["done"], answer["total"])
            await asyncio.sleep(_AGAIN_AFTER_S)
        return answer


def _series(series: str) -> str:
    return f"/v1/series/{quote(series, safe='')}"
