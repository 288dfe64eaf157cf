"""One reader's socket in the lane, with the test as its transport, its hub and its clock."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any, cast

import pytest
from pollwire_server.domain.visibility import ReaderRole
from pollwire_server.live.asgi.frame_sender import StreamTimeouts
from pollwire_server.live.fast_path.timer_wheel import TimerWheel
from pollwire_server.live.fast_path.websocket_connection import FastWebSocket, WatchRequest, close_frame
from pollwire_server.live.read_access import StreamCredentials
from pollwire_server.live.result_frames import ResultFrame
from pollwire_server.live.stream_session import LiveContext

from tests.factories import a_poll
from tests.http_corpus.raw_client import masked
from tests.transports import Pipe
from tests.unit.live.readers import a_change
from tests.wait import until

POLL = a_poll(id="lunch")
HEAD = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
PACE = StreamTimeouts(heartbeat_s=25, slow_s=15, last_words_s=5, ping_s=20, check_s=5)


class Rooms:
    """Hub, feed and door in one: remembers who watches what."""

    def __init__(self) -> None:
        self.joined: set[object] = set()
        self.watching: list[str] = []
        self.asked = asyncio.Event()
        self.may = asyncio.Event()

    def join(self, subscriber: object) -> None:
        self.joined.add(subscriber)

    def leave(self, subscriber: object) -> None:
        self.joined.discard(subscriber)

    def watch(self, poll_id: str, subscriber: object, reader: ReaderRole) -> None:
        self.watching.append(poll_id)

    def unwatch(self, poll_id: str, subscriber: object) -> None:
        if poll_id in self.watching:
            self.watching.remove(poll_id)

    def proven(self, visitor: StreamCredentials) -> StreamCredentials:
        return visitor

    def glance(self, poll_id: str, visitor: StreamCredentials) -> None:
        return None

    async def admit(self, poll_id: str, visitor: StreamCredentials, *, by_origin: bool) -> Any:
        self.asked.set()
        await self.may.wait()
        return cast(Any, type("Admission", (), {"reader": ReaderRole.PUBLIC}))


class House:
    """A socket, and what is around it."""

    def __init__(self, poll_id: str | None = "lunch", pace: StreamTimeouts = PACE) -> None:
        self.rooms, self.pipe, self.among = Rooms(), Pipe(), set[Any]()
        self.wheel = TimerWheel()
        self.wheel.now = 1_000.0
        live = LiveContext(cast(Any, self.rooms), cast(Any, self.rooms), cast(Any, self.rooms), pace)
        watch = WatchRequest(StreamCredentials(), poll_id)
        self.socket = FastWebSocket(live, self.wheel, watch, self.pipe, self.among)

    def open(self, rest: bytes = b"") -> None:
        """Takes the handshake over, and brings the clock back to where tests begin."""
        self.socket.open(HEAD, rest)
        self.at(0)
        self.socket._heard_at = self.socket._sent_at = self.wheel.now

    def send_latest(self, seq: int, poll_id: str = "lunch") -> bytes:
        """Shows the socket a frame, which is returned."""
        frame: ResultFrame = a_change(POLL, seq=seq).whole
        self.socket.send_latest(poll_id, frame)
        return frame.socket_bytes

    def at(self, seconds: float) -> None:
        """Sets the wheel's clock, in seconds since the test began."""
        self.wheel.now = 1_000.0 + seconds

    def wake(self, seconds: float) -> float | None:
        """The wheel's look at that time; when it wants the next one, likewise."""
        self.at(seconds)
        again = self.socket.on_timer()
        return None if again is None else again - 1_000.0


@pytest.fixture
def house() -> Iterator[House]:
    made = House()
    yield made
    if made.wheel._timer is not None:
        made.wheel._timer.cancel()


async def test_the_answer_leaves_with_the_first_frame(house: House) -> None:
    """Nothing is written before the first frame is there, and then both at once, once."""
    house.open()
    assert house.pipe.take() == b""
    first = house.send_latest(1)
    assert house.pipe.take() == HEAD + first
    assert house.pipe.take() == b""
    second = house.send_latest(2)
    assert house.pipe.take() == second


async def test_the_answer_leaves_alone_where_the_first_frame_is_late(house: House) -> None:
    """While the store is away a reader is let in a second later, and waits for totals there."""
    house.open()
    house.wake(1)
    assert house.pipe.take() == HEAD


async def test_a_socket_of_many_is_answered_at_once() -> None:
    """There is no first frame to wait for."""
    house = House(poll_id=None)
    house.open()
    assert house.pipe.take() == HEAD


async def test_what_came_behind_the_handshake_is_heard(house: House) -> None:
    """A ping in the handshake's segment is answered behind the answer to the handshake."""
    house.open(masked(9, b"early"))
    assert house.pipe.take() == HEAD + b"\x8a\x05early"


