"""The same asked of several servers at once, of which some may be silent or know no better."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any, TypeVar

T = TypeVar("T")


async def gather_replies(
    asked: Collection[asyncio.Task[T]], awaited: Collection[asyncio.Task[Any]], within_s: float
) -> list[T]:
    """What those of ``asked`` tell who do; ``awaited`` are waited for, but for ``within_s`` seconds at most.

    Where nobody has told by then, the first who does is enough. Whoever is still silent is given up.
    Raises the first failure where all fail.
    """
    try:
        await asyncio.wait(awaited, timeout=within_s)
        while not any(map(_has_told, asked)) and (late := [task for task in asked if not task.done()]):
            await asyncio.wait(late, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in asked:
            task.cancel()
        await asyncio.wait(asked)
    told = [task.result() for task in asked if _has_told(task)]
    if not told:
        raise next(failure for task in asked if (failure := task.exception()) is not None)
    return told


def _has_told(task: asyncio.Task[Any]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None
