"""Clients that do not read: one pending frame per poll, the newest afterwards, and a timeout."""

from __future__ import annotations

import asyncio
import json
import socket

from pollwire_server.live.fast_path.websocket_connection import FastWebSocket
from pollwire_server.live.timeouts import StreamTimeouts
from pollwire_server.server import NOTSENT_LOWAT_BYTES, open_listener

from tests.http_corpus.handshakes import PING, client_message, handshake
from tests.http_corpus.raw_client import RawConnection, masked
from tests.http_corpus.short_timeouts import (
    LONG,
    NonReadingClient,
    QuickService,
    opened,
    quick_service,
    votes,
)
from tests.valkey import Valkey
from tests.wait import until

LONG_PATH = "/v1/polls/long/live"
BUFFER_BYTES = 64 * 1024
"""Upper bound of the unsent bytes of one socket, whatever happens meanwhile."""

SEGMENT_BYTES = 256 * 1024
"""Bytes that the event loop reads at once. The responses to them are not longer."""


def buffered_bytes(reader: FastWebSocket) -> int:
    """Return the size of the transport's write buffer."""
    return reader._transport.get_write_buffer_size()


def pending_voters(reader: FastWebSocket) -> list[object]:
    """Return the number of voters in each pending frame."""
    return [frame.results.voters for frame in (reader._pending or {}).values() if frame is not None]


async def block(service: QuickService, reader: FastWebSocket) -> None:
    """Vote until the transport of the client is blocked."""

    async def is_behind() -> bool:
        await votes(service, "long", 5)
        return reader.blocked_since is not None and bool(reader._pending)

    await until(is_behind)


async def join(service: QuickService, client: NonReadingClient, path: str = LONG_PATH) -> FastWebSocket:
    """Open the client's WebSocket and return the server's side of it."""
    await client.send(handshake(path=path))
    await until(lambda: len(service.sockets) == 1)
    return service.sockets[0]


async def last_message(connection: RawConnection) -> tuple[int, dict[str, object]]:
    """Return the number of frames until the pong, and the newest of them."""
    await connection.answer()
    count = 0
    newest: dict[str, object] = {}
    while True:
        frame = await connection.frame()
        assert frame is not None
        if frame[0] == 10:  # the pong to the last ping
            return count, newest
        count, newest = count + 1, json.loads(frame[1])


async def test_client_that_resumes_reading_gets_only_the_newest_frame(valkey: Valkey) -> None:
    async with (
        quick_service(valkey.url, hz=1000, long=LONG) as service,
        NonReadingClient(service.port) as client,
    ):
        reader = await join(service, client)
        await block(service, reader)
        before = buffered_bytes(reader)
        await votes(service, "long", 100)
        counted = await service.voters("long")
        await until(lambda: pending_voters(reader) == [counted])
        assert buffered_bytes(reader) == before <= BUFFER_BYTES
        connection = await client.start_reading()
        await until(lambda: reader.blocked_since is None)
        await connection.send([masked(PING, b"last")])
        count, newest = await last_message(connection)
        assert newest["voters"] == counted
        assert count < counted - 90


async def test_client_that_never_reads_is_closed(valkey: Valkey) -> None:
    """With 4408 if it still reads the close frame."""
    stream_timeouts = StreamTimeouts(send_timeout_s=0.3, close_timeout_s=0.5, check_interval_s=0.1)
    async with quick_service(valkey.url, hz=1000, stream_timeouts=stream_timeouts, long=LONG) as service:
        async with NonReadingClient(service.port) as client:
            reader = await join(service, client)
            await block(service, reader)
            await until(lambda: service.container.hub.streams == 0, within_s=2)
            connection = await client.start_reading()
            await connection.answer()
            codes = []
            while (frame := await connection.frame()) is not None:
                if frame[0] == 8:
                    codes.append(int.from_bytes(frame[1][:2], "big"))
            assert codes == [4408]
        async with NonReadingClient(service.port) as client:
            reader = await join(service, client)
            await block(service, reader)
            await until(lambda: not service.sockets, within_s=3)
        assert service.container.hub.watched == []


async def test_server_stops_reading_from_client_that_does_not_read(valkey: Valkey) -> None:
    """Otherwise responses would accumulate without limit."""
    floods = (
        masked(PING, b"x" * 125) * 4_000,
        client_message(watch=["nowhere"] * 12) * 4_000,
    )  # some 1,900 in a segment
    async with quick_service(valkey.url, long=LONG) as service:
        for flood in floods:
            async with NonReadingClient(service.port) as client:
                reader = await join(service, client, "/v1/live")
                sending = asyncio.create_task(client.send(flood * 4))
                await until(lambda reader=reader: reader.blocked_since is not None)  # type: ignore[misc]
                await votes(service, "long", 10)  # the event loop has run many iterations since
                assert not reader._transport.is_reading()
                assert buffered_bytes(reader) <= SEGMENT_BYTES
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
            await until(lambda: not service.sockets)


async def test_all_messages_are_answered_once_client_reads(valkey: Valkey) -> None:
    async with quick_service(valkey.url) as service, NonReadingClient(service.port) as client:
        reader = await join(service, client, "/v1/live")
        sending = asyncio.create_task(client.send(client_message(watch=["nowhere"]) * 1_000))
        await until(lambda: reader.blocked_since is not None)
        await sending
        connection = await client.start_reading()
        await connection.answer()
        for _ in range(1_000):
            frame = await connection.frame()
            assert frame is not None
            assert json.loads(frame[1])["status"] == 404


async def test_kernel_buffers_little_unsent_data(valkey: Valkey) -> None:
    """More would be outdated results."""
    with open_listener("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == NOTSENT_LOWAT_BYTES
            accepted.setblocking(False)
            sent_bytes = 0
            try:
                while True:
                    sent_bytes += accepted.send(b"x" * 4096)
            except BlockingIOError:
                unbounded = accepted.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
            assert sent_bytes < unbounded
    async with quick_service(valkey.url) as service, opened(service):
        theirs = service.sockets[0]._transport.get_extra_info("socket")
        assert theirs.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == NOTSENT_LOWAT_BYTES