async def test_a_reader_who_is_behind_gets_the_newest(house: House) -> None:
    """One frame waits, each newer one in its place, and goes out when there is room."""
    house.open()
    house.send_latest(0)
    house.pipe.take()
    house.pipe.full = True
    stuck = house.send_latest(1)
    for seq in range(2, 50):
        newest = house.send_latest(seq)
    assert house.pipe.waiting == stuck
    house.pipe.drain()
    assert house.pipe.take() == stuck + newest
    assert house.socket._waiting is None


async def test_frames_of_several_polls_wait_side_by_side(house: House) -> None:
    """One a poll, in the order in which the polls fell behind, and only as many as there is room for."""
    house.open()
    house.send_latest(0)
    house.pipe.full = True
    house.send_latest(1)
    a, b = house.send_latest(2, "a"), house.send_latest(3, "b")
    house.pipe.take()
    house.pipe.drain(full=True)
    assert house.pipe.take().endswith(house.pipe.written)
    assert house.pipe.waiting == a
    house.socket.discard("b")
    newest = house.send_latest(9, "c")
    house.pipe.drain()
    assert house.pipe.take() == a + newest
    assert b not in house.pipe.written


async def test_a_reader_who_is_behind_is_not_heard(house: House) -> None:
    """Reading stops while nothing is taken, and goes on with it."""
    house.open()
    house.send_latest(0)
    house.pipe.full = True
    house.send_latest(1)
    assert house.pipe.paused
    house.pipe.drain()
    assert not house.pipe.paused


async def test_a_slow_reader_is_closed_by_the_deadline(house: House) -> None:
    """Not before 15 s; then 4408, and the connection is cut 5 s later whatever the reader does."""
    house.open()
    house.send_latest(0)
    house.pipe.full = True
    house.send_latest(1)
    assert house.wake(14) == 19
    assert close_frame(4408, "the reader is too slow") not in house.pipe.waiting
    assert house.wake(15) == 20
    assert house.pipe.waiting.endswith(close_frame(4408, "the reader is too slow"))
    assert house.rooms.joined == set()
    assert house.rooms.watching == []
    assert house.wake(19.9) == 20
    assert not house.pipe.aborted
    assert house.wake(20) is None
    assert house.pipe.aborted


async def test_last_words_have_their_own_time() -> None:
    """A deadline that comes before the next look is kept, not looked for then."""
    house = House(pace=PACE._replace(last_words_s=2))
    house.open()
    house.send_latest(0)
    house.pipe.full = True
    house.send_latest(1)
    assert house.wake(15) == 17


async def test_a_reader_who_catches_up_has_its_time_anew(house: House) -> None:
    """Being behind twice for a while is not being behind for long."""
    house.open()
    house.send_latest(0)
    house.pipe.full = True
    house.send_latest(1)
    house.at(10)
    house.pipe.drain(full=True)
    house.send_latest(2)
    house.wake(24)
    assert b"too slow" not in house.pipe.waiting
    house.wake(25)
    assert b"too slow" in house.pipe.waiting


async def test_silence_is_broken_in_time(house: House) -> None:
    """A heartbeat leaves before 25 s of silence are over, and not while frames come."""
    house.open()
    house.send_latest(0)
    house.pipe.take()
    for second in (5, 10, 15, 20):
        house.wake(second)
        assert b"heartbeat" not in house.pipe.take()
    house.wake(20.5)
    assert b"heartbeat" in house.pipe.take()
    house.at(30)
    house.send_latest(1)
    house.pipe.take()
    house.wake(41)
    assert b"heartbeat" not in house.pipe.take()


async def test_a_silent_reader_is_pinged_once_and_then_cut(house: House) -> None:
    """A ping after 20 s without a word, one only, and the end after 45."""
    house.open()
    house.send_latest(0)
    house.pipe.take()
    house.wake(19)
    assert b"\x89\x00" not in house.pipe.take()
    house.wake(20)
    assert house.pipe.take() == b"\x89\x00"
    house.wake(25)
    assert b"\x89\x00" not in house.pipe.take()
    assert house.wake(44.9) is not None
    assert house.wake(45) is None
    assert house.pipe.aborted


@pytest.mark.parametrize("word", [masked(10, b""), masked(10, b"x"), masked(9, b"")])
async def test_whoever_says_anything_lives(house: House, word: bytes) -> None:
    """A pong, or anything else, begins the time anew, and the next silence is pinged again."""
    house.open()
    house.send_latest(0)
    house.wake(20)
    house.socket.data_received(word)
    house.pipe.take()
    assert house.wake(40) is not None
    assert house.pipe.take().startswith(b"\x89\x00")
    assert house.wake(64.9) is not None
    assert house.wake(65) is None


