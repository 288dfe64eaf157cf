"""Single flight: concurrent reads of one poll share at most two reads, one running and one waiting.

A caller gets a read that starts after its call, so the result is never older than the call. A read that
already runs does not qualify. A crowd of any size therefore costs two reads at a time. Results are not kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")


class SingleFlight(Generic[Result]):
    """Shares calls of ``read``, a function of the poll id."""

    def __init__(self, read: Callable[[str], Awaitable[Result]]) -> None:
        self._read = read
        self._running: dict[str, asyncio.Task[Result]] = {}
        self._pending: dict[str, asyncio.Task[Result]] = {}

    @property
    def are_running(self) -> bool:
        """Return True if any read is in progress."""
        return bool(self._running)

    async def run(self, poll_id: str) -> Result:
        """Return the result of a read that starts after this call. Exceptions of the read propagate."""
        pending = self._pending.get(poll_id)
        if pending is None:
            pending = asyncio.create_task(self._read_after(poll_id, self._running.get(poll_id)))
            pending.add_done_callback(consume_exception)
            self._pending[poll_id] = pending
        return await asyncio.shield(pending)  # a cancelled caller does not cancel the read of the others

    async def _read_after(self, poll_id: str, running: asyncio.Task[Result] | None) -> Result:
        if running is not None:
            await asyncio.wait([running])
        task = self._running[poll_id] = self._pending.pop(poll_id)
        try:
            return await self._read(poll_id)
        finally:
            if self._running.get(poll_id) is task:
                del self._running[poll_id]


def consume_exception(task: asyncio.Task[Any]) -> None:  # Any: result of any read
    """Mark the exception of a shared read as retrieved. Callers that still wait raise it themselves."""
    if not task.cancelled():
        task.exception()
