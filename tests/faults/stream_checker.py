"""Clients that watch a poll during a fault and compare each frame with the previous one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

_AGAIN_AFTER_S = 0.1


class Watcher:
    """Client of one poll that reconnects whenever the stream ends."""

    def __init__(self, url: str, poll: str) -> None:
        self._url = f"{url.replace('http', 'ws', 1)}/v1/polls/{poll}/live"
        self.position = ("", -1)
        """The last ``(epoch, seq)``."""
        self.latest: dict[str, Any] = {}
        self.fell = 0
        """The number of frames older than the previous one."""
        self.joined = 0

    async def run(self) -> None:
        """Watch and reconnect until cancelled."""
        while True:
            with contextlib.suppress(OSError, TimeoutError, WebSocketException, EOFError):
                await self._watch()
            await asyncio.sleep(_AGAIN_AFTER_S)

    async def _watch(self) -> None:
        async with connect(self._url, open_timeout=5, close_timeout=1) as socket:
            self.joined += 1
            async for message in socket:
                frame = msgspec.json.decode(message)
                if frame["type"] == "results":
                    self._take(frame)

    def _take(self, frame: dict[str, Any]) -> None:
        position = (frame["epoch"], frame["seq"])
        self.fell += position < self.position
        self.position, self.latest = position, frame


@contextlib.asynccontextmanager
async def watched(url: str, poll: str, count: int = 3) -> AsyncIterator[list[Watcher]]:
    """Run ``count`` clients while the block runs. All are connected at its start."""
    watchers = [Watcher(url, poll) for _ in range(count)]
    watching = [asyncio.create_task(watcher.run()) for watcher in watchers]
    try:
        yield watchers
    finally:
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
