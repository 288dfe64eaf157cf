"""The pump: what is sent, in which order, and what happens to readers who do not take it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from pollwire_server.live.asgi.frame_sender import FrameSender, LatestFrameBuffer, StreamTimeouts
from pollwire_server.live.result_frames import ResultFrame

from tests.factories import a_poll
from tests.unit.live.readers import a_change
from tests.wait import until

QUICK = StreamTimeouts(heartbeat_s=0.03, slow_s=0.05, last_words_s=0.05)


class Tape:
    """A wire that records, and blocks while it is told to."""

    def __init__(self) -> None:
        self.asked: list[object] = []
        self.sent: list[object] = []
        self.open = asyncio.Event()
        self.open.set()

    async def _put(self, item: object) -> None:
        self.asked.append(item)
        await self.open.wait()
        self.sent.append(item)

    async def frame(self, frame: ResultFrame) -> None:
        await self._put((frame.results.poll, frame.results.seq))

    async def poll_deleted(self, poll_id: str) -> bool:
        await self._put(("gone", poll_id))
        return poll_id == "own"

    async def heartbeat(self) -> None:
        await self._put("heartbeat")

    async def reconnect(self, after_ms: int) -> None:
        await self._put(("reconnect", after_ms))

    async def close(self, code: int, reason: str) -> None:
        await self._put(("close", code))


def a_frame(poll_id: str, seq: int) -> ResultFrame:
    return a_change(a_poll(id=poll_id), seq=seq).whole


@contextlib.asynccontextmanager
async def pumping(
    mailbox: LatestFrameBuffer, tape: Tape, pace: StreamTimeouts | None = None
) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(FrameSender(mailbox, tape, pace or StreamTimeouts()).run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_slow_reader_gets_the_newest_only() -> None:
    """What a reader could not take is replaced, poll by poll, by what is newer."""
    mailbox, tape = LatestFrameBuffer(), Tape()
    async with pumping(mailbox, tape):
        tape.open.clear()
        mailbox.send_latest("a", a_frame("a", 1))
        await until(lambda: not mailbox._frames)
        for seq in range(2, 50):
            mailbox.send_latest("a", a_frame("a", seq))
            mailbox.send_latest("b", a_frame("b", seq))
        tape.open.set()
        await until(lambda: len(tape.sent) >= 3)
    assert tape.sent == [("a", 1), ("a", 49), ("b", 49)]


async def test_silence_is_broken_by_heartbeats() -> None:
    """A reader to whom nothing is sent hears that the stream lives, again and again."""
    mailbox, tape = LatestFrameBuffer(), Tape()
    async with pumping(mailbox, tape, QUICK):
        await until(lambda: tape.sent == ["heartbeat"] * 3)


async def test_a_reader_who_takes_nothing_is_closed_as_too_slow() -> None:
    """After the deadline nothing more is sent; the stream is closed with 4408 once the reader takes it."""
    mailbox, tape = LatestFrameBuffer(), Tape()
    async with pumping(mailbox, tape, QUICK._replace(last_words_s=5)) as task:
        tape.open.clear()
        mailbox.send_latest("a", a_frame("a", 1))
        await until(lambda: ("close", 4408) in tape.asked)
        tape.open.set()
        await asyncio.wait_for(task, 2)
    assert tape.sent == [("close", 4408)]


async def test_a_reader_who_never_reads_does_not_keep_its_stream() -> None:
    """The pump ends even if its last words are never taken."""
    mailbox, tape = LatestFrameBuffer(), Tape()
    async with pumping(mailbox, tape, QUICK) as task:
        tape.open.clear()
        mailbox.send_latest("a", a_frame("a", 1))
        await asyncio.wait_for(task, 2)
    assert tape.sent == []


async def test_a_poll_that_is_gone_ends_its_own_stream() -> None:
    """The problem comes first, then the close with 4404."""
    mailbox, tape = LatestFrameBuffer(), Tape()
    async with pumping(mailbox, tape) as task:
        mailbox.poll_deleted("own")
        await asyncio.wait_for(task, 2)
    assert tape.sent == [("gone", "own"), ("close", 4404)]


async def test_a_poll_that_is_gone_leaves_the_others() -> None:
    """A stream of many polls goes on, without what lay there of the poll that is gone."""
    mailbox, tape = LatestFrameBuffer(), Tape()
    mailbox.send_latest("a", a_frame("a", 1))
    mailbox.poll_deleted("a")
    mailbox.send_latest("b", a_frame("b", 1))
    async with pumping(mailbox, tape):
        await until(lambda: len(tape.sent) == 2)
    assert sorted(map(str, tape.sent)) == sorted(map(str, [("b", 1), ("gone", "a")]))


async def test_a_retired_reader_is_told_when_to_come_back() -> None:
    """Before a planned stop: the newest results, then reconnect, then 1012."""
    mailbox, tape = LatestFrameBuffer(), Tape()
    mailbox.ask_to_reconnect(700)
    mailbox.send_latest("a", a_frame("a", 1))
    async with pumping(mailbox, tape) as task:
        await asyncio.wait_for(task, 2)
    assert tape.sent == [("a", 1), ("reconnect", 700), ("close", 1012)]


async def test_nothing_is_sent_to_a_reader_who_left() -> None:
    """The pump ends in silence."""
    mailbox, tape = LatestFrameBuffer(), Tape()
    mailbox.send_latest("a", a_frame("a", 1))
    mailbox.leave()
    async with pumping(mailbox, tape) as task:
        await asyncio.wait_for(task, 2)
    assert tape.sent == []


@pytest.mark.parametrize("poll_id", ["a", "b"])
async def test_what_is_forgotten_is_not_sent(poll_id: str) -> None:
    """An unwatched poll's frame is taken out, the other's stays."""
    mailbox, tape = LatestFrameBuffer(), Tape()
    mailbox.send_latest("a", a_frame("a", 1))
    mailbox.send_latest("b", a_frame("b", 1))
    mailbox.discard(poll_id)
    async with pumping(mailbox, tape):
        await until(lambda: tape.sent)
    assert tape.sent == [("b" if poll_id == "a" else "a", 1)]
