"""Reads that many ask for at once."""

from __future__ import annotations

import asyncio

import pytest
from pollwire_server.domain.errors import PollNotFound
from pollwire_server.store.transport.single_flight import SingleFlight


class Source:
    """Reads that end when they are let go on, and tell which in order they were."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.may_end = asyncio.Event()
        self.is_there = True

    async def read(self, poll_id: str) -> int:
        self.begun.append(poll_id)
        number = len(self.begun)
        await self.may_end.wait()
        if not self.is_there:
            raise PollNotFound(poll_id)
        return number


async def a_while() -> None:
    """Enough turns of the loop for whatever can begin to have begun."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_who_comes_while_a_read_runs_shares_the_next() -> None:
    """The first has a read; all who ask while it runs, whenever, have one other, which begins after it."""
    source = Source()
    turns = SingleFlight(source.read)
    asking = [asyncio.create_task(turns.run("a"))]
    await a_while()
    for _ in range(3):
        asking.append(asyncio.create_task(turns.run("a")))
        await a_while()
    assert (source.begun, turns.are_running) == (["a"], True)
    source.may_end.set()
    assert await asyncio.gather(*asking) == [1, 2, 2, 2]
    assert await turns.run("a") == 3
    assert not turns.are_running


async def test_no_poll_waits_for_another() -> None:
    """Reads of two polls run side by side."""
    source = Source()
    turns = SingleFlight(source.read)
    asking = [asyncio.create_task(turns.run(poll)) for poll in ("a", "b")]
    await a_while()
    assert source.begun == ["a", "b"]
    source.may_end.set()
    assert await asyncio.gather(*asking) == [1, 2]


async def test_a_failure_is_told_to_all_who_shared_it_and_to_nobody_else() -> None:
    """Whoever waited for a read that fails hears of it; the read after it is a read like any other."""
    source = Source()
    turns = SingleFlight(source.read)
    source.is_there = False
    source.may_end.set()
    for answer in await asyncio.gather(turns.run("a"), turns.run("a"), return_exceptions=True):
        assert isinstance(answer, PollNotFound)
    source.is_there = True
    assert await turns.run("a") == 2


async def test_a_failure_that_nobody_waits_for_any_more_is_silent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Where all who asked have gone, what a read raised is not complained of."""
    source = Source()
    turns = SingleFlight(source.read)
    source.is_there = False
    asking = asyncio.create_task(turns.run("a"))
    await a_while()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    source.may_end.set()
    await a_while()
    assert (turns.are_running, caplog.records) == (False, [])
