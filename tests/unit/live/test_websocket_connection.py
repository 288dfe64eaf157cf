"""Fast-path WebSocket with a fake transport, hub and clock."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any, cast

import pytest
from pollwire_server.domain.visibility import ReaderRole
from pollwire_server.live.fast_path.timer_wheel import TimerWheel
from pollwire_server.live.fast_path.websocket_connection import FastWebSocket, WatchRequest, close_frame
from pollwire_server.live.read_access import StreamCredentials
from pollwire_server.live.result_frames import ResultFrame
from pollwire_server.live.revocable_streams import RevocableStreams
from pollwire_server.live.stream_session import LiveContext
from pollwire_server.live.timeouts import StreamTimeouts

from tests.factories import a_poll
from tests.http_corpus.raw_client import masked
from tests.transports import Pipe
from tests.unit.live.readers import an_update
from tests.wait import until

POLL = a_poll(id="lunch")
HEAD = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
TIMEOUTS = StreamTimeouts(heartbeat_s=25, send_timeout_s=15, close_timeout_s=5, ping_s=20, check_interval_s=5)


class FakeServices:
    """Hub, feed and read access in one. Records connections and subscriptions."""

    def __init__(self) -> None:
        self.joined: set[object] = set()
        self.watching: list[str] = []
        self.revocable = RevocableStreams()
        self.authorize_called = asyncio.Event()
        self.allow_authorize = asyncio.Event()

    def join(self, subscriber: object) -> None:
        self.joined.add(subscriber)

    def remove_subscriber(self, subscriber: object) -> None:
        self.joined.discard(subscriber)

    def watch(self, poll_id: str, subscriber: object, role: ReaderRole) -> None:
        self.watching.append(poll_id)

    def unwatch(self, poll_id: str, subscriber: object) -> None:
        if poll_id in self.watching:
            self.watching.remove(poll_id)

    def with_verified_ticket(self, credentials: StreamCredentials) -> StreamCredentials:
        return credentials

    def authorize_cached(self, poll_id: str, credentials: StreamCredentials) -> None:
        return None

    async def authorize(self, poll_id: str, credentials: StreamCredentials, *, check_origin: bool) -> Any:
        self.authorize_called.set()
        await self.allow_authorize.wait()
        return cast(Any, type("Grant", (), {"role": ReaderRole.PUBLIC, "reader": None}))


class Harness:
    """A socket and its fake collaborators."""

    def __init__(self, poll_id: str | None = "lunch", timeouts: StreamTimeouts = TIMEOUTS) -> None:
        self.services, self.pipe, self.server_connections = FakeServices(), Pipe(), set[Any]()
        self.wheel = TimerWheel()
        self.wheel.now = 1_000.0
        live = LiveContext(
            cast(Any, self.services), cast(Any, self.services), cast(Any, self.services), timeouts
        )
        watch = WatchRequest(StreamCredentials(), poll_id)
        self.socket = FastWebSocket(live, self.wheel, watch, self.pipe, self.server_connections)

    def open(self, rest: bytes = b"") -> None:
        """Open the socket and reset the clock to the start of the test."""
        self.socket.open(HEAD, rest)
        self.at(0)
        self.socket._received_at = self.socket.last_sent_at = self.wheel.now

    def send_latest(self, seq: int, poll_id: str = "lunch") -> bytes:
        """Send a frame to the socket and return its bytes."""
        frame: ResultFrame = an_update(POLL, seq=seq).full
        self.socket.send_latest(poll_id, frame)
        return frame.socket_bytes

    def at(self, seconds: float) -> None:
        """Set the wheel's clock, in seconds since the start of the test."""
        self.wheel.now = 1_000.0 + seconds

    def tick(self, seconds: float) -> float | None:
        """Call the timer at this time. Return the time of the next call, or None."""
        self.at(seconds)
        again = self.socket.on_timer()
        return None if again is None else again - 1_000.0


@pytest.fixture
def harness() -> Iterator[Harness]:
    harness = Harness()
    yield harness
    if harness.wheel._timer is not None:
        harness.wheel._timer.cancel()


async def test_handshake_response_is_sent_with_first_frame(harness: Harness) -> None:
    harness.open()
    assert harness.pipe.pop_written() == b""
    first = harness.send_latest(1)
    assert harness.pipe.pop_written() == HEAD + first
    assert harness.pipe.pop_written() == b""
    second = harness.send_latest(2)
    assert harness.pipe.pop_written() == second


async def test_handshake_response_is_sent_alone_when_store_is_unavailable(harness: Harness) -> None:
    harness.open()
    harness.tick(1)
    assert harness.pipe.pop_written() == HEAD


async def test_multi_poll_handshake_is_answered_at_once() -> None:
    harness = Harness(poll_id=None)
    harness.open()
    assert harness.pipe.pop_written() == HEAD


