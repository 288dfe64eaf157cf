"""Tasks that talk to the store end when they are told to."""

from __future__ import annotations

import asyncio

from pollwire_server.store.transport.cancellation import cancel_and_wait, raise_if_cancelled


async def forever() -> None:
    await asyncio.Event().wait()


async def hard_of_hearing() -> None:
    """Goes on after the first cancellation, as a task does whose sending completed in that turn."""
    try:
        await forever()
    except asyncio.CancelledError:
        await forever()


async def failing() -> None:
    raise RuntimeError("before it was told to end")


async def test_a_task_ends_though_it_lost_the_first_word() -> None:
    """Whoever ends a task gets it ended, also one to which a cancellation was lost."""
    tasks = [asyncio.create_task(forever()), asyncio.create_task(hard_of_hearing())]
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await cancel_and_wait(*tasks)
    assert all(task.cancelled() for task in tasks)


async def test_a_task_that_failed_ends_nobody_else() -> None:
    """What a task raised is not raised where it is ended, and is not reported as overlooked."""
    task = asyncio.create_task(failing())
    await asyncio.wait([task])
    await cancel_and_wait(task)
    assert not task.cancelled()


async def test_no_task_is_nothing_to_wait_for() -> None:
    """Ending nothing returns."""
    await cancel_and_wait()


async def test_a_task_that_goes_round_heeds_what_it_lost() -> None:
    """Asked to end while it was at something that swallows the asking, it ends before it waits again."""
    swallowed = asyncio.Event()

    async def going_round() -> None:
        raise_if_cancelled()  # nobody has asked yet
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
