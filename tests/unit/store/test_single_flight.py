"""Concurrent reads that share one call."""

from __future__ import annotations

import asyncio

import pytest
from pollwire_server.domain.errors import PollNotFound
from pollwire_server.store.transport.single_flight import SingleFlight


class Source:
    """Fake read that ends when the test releases it, and returns its number."""

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
    """Run enough iterations of the event loop for all pending steps."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_callers_during_a_read_share_the_next_read() -> None:
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


async def test_reads_of_different_polls_run_concurrently() -> None:
    source = Source()
    turns = SingleFlight(source.read)
    asking = [asyncio.create_task(turns.run(poll)) for poll in ("a", "b")]
    await a_while()
    assert source.begun == ["a", "b"]
    source.may_end.set()
    assert await asyncio.gather(*asking) == [1, 2]


async def test_failed_read_raises_for_its_callers_only() -> None:
    source = Source()
    turns = SingleFlight(source.read)
    source.is_there = False
    source.may_end.set()
    for answer in await asyncio.gather(turns.run("a"), turns.run("a"), return_exceptions=True):
        assert isinstance(answer, PollNotFound)
    source.is_there = True
    assert await turns.run("a") == 2


async def test_failed_read_without_callers_is_not_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
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
