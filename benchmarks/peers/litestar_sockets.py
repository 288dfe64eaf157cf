"""Peers: sockets on Litestar; a plain handler that sends a first frame, and its channels plugin for fan-out.

usage: python -m benchmarks.peers.litestar_sockets PORT FRAME_BYTES HZ
``/join`` sends one frame and waits; ``/channel`` is subscribed to frames HZ times a second.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import uvicorn
from litestar import Litestar, WebSocket, websocket
from litestar.channels import ChannelsPlugin
from litestar.channels.backends.memory import MemoryChannelsBackend
from litestar.exceptions import WebSocketDisconnect

port, size, hz = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
channels = ChannelsPlugin(
    backend=MemoryChannelsBackend(),
    channels=["results"],
    create_ws_route_handlers=True,
    ws_handler_base_path="/channel",
)


def frame(seq: int) -> bytes:
    """Return a frame with the length of ours."""
    return b'{"epoch":"000000000001","seq":%d}'.ljust(size) % seq


@websocket("/join")
async def join(socket: WebSocket[Any, Any, Any]) -> None:
    """Send one frame, then read until the client disconnects."""
    await socket.accept()
    await socket.send_text(frame(1))
    with suppress(WebSocketDisconnect):
        while True:
            await socket.receive_text()


@asynccontextmanager
async def publishing(_: Litestar) -> AsyncIterator[None]:
    """Publish a frame to the channel HZ times a second."""

    async def publish() -> None:
        for seq in itertools.count(1):
            channels.publish(frame(seq), ["results"])
            await asyncio.sleep(1 / hz)

    task = asyncio.create_task(publish())
    yield
    task.cancel()


app = Litestar([join], plugins=[channels], lifespan=[publishing], openapi_config=None)

if __name__ == "__main__":
    uvicorn.run(
        app,
        port=port,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        access_log=False,
        log_level="warning",
        backlog=2048,
    )
