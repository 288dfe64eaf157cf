"""Reliable cancellation of tasks that use the store.

On Python 3.11 ``asyncio.wait_for``, through which the client sends, can lose a cancellation. This happens if
the cancellation arrives in the same loop iteration in which the send completes (CPython gh-86296, fixed in
3.12). The task then continues. ``cancel_and_wait`` therefore cancels again until the task has ended. A task
with a loop calls ``raise_if_cancelled`` before it waits.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

RETRY_INTERVAL_S: Final = 0.5
"""Longer than the cleanup of any task here, because a second cancellation interrupts the cleanup."""


def raise_if_cancelled() -> None:
    """Raise ``CancelledError`` if the current task has lost a cancellation."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def cancel_and_wait(*tasks: asyncio.Task[Any]) -> None:
    """Cancel the tasks and wait for them. Their exceptions are discarded."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=RETRY_INTERVAL_S)
    await asyncio.gather(*tasks, return_exceptions=True)