async def test_data_after_handshake_in_same_segment_is_decoded(harness: Harness) -> None:
    harness.open(masked(9, b"early"))
    assert harness.pipe.pop_written() == HEAD + b"\x8a\x05early"


async def test_blocked_client_gets_newest_frame(harness: Harness) -> None:
    harness.open()
    harness.send_latest(0)
    harness.pipe.pop_written()
    harness.pipe.full = True
    buffered = harness.send_latest(1)
    for seq in range(2, 50):
        newest = harness.send_latest(seq)
    assert harness.pipe.waiting == buffered
    harness.pipe.drain()
    assert harness.pipe.pop_written() == buffered + newest
    assert harness.socket._pending is None


async def test_blocked_client_gets_one_frame_per_poll_in_order(harness: Harness) -> None:
    harness.open()
    harness.send_latest(0)
    harness.pipe.full = True
    harness.send_latest(1)
    a, b = harness.send_latest(2, "a"), harness.send_latest(3, "b")
    harness.pipe.pop_written()
    harness.pipe.drain(full=True)
    assert harness.pipe.pop_written().endswith(harness.pipe.written)
    assert harness.pipe.waiting == a
    harness.socket.discard("b")
    newest = harness.send_latest(9, "c")
    harness.pipe.drain()
    assert harness.pipe.pop_written() == a + newest
    assert b not in harness.pipe.written


async def test_reading_pauses_while_client_is_blocked(harness: Harness) -> None:
    harness.open()
    harness.send_latest(0)
    harness.pipe.full = True
    harness.send_latest(1)
    assert harness.pipe.paused
    harness.pipe.drain()
    assert not harness.pipe.paused


async def test_slow_client_is_closed_with_4408_then_aborted(harness: Harness) -> None:
    harness.open()
    harness.send_latest(0)
    harness.pipe.full = True
    harness.send_latest(1)
    assert harness.tick(14) == 19
    assert close_frame(4408, "the reader is too slow") not in harness.pipe.waiting
    assert harness.tick(15) == 20
    assert harness.pipe.waiting.endswith(close_frame(4408, "the reader is too slow"))
    assert harness.services.joined == set()
    assert harness.services.watching == []
    assert harness.tick(19.9) == 20
    assert not harness.pipe.aborted
    assert harness.tick(20) is None
    assert harness.pipe.aborted


async def test_close_timeout_is_checked_before_next_interval() -> None:
    harness = Harness(timeouts=TIMEOUTS._replace(close_timeout_s=2))
    harness.open()
    harness.send_latest(0)
    harness.pipe.full = True
    harness.send_latest(1)
    assert harness.tick(15) == 17


async def test_send_timeout_restarts_when_client_catches_up(harness: Harness) -> None:
    harness.open()
    harness.send_latest(0)
    harness.pipe.full = True
    harness.send_latest(1)
    harness.at(10)
    harness.pipe.drain(full=True)
    harness.send_latest(2)
    harness.tick(24)
    assert b"too slow" not in harness.pipe.waiting
    harness.tick(25)
    assert b"too slow" in harness.pipe.waiting


async def test_heartbeat_is_sent_before_silence_limit(harness: Harness) -> None:
    harness.open()
    harness.send_latest(0)
    harness.pipe.pop_written()
    for second in (5, 10, 15, 20):
        harness.tick(second)
        assert b"heartbeat" not in harness.pipe.pop_written()
    harness.tick(20.5)
    assert b"heartbeat" in harness.pipe.pop_written()
    harness.at(30)
    harness.send_latest(1)
    harness.pipe.pop_written()
    harness.tick(41)
    assert b"heartbeat" not in harness.pipe.pop_written()


async def test_silent_client_is_pinged_once_then_aborted(harness: Harness) -> None:
    harness.open()
    harness.send_latest(0)
    harness.pipe.pop_written()
    harness.tick(19)
    assert b"\x89\x00" not in harness.pipe.pop_written()
    harness.tick(20)
    assert harness.pipe.pop_written() == b"\x89\x00"
    harness.tick(25)
    assert b"\x89\x00" not in harness.pipe.pop_written()
    assert harness.tick(44.9) is not None
    assert harness.tick(45) is None
    assert harness.pipe.aborted


@pytest.mark.parametrize("frame", [masked(10, b""), masked(10, b"x"), masked(9, b"")])
async def test_any_frame_restarts_ping_timeout(harness: Harness, frame: bytes) -> None:
    harness.open()
    harness.send_latest(0)
    harness.tick(20)
    harness.socket.data_received(frame)
    harness.pipe.pop_written()
    assert harness.tick(40) is not None
    assert harness.pipe.pop_written().startswith(b"\x89\x00")
    assert harness.tick(64.9) is not None
    assert harness.tick(65) is None


