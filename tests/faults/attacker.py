"""Hostile clients: ``python -m tests.faults.attacker ATTACK HOST PORT POLL CONNECTIONS``.

They run until they are killed, all from one network of this machine, and connect again whenever a connection
ends. Standard output gets one line once all connections are open.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Final

SOURCE: Final = "127.0.9.1"
FLOATS: Final = b'{"choice":[' + b",".join([b"9e307"] * 2700) + b"]}"
UNKNOWN: Final = b'{"watch":[' + b",".join(b'"unknown-%d"' % number for number in range(90)) + b"]}"
PAUSE_S: Final = 0.01
"""Pause before a new connection, so that the clients themselves do not use up a core."""

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def head(line: str, *headers: str, body: bytes = b"") -> bytes:
    """Return a request."""
    length = (f"content-length: {len(body)}",) if body else ()
    return "\r\n".join((f"{line} HTTP/1.1", "host: a", *headers, *length, "", "")).encode() + body


async def send_and_read(streams: Streams, data: bytes) -> None:
    """Send the same data again after each response, until the connection ends."""
    reader, writer = streams
    while True:
        writer.write(data)
        await writer.drain()
        if not await reader.read(65536):
            return


async def floats(streams: Streams, poll: str) -> None:
    """Send votes of 16 KiB of floats."""
    vote = head(f"POST /v1/polls/{poll}/votes", "content-type: application/json", body=FLOATS)
    await send_and_read(streams, vote)


async def refused(streams: Streams, poll: str) -> None:
    """Send a hundred pipelined requests with a wrong token."""
    line = f"GET /v1/polls/{poll}/votes/mine"
    await send_and_read(streams, head(line, "authorization: Bearer " + "A" * 99) * 100)


async def unread(streams: Streams, poll: str) -> None:
    """Request timelines and never read them."""
    streams[1].transport.pause_reading()  # type: ignore[attr-defined]  # a transport of both directions
    streams[1].write(head(f"GET /v1/polls/{poll}/timeline") * 20 + head("GET /docs") * 20)
    await asyncio.sleep(3600)


async def idle(streams: Streams, poll: str) -> None:
    """Send half of a request, and nothing more."""
    streams[1].write(head("GET /livez")[:-2])
    await streams[0].read()


async def upgrades(streams: Streams, poll: str) -> None:
    """Send a thousand pipelined requests to upgrade."""
    await send_and_read(streams, head("OPTIONS /v1/voters", "connection: upgrade", "upgrade: h2c") * 1000)


async def forged(streams: Streams, poll: str) -> None:
    """Send pipelined requests with forged addresses."""
    await send_and_read(streams, head("OPTIONS /v1/voters", "x-forwarded-for: 198.51.100.7") * 100)


async def watches(streams: Streams, poll: str) -> None:
    """Watch unknown polls on a WebSocket."""
    key = "sec-websocket-key: MTIzNDU2Nzg5MDEyMzQ1Ng=="
    upgrade = ("connection: upgrade", "upgrade: websocket", "sec-websocket-version: 13", key)
    streams[1].write(head("GET /v1/live", *upgrade))
    frame = b"\x81\xfe" + len(UNKNOWN).to_bytes(2, "big") + bytes(4) + UNKNOWN
    await send_and_read(streams, frame)


ATTACKS: Final[dict[str, Callable[[Streams, str], Awaitable[None]]]] = {
    attack.__name__: attack for attack in (floats, refused, unread, idle, upgrades, forged, watches)
}


async def attack_forever(attack: str, host: str, port: int, poll: str, opened: asyncio.Event) -> None:
    """Attack on one connection, and on the next when it ends."""
    while True:
        try:
            streams = await asyncio.open_connection(host, port, local_addr=(SOURCE, 0))
            opened.set()
            await ATTACKS[attack](streams, poll)
            streams[1].close()
        except OSError:
            opened.set()  # a rejected connection is an attempt, too
        await asyncio.sleep(PAUSE_S)


async def main() -> None:
    """Attack with all connections."""
    attack, host, port, poll, connections = sys.argv[1:]
    opened = [asyncio.Event() for _ in range(int(connections))]
    tasks = [asyncio.create_task(attack_forever(attack, host, int(port), poll, event)) for event in opened]
    await asyncio.gather(*(event.wait() for event in opened))
    sys.stdout.write("attacking\n")
    sys.stdout.flush()
    await asyncio.gather(*tasks)


if __name__ == "__main__":
    asyncio.run(main())
