"""Cancellation of tasks that use the store."""

from __future__ import annotations

import asyncio

from pollwire_server.store.transport.cancellation import cancel_and_wait, raise_if_cancelled


async def forever() -> None:
    await asyncio.Event().wait()


async def ignores_cancellation() -> None:
    """Continue after the first cancellation, as a task whose write completed in the same iteration."""
    try:
        await forever()
    except asyncio.CancelledError:
        await forever()


async def failing() -> None:
    raise RuntimeError("before it was cancelled")


async def test_task_with_lost_cancellation_ends() -> None:
    tasks = [asyncio.create_task(forever()), asyncio.create_task(ignores_cancellation())]
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await cancel_and_wait(*tasks)
    assert all(task.cancelled() for task in tasks)


async def test_exception_of_cancelled_task_is_discarded() -> None:
    task = asyncio.create_task(failing())
    await asyncio.wait([task])
    await cancel_and_wait(task)
    assert not task.cancelled()


async def test_cancelling_no_tasks_returns() -> None:
    await cancel_and_wait()


async def test_looping_task_ends_after_lost_cancellation() -> None:
    swallowed = asyncio.Event()

    async def going_round() -> None:
        raise_if_cancelled()  # not cancelled yet
        try:
            await forever()
        except asyncio.CancelledError:
            swallowed.set()
        raise_if_cancelled()
        await forever()

    task = asyncio.create_task(going_round())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task], timeout=5)
    assert (swallowed.is_set(), task.cancelled()) == (True, True)
