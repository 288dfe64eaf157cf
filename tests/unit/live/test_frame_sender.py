"""Frame sender of the ASGI path: order, heartbeats, timeouts."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from pollwire_server.domain.errors import PollwireError
from pollwire_server.live.asgi.frame_sender import FrameSender, LatestFrameBuffer
from pollwire_server.live.result_frames import ResultFrame
from pollwire_server.live.timeouts import StreamTimeouts

from tests.factories import a_poll
from tests.unit.live.readers import an_update
from tests.wait import until

QUICK = StreamTimeouts(heartbeat_s=0.03, send_timeout_s=0.05, close_timeout_s=0.05)


class RecordingTransport:
    """Transport that records messages, and blocks while ``open`` is not set."""

    def __init__(self) -> None:
        self.started: list[object] = []
        self.sent: list[object] = []
        self.open = asyncio.Event()
        self.open.set()

    async def _record(self, item: object) -> None:
        self.started.append(item)
        await self.open.wait()
        self.sent.append(item)

    async def frame(self, frame: ResultFrame) -> None:
        await self._record((frame.results.poll, frame.results.seq))

    async def poll_deleted(self, poll_id: str) -> bool:
        await self._record(("deleted", poll_id))
        return poll_id == "own"

    async def heartbeat(self) -> None:
        await self._record("heartbeat")

    async def reconnect(self, after_ms: int) -> None:
        await self._record(("reconnect", after_ms))

    async def problem(self, error: PollwireError, poll_id: str | None = None) -> None:
        await self._record(("problem", type(error)))

    async def close(self, code: int, reason: str) -> None:
        await self._record(("close", code))


def a_frame(poll_id: str, seq: int) -> ResultFrame:
    return an_update(a_poll(id=poll_id), seq=seq).full


@contextlib.asynccontextmanager
async def sending(
    buffer: LatestFrameBuffer, transport: RecordingTransport, timeouts: StreamTimeouts | None = None
) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(FrameSender(buffer, transport, timeouts or StreamTimeouts()).run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_slow_client_gets_newest_frame_of_each_poll() -> None:
    buffer, transport = LatestFrameBuffer(), RecordingTransport()
    async with sending(buffer, transport):
        transport.open.clear()
        buffer.send_latest("a", a_frame("a", 1))
        await until(lambda: not buffer._pending)
        for seq in range(2, 50):
            buffer.send_latest("a", a_frame("a", seq))
            buffer.send_latest("b", a_frame("b", seq))
        transport.open.set()
        await until(lambda: len(transport.sent) >= 3)
    assert transport.sent == [("a", 1), ("a", 49), ("b", 49)]


async def test_silence_is_broken_by_heartbeats() -> None:
    buffer, transport = LatestFrameBuffer(), RecordingTransport()
    async with sending(buffer, transport, QUICK):
        await until(lambda: transport.sent == ["heartbeat"] * 3)


async def test_client_exceeding_send_timeout_is_closed_with_4408() -> None:
    buffer, transport = LatestFrameBuffer(), RecordingTransport()
    async with sending(buffer, transport, QUICK._replace(close_timeout_s=5)) as task:
        transport.open.clear()
        buffer.send_latest("a", a_frame("a", 1))
        await until(lambda: ("close", 4408) in transport.started)
        transport.open.set()
        await asyncio.wait_for(task, 2)
    assert transport.sent == [("close", 4408)]


async def test_sender_ends_when_close_message_is_never_read() -> None:
    buffer, transport = LatestFrameBuffer(), RecordingTransport()
    async with sending(buffer, transport, QUICK) as task:
        transport.open.clear()
        buffer.send_latest("a", a_frame("a", 1))
        await asyncio.wait_for(task, 2)
    assert transport.sent == []


async def test_deleted_poll_closes_its_own_stream_with_4404() -> None:
    buffer, transport = LatestFrameBuffer(), RecordingTransport()
    async with sending(buffer, transport) as task:
        buffer.poll_deleted("own")
        await asyncio.wait_for(task, 2)
    assert transport.sent == [("deleted", "own"), ("close", 4404)]


async def test_deleted_poll_leaves_other_polls_on_stream() -> None:
    buffer, transport = LatestFrameBuffer(), RecordingTransport()
    buffer.send_latest("a", a_frame("a", 1))
    buffer.poll_deleted("a")
    buffer.send_latest("b", a_frame("b", 1))
    async with sending(buffer, transport):
        await until(lambda: len(transport.sent) == 2)
    assert sorted(map(str, transport.sent)) == sorted(map(str, [("b", 1), ("deleted", "a")]))


async def test_reconnect_follows_newest_results_and_closes_with_1012() -> None:
    buffer, transport = LatestFrameBuffer(), RecordingTransport()
    buffer.ask_to_reconnect(700)
    buffer.send_latest("a", a_frame("a", 1))
    async with sending(buffer, transport) as task:
        await asyncio.wait_for(task, 2)
    assert transport.sent == [("a", 1), ("reconnect", 700), ("close", 1012)]


async def test_disconnected_client_gets_nothing() -> None:
    buffer, transport = LatestFrameBuffer(), RecordingTransport()
    buffer.send_latest("a", a_frame("a", 1))
    buffer.close()
    async with sending(buffer, transport) as task:
        await asyncio.wait_for(task, 2)
    assert transport.sent == []


@pytest.mark.parametrize("poll_id", ["a", "b"])
async def test_discarded_poll_is_not_sent(poll_id: str) -> None:
    buffer, transport = LatestFrameBuffer(), RecordingTransport()
    buffer.send_latest("a", a_frame("a", 1))
    buffer.send_latest("b", a_frame("b", 1))
    buffer.discard(poll_id)
    async with sending(buffer, transport):
        await until(lambda: transport.sent)
    assert transport.sent == [("b" if poll_id == "a" else "a", 1)]