async def test_a_pong_makes_no_ear(house: House) -> None:
    """What nearly all readers ever say costs no protocol object, and a word in two halves is kept."""
    house.open()
    pong = masked(10, b"")
    house.socket.data_received(pong)
    assert house.socket._ear is None
    house.socket.data_received(pong[:2])
    assert house.socket._ear is not None
    house.socket.data_received(pong[2:])
    assert house.socket._ear is None


async def test_a_poll_that_is_gone_ends_its_socket(house: House) -> None:
    """404, then 4404, and nothing after it."""
    house.open()
    house.send_latest(0)
    house.pipe.take()
    house.socket.poll_deleted("lunch")
    said = house.pipe.take()
    problem = json.loads(said[said.index(b"{") : said.rindex(b"}") + 1])
    assert (problem["status"], problem["poll"]) == (404, "lunch")
    assert said.endswith(close_frame(4404, "there is no such poll"))
    house.socket.poll_deleted("lunch")
    house.socket.shutdown()
    house.socket.data_received(masked(9, b"x"))
    assert house.pipe.take() == b""
    assert house.pipe.closing


async def test_a_close_is_answered_and_ends(house: House) -> None:
    """The reader's goodbye is echoed once; the socket has left its rooms and is gone from the server."""
    house.open()
    house.send_latest(0)
    house.pipe.take()
    house.socket.data_received(masked(8, b"\x03\xe8"))
    assert house.pipe.take() == b"\x88\x02\x03\xe8"
    assert house.pipe.closing
    assert house.rooms.joined == set()
    assert house.rooms.watching == []
    assert house.socket in house.among
    house.socket.connection_lost(None)
    assert house.among == set()


async def test_the_reader_answers_our_goodbye(house: House) -> None:
    """After a close of ours, the reader's is the end, and is not answered again."""
    house.open()
    house.send_latest(0)
    house.socket.ask_to_reconnect(700)
    said = house.pipe.take()
    assert b'{"type":"reconnect","after_ms":700}' in said
    assert said.endswith(close_frame(1012, "the service restarts"))
    house.socket.data_received(masked(1, b"{}") + masked(8, b"\x03\xf4"))
    assert house.pipe.take() == b""
    assert house.pipe.closing
    assert not house.pipe.aborted


async def test_an_end_that_nobody_answers_is_cut(house: House) -> None:
    """Five seconds after our close the connection is gone."""
    house.open()
    house.socket.ask_to_reconnect(1)
    assert house.wake(4) == 5
    assert house.wake(5) is None
    assert house.pipe.aborted


async def test_reading_waits_for_what_was_said(house: House) -> None:
    """While a message is dealt with no other is read; then reading goes on."""
    house = House(poll_id=None)
    house.open()
    house.socket.data_received(masked(1, b'{"watch":["x"]}'))
    await house.rooms.asked.wait()
    assert house.pipe.paused
    house.rooms.may.set()
    await until(lambda: not house.pipe.paused)
    assert house.rooms.watching == ["x"]
    house.socket.connection_lost(None)
    assert house.rooms.watching == []


@pytest.mark.parametrize("end", ["close", "retire", "lost", "slow"])
async def test_nothing_is_watched_after_the_end(end: str) -> None:
    """A message that is still dealt with when the socket ends begins nothing."""
    house = House(poll_id=None)
    house.open()
    house.socket.data_received(masked(1, b'{"watch":["x"]}'))
    await house.rooms.asked.wait()
    hearing = house.socket._message_task
    assert hearing is not None
    match end:
        case "close":
            house.socket.data_received(masked(8, b""))
        case "retire":
            house.socket.ask_to_reconnect(1)
        case "lost":
            house.socket.connection_lost(None)
        case "slow":
            house.socket.pause_writing()
            house.wake(16)
    house.rooms.may.set()
    await asyncio.wait((hearing,))
    assert house.rooms.watching == []
    assert house.rooms.joined == set()


async def test_answers_wait_for_the_reader() -> None:
    """Of many wrong messages only so many are answered as the reader takes."""
    house = House(poll_id=None)
    house.open()
    house.pipe.full = True
    house.socket.data_received(masked(1, b"{") * 50)
    await until(lambda: house.pipe.waiting != b"")
    for _ in range(20):
        await asyncio.sleep(0)
    assert house.pipe.waiting.count(b'"type":"problem"') == 1
    house.pipe.drain()
    await until(lambda: house.pipe.written.count(b'"type":"problem"') == 50)
    house.socket.connection_lost(None)


async def test_seconds_are_counted_apart(house: House) -> None:
    """A reader may say what a second may have, second after second; more in one second is too much."""
    house.open()
    for second in (1, 2, 3, 3):
        assert not house.pipe.is_closing()
        house.at(second)
        house.socket.data_received(masked(10, b"x") * 1_500)
    assert house.pipe.take().endswith(close_frame(1008, "too many frames"))
    assert house.pipe.is_closing()
