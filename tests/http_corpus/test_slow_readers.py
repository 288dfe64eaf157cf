"""A reader who does not read costs the lane one frame a poll, gets the newest, and is closed in time."""

from __future__ import annotations

import asyncio
import json
import socket

from pollwire_server.live.asgi.frame_sender import StreamTimeouts
from pollwire_server.live.fast_path.websocket_connection import FastWebSocket
from pollwire_server.server import UNSENT_BYTES, listening

from tests.http_corpus.handshakes import PING, handshake, say
from tests.http_corpus.raw_client import Talk, masked
from tests.http_corpus.short_timeouts import LONG, Deaf, Quick, opened, quick, votes
from tests.valkey import Valkey
from tests.wait import until

LONG_PATH = "/v1/polls/long/live"
BUFFER_BYTES = 64 * 1024
"""What one socket's unsent bytes stay below, whatever is counted or asked meanwhile."""

SEGMENT_BYTES = 256 * 1024
"""What the loop reads at once; the answers to that are no longer."""


def held(reader: FastWebSocket) -> int:
    """Bytes that wait in the transport."""
    return reader._transport.get_write_buffer_size()


def waiting(reader: FastWebSocket) -> list[object]:
    """The voters of each frame that waits for the reader."""
    return [frame.results.voters for frame in (reader._waiting or {}).values()]


async def stuck(service: Quick, reader: FastWebSocket) -> None:
    """Votes until the reader is behind."""

    async def is_behind() -> bool:
        await votes(service, "long", 5)
        return reader._blocked_since is not None and bool(reader._waiting)

    await until(is_behind)


async def join(service: Quick, client: Deaf, path: str = LONG_PATH) -> FastWebSocket:
    """The client's socket as the lane has it."""
    await client.send(handshake(path=path))
    await until(lambda: len(service.sockets) == 1)
    return service.sockets[0]


async def last_message(connection: Talk) -> tuple[int, dict[str, object]]:
    """How many frames came until nothing is left but the newest, and that."""
    await connection.answer()
    count = 0
    newest: dict[str, object] = {}
    while True:
        frame = await connection.frame()
        assert frame is not None
        if frame[0] == 10:  # the pong to what was asked last
            return count, newest
        count, newest = count + 1, json.loads(frame[1])


async def test_a_reader_who_reads_again_gets_the_newest_only(valkey: Valkey) -> None:
    """However much was counted meanwhile, one frame waited, and it is the truth."""
    async with quick(valkey.url, hz=1000, long=LONG) as service, Deaf(service.port) as client:
        reader = await join(service, client)
        await stuck(service, reader)
        before = held(reader)
        await votes(service, "long", 100)
        counted = await service.voters("long")
        await until(lambda: waiting(reader) == [counted])
        assert held(reader) == before <= BUFFER_BYTES
        connection = await client.read_on()
        await until(lambda: reader._blocked_since is None)
        await connection.send([masked(PING, b"last")])
        count, newest = await last_message(connection)
        assert newest["voters"] == counted
        assert count < counted - 90


async def test_a_reader_who_never_reads_is_closed(valkey: Valkey) -> None:
    """By its deadline, with 4408 where it still reads, and without where it does not."""
    pace = StreamTimeouts(slow_s=0.3, last_words_s=0.5, check_s=0.1)
    async with quick(valkey.url, hz=1000, pace=pace, long=LONG) as service:
        async with Deaf(service.port) as client:
            reader = await join(service, client)
            await stuck(service, reader)
            await until(lambda: service.wiring.hub.streams == 0, within_s=2)
            connection = await client.read_on()
            await connection.answer()
            codes = []
            while (frame := await connection.frame()) is not None:
                if frame[0] == 8:
                    codes.append(int.from_bytes(frame[1][:2], "big"))
            assert codes == [4408]
        async with Deaf(service.port) as client:
            reader = await join(service, client)
            await stuck(service, reader)
            await until(lambda: not service.sockets, within_s=3)
        assert service.wiring.hub.watched == []


async def test_a_reader_who_asks_and_never_reads_is_not_answered_for_ever(valkey: Valkey) -> None:
    """Pings and broken messages are left unread while their answers are, so that nothing piles up."""
    floods = (
        masked(PING, b"x" * 125) * 4_000,
        say(watch=["nowhere"] * 12) * 4_000,
    )  # some 1,900 in a segment
    async with quick(valkey.url, long=LONG) as service:
        for flood in floods:
            async with Deaf(service.port) as client:
                reader = await join(service, client, "/v1/live")
                sending = asyncio.create_task(client.send(flood * 4))
                await until(lambda reader=reader: reader._blocked_since is not None)  # type: ignore[misc]
                await votes(service, "long", 10)  # the loop has gone round many times since
                assert not reader._transport.is_reading()
                assert held(reader) <= SEGMENT_BYTES
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
            await until(lambda: not service.sockets)


async def test_all_that_was_asked_is_answered_once_it_is_read(valkey: Valkey) -> None:
    """A thousand messages that are wrong get a thousand answers, in the end."""
    async with quick(valkey.url) as service, Deaf(service.port) as client:
        reader = await join(service, client, "/v1/live")
        sending = asyncio.create_task(client.send(say(watch=["nowhere"]) * 1_000))
        await until(lambda: reader._blocked_since is not None)
        await sending
        connection = await client.read_on()
        await connection.answer()
        for _ in range(1_000):
            frame = await connection.frame()
            assert frame is not None
            assert json.loads(frame[1])["status"] == 404


async def test_the_kernel_keeps_little_for_a_reader(valkey: Valkey) -> None:
    """What is accepted from our listener is bounded in unsent bytes, so old totals do not pile up there."""
    with listening("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == UNSENT_BYTES
            accepted.setblocking(False)
            taken = 0
            try:
                while True:
                    taken += accepted.send(b"x" * 4096)
            except BlockingIOError:
                unbounded = accepted.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
            assert taken < unbounded
    async with quick(valkey.url) as service, opened(service):
        theirs = service.sockets[0]._transport.get_extra_info("socket")
        assert theirs.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == UNSENT_BYTES
