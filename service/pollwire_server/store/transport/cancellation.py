"""How a task that talks to the store is ended.

On Python 3.11 ``asyncio.wait_for``, through which the client sends, loses a
cancellation that arrives in the very turn in which the sending completes
(CPython's gh-86296, mended in 3.12): the task goes on as if nobody had asked.
So whoever cancels such a task asks again until it has ended, and one that goes
round looks, before it waits, whether it was asked (``heed``).
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

ASK_AGAIN_AFTER_S: Final = 0.5
"""Longer than any task here takes to tidy up, since asking again would cut that short."""


def raise_if_cancelled() -> None:
    """Raises the ``CancelledError`` that was lost on the task which calls this, if one was."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def cancel_and_wait(*tasks: asyncio.Task[Any]) -> None:
    """Cancel the tasks and return once all have ended; what they raised is nobody's business any more."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=ASK_AGAIN_AFTER_S)
    await asyncio.gather(*tasks, return_exceptions=True)
