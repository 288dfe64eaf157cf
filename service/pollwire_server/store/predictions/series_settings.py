"""Settings of a series: its title, and what orders its leaderboard.

A new order concerns every row. Pages of rows are written into the hidden set of ranking values, and one step
then shows it as a new version (``functions/rank_series_page.lua``). A field of the series holds the progress,
so a repeated request, or a resolution that has to wait, continues the work of a process that died.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from pollwire_server.store.keys import series_keys
from pollwire_server.store.predictions.progress import Progress
from pollwire_server.store.transport.cancellation import cancel_and_wait
from pollwire_server.store.transport.connection import StoreConnection
from pollwire_server.store.transport.function_library import ReplyCode

MAX_REQUEST_WAIT_S: Final = 0.6
"""Maximum wait of a request. After it the request returns the progress."""
RANKING: Final = "-"
"""Takes the place of a poll in ``waiting_for`` while the leaderboard is being ordered."""
_RETRY_AFTER_S: Final = 0.05


class SeriesSettings:
    """Changes the settings of series."""

    def __init__(self, connection: StoreConnection) -> None:
        self._connection = connection
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._progress: dict[str, Progress] = {}

    async def edit(self, series: str, changes: Mapping[str, str]) -> Progress | None:
        """Set these fields (an empty text: the default). Return None, or the progress if it takes longer.

        A series that does not exist is created. A repeat changes nothing. Raises ``StoreUnavailable``.
        """
        keys = series_keys(self._connection.namespace, series)
        flat = [text for change in changes.items() for text in change]
        deadline = asyncio.get_running_loop().time() + MAX_REQUEST_WAIT_S
        while True:
            answer, *rest = await self._connection.call("edit_series", keys, flat)
            if answer == ReplyCode.DONE.encode():
                return None
            if answer == ReplyCode.WAITING.encode():
                progress = Progress(0, 0, rest[0].decode())
                await asyncio.sleep(_RETRY_AFTER_S)
            else:
                progress = await self.rank(series, rest[0], deadline)
            if asyncio.get_running_loop().time() >= deadline:
                return progress

    async def resume(self, series: str, deadline: float) -> None:
        """Continue an unfinished ordering of the leaderboard until the deadline (loop time)."""
        key = series_keys(self._connection.namespace, series).series
        ranking = await self._connection.command("HGET", key, "ranking")
        if ranking is not None:
            await self.rank(series, ranking, deadline)

    async def rank(self, series: str, ranking: bytes, deadline: float) -> Progress:
        """Order the leaderboard in a background task. Wait for it until the deadline (loop time)."""
        task = self._tasks.get(series)
        if task is None:
            self._progress[series] = _progress_of(ranking)
            task = asyncio.create_task(self._rank(series, ranking), name="rank-series")
            self._tasks[series] = task
            task.add_done_callback(lambda task: self._on_task_done(series, task))
        progress = self._progress[series]
        await asyncio.wait([task], timeout=max(deadline - asyncio.get_running_loop().time(), 0))
        if task.done():
            task.result()
        return self._progress.get(series, progress)

    async def close(self) -> None:
        """Cancel the tasks. The work continues later from its last step."""
        await cancel_and_wait(*self._tasks.values())

    async def _rank(self, series: str, ranking: bytes) -> None:
        keys = series_keys(self._connection.namespace, series)
        while True:
            answer, *rest = await self._connection.call("rank_series_page", keys, (ranking,))
            if answer != ReplyCode.IN_PROGRESS.encode():
                return
            ranking = rest[0]
            self._progress[series] = _progress_of(ranking)

    def _on_task_done(self, series: str, task: asyncio.Task[None]) -> None:
        del self._tasks[series], self._progress[series]
        if not task.cancelled():
            task.exception()  # marks it as retrieved: waiting requests raise it, others repeat the request


def _progress_of(ranking: bytes) -> Progress:
    """Decode the field ``ranking`` of a series (``functions/rank_series_page.lua``)."""
    *_, done, total = ranking.split(b" ")
    return Progress(int(done), int(total))
