"""Waiting for a condition. Tests never wait for a fixed time."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable

_GLANCE_S = 0.01
"""Interval between two checks of the condition, short compared with every awaited event."""


async def until(condition: Callable[[], object | Awaitable[object]], within_s: float = 5.0) -> None:
    """Wait until ``condition()`` (plain or async) is true.

    Raise ``AssertionError`` after ``within_s`` seconds.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    while not await _holds(condition):
        if loop.time() >= deadline:
            raise AssertionError(f"still not true after {within_s} s: {inspect.getsource(condition).strip()}")
        await asyncio.sleep(_GLANCE_S)


async def _holds(condition: Callable[[], object | Awaitable[object]]) -> bool:
    answer = condition()
    return bool(await answer if inspect.isawaitable(answer) else answer)
