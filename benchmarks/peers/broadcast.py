"""Peer: fan-out with the ``websockets`` library's own ``broadcast()``, on uvloop.

usage: python -m benchmarks.peers.broadcast PORT FRAME_BYTES HZ
"""

from __future__ import annotations

import asyncio
import itertools
import sys

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve

port, size, hz = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])


async def main() -> None:
    """Serve sockets that only read, and send all of them a frame HZ times a second."""
    sockets: set[ServerConnection] = set()

    async def keep(socket: ServerConnection) -> None:
        sockets.add(socket)
        try:
            await socket.wait_closed()
        finally:
            sockets.discard(socket)

    async with serve(keep, "127.0.0.1", port, compression=None, backlog=2048):
        for seq in itertools.count(1):
            broadcast(sockets, (b'{"epoch":"000000000001","seq":%d}' % seq).ljust(size).decode())
            await asyncio.sleep(1 / hz)


if __name__ == "__main__":
    uvloop.run(main())
