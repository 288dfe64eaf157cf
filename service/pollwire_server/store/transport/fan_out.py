"""The same query to several servers at once, some of which may not reply or may have stale data."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any, TypeVar

T = TypeVar("T")


async def gather_replies(
    queries: Collection[asyncio.Task[T]], awaited: Collection[asyncio.Task[Any]], within_s: float
) -> list[T]:
    """Return the replies of all tasks in ``queries`` that succeed. Wait for ``awaited``, at most
    ``within_s`` seconds.

    If no task has succeeded by then, wait for the first success. All remaining tasks are cancelled. Raises
    the first error if all tasks fail.
    """
    try:
        await asyncio.wait(awaited, timeout=within_s)
        while not any(map(_has_succeeded, queries)) and (
            pending := [task for task in queries if not task.done()]
        ):
            await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in queries:
            task.cancel()
        await asyncio.wait(queries)
    replies = [task.result() for task in queries if _has_succeeded(task)]
    if not replies:
        raise next(error for task in queries if (error := task.exception()) is not None)
    return replies


def _has_succeeded(task: asyncio.Task[Any]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None
