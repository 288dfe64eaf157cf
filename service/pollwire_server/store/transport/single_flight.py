"""Reads that many ask for at once: of each poll one runs and one waits, and serves all who came meanwhile.

Whoever asks gets a read that began later, so what it tells is never older than
the question; a read that runs already will not do. A crowd costs two reads at
a time whatever its size, and nothing is kept once it is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

Told = TypeVar("Told")


class SingleFlight(Generic[Told]):
    """Turns at ``read``, a function of the poll's id."""

    def __init__(self, read: Callable[[str], Awaitable[Told]]) -> None:
        self._read = read
        self._running: dict[str, asyncio.Task[Told]] = {}
        self._waiting: dict[str, asyncio.Task[Told]] = {}

    @property
    def are_running(self) -> bool:
        """Whether any read has begun, and is not over."""
        return bool(self._running)

    async def run(self, poll_id: str) -> Told:
        """What a read tells that begins after this call; raises what it raises."""
        waiting = self._waiting.get(poll_id)
        if waiting is None:
            waiting = asyncio.create_task(self._read_after(poll_id, self._running.get(poll_id)))
            waiting.add_done_callback(consume_exception)
            self._waiting[poll_id] = waiting
        return await asyncio.shield(waiting)  # one who goes away leaves it to the others

    async def _read_after(self, poll_id: str, running: asyncio.Task[Told] | None) -> Told:
        if running is not None:
            await asyncio.wait([running])
        task = self._running[poll_id] = self._waiting.pop(poll_id)
        try:
            return await self._read(poll_id)
        finally:
            if self._running.get(poll_id) is task:
                del self._running[poll_id]


def consume_exception(task: asyncio.Task[Any]) -> None:  # Any: of whatever is read
    """For when a shared read is over: whoever waited may have gone, and its error was theirs to see."""
    if not task.cancelled():
        task.exception()