async def test_whole_pong_creates_no_decoder(harness: Harness) -> None:
    harness.open()
    pong = masked(10, b"")
    harness.socket.data_received(pong)
    assert harness.socket._decoder is None
    harness.socket.data_received(pong[:2])
    assert harness.socket._decoder is not None
    harness.socket.data_received(pong[2:])
    assert harness.socket._decoder is None


async def test_deleted_poll_closes_its_socket_with_4404(harness: Harness) -> None:
    harness.open()
    harness.send_latest(0)
    harness.pipe.pop_written()
    harness.socket.poll_deleted("lunch")
    sent = harness.pipe.pop_written()
    problem = json.loads(sent[sent.index(b"{") : sent.rindex(b"}") + 1])
    assert (problem["status"], problem["poll"]) == (404, "lunch")
    assert sent.endswith(close_frame(4404, "there is no such poll"))
    harness.socket.poll_deleted("lunch")
    harness.socket.shutdown()
    harness.socket.data_received(masked(9, b"x"))
    assert harness.pipe.pop_written() == b""
    assert harness.pipe.closing


async def test_close_frame_of_client_is_echoed_and_unsubscribes(harness: Harness) -> None:
    harness.open()
    harness.send_latest(0)
    harness.pipe.pop_written()
    harness.socket.data_received(masked(8, b"\x03\xe8"))
    assert harness.pipe.pop_written() == b"\x88\x02\x03\xe8"
    assert harness.pipe.closing
    assert harness.services.joined == set()
    assert harness.services.watching == []
    assert harness.socket in harness.server_connections
    harness.socket.connection_lost(None)
    assert harness.server_connections == set()


async def test_close_reply_of_client_is_not_answered(harness: Harness) -> None:
    harness.open()
    harness.send_latest(0)
    harness.socket.ask_to_reconnect(700)
    sent = harness.pipe.pop_written()
    assert b'{"type":"reconnect","after_ms":700}' in sent
    assert sent.endswith(close_frame(1012, "the service restarts"))
    harness.socket.data_received(masked(1, b"{}") + masked(8, b"\x03\xf4"))
    assert harness.pipe.pop_written() == b""
    assert harness.pipe.closing
    assert not harness.pipe.aborted


async def test_unanswered_close_is_aborted_after_timeout(harness: Harness) -> None:
    harness.open()
    harness.socket.ask_to_reconnect(1)
    assert harness.tick(4) == 5
    assert harness.tick(5) is None
    assert harness.pipe.aborted


async def test_reading_pauses_while_message_is_handled(harness: Harness) -> None:
    harness = Harness(poll_id=None)
    harness.open()
    harness.socket.data_received(masked(1, b'{"watch":["x"]}'))
    await harness.services.authorize_called.wait()
    assert harness.pipe.paused
    harness.services.allow_authorize.set()
    await until(lambda: not harness.pipe.paused)
    assert harness.services.watching == ["x"]
    harness.socket.connection_lost(None)
    assert harness.services.watching == []


@pytest.mark.parametrize("end", ["close", "reconnect", "lost", "slow"])
async def test_message_in_progress_subscribes_to_nothing_after_end(end: str) -> None:
    harness = Harness(poll_id=None)
    harness.open()
    harness.socket.data_received(masked(1, b'{"watch":["x"]}'))
    await harness.services.authorize_called.wait()
    message_task = harness.socket._message_task
    assert message_task is not None
    match end:
        case "close":
            harness.socket.data_received(masked(8, b""))
        case "reconnect":
            harness.socket.ask_to_reconnect(1)
        case "lost":
            harness.socket.connection_lost(None)
        case "slow":
            harness.socket.pause_writing()
            harness.tick(16)
    harness.services.allow_authorize.set()
    await asyncio.wait((message_task,))
    assert harness.services.watching == []
    assert harness.services.joined == set()


async def test_replies_wait_until_client_reads() -> None:
    harness = Harness(poll_id=None)
    harness.open()
    harness.pipe.full = True
    harness.socket.data_received(masked(1, b"{") * 50)
    await until(lambda: harness.pipe.waiting != b"")
    for _ in range(20):
        await asyncio.sleep(0)
    assert harness.pipe.waiting.count(b'"type":"problem"') == 1
    harness.pipe.drain()
    await until(lambda: harness.pipe.written.count(b'"type":"problem"') == 50)
    harness.socket.connection_lost(None)


async def test_frame_rate_is_counted_per_second(harness: Harness) -> None:
    harness.open()
    for second in (1, 2, 3, 3):
        assert not harness.pipe.is_closing()
        harness.at(second)
        harness.socket.data_received(masked(10, b"x") * 1_500)
    assert harness.pipe.pop_written().endswith(close_frame(1008, "too many frames"))
    assert harness.pipe.is_closing()
