"""Readers of streams for tests: one that watches by WebSocket, one that watches by server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import websockets
from websockets.asyncio.client import ClientConnection, connect

from tests.api.conftest import Service

WITHIN_S = 5.0

Said = dict[str, Any]  # Any: a JSON object


class Watcher:
    """What a stream has said, as far as it was read: ``messages``, the last one being the newest."""

    def __init__(self, read: Callable[[], Any]) -> None:  # Any: a coroutine of a JSON object
        self.messages: list[Said] = []
        self._read = read

    async def next(self) -> Said:
        """The next message."""
        async with asyncio.timeout(WITHIN_S):
            message: Said = await self._read()
        self.messages.append(message)
        return message

    async def until(self, condition: Callable[[Said], object]) -> Said:
        """Reads on to the first message that meets the condition."""
        while not condition(message := await self.next()):
            pass
        return message

    async def results(self) -> Said:
        """The next message, which must be results."""
        message = await self.next()
        assert message["type"] == "results", message
        return message


class Socket(Watcher):
    """A WebSocket."""

    def __init__(self, connection: ClientConnection) -> None:
        super().__init__(self._receive)
        self.connection = connection

    async def say(self, **message: object) -> None:
        """Sends a JSON object."""
        await self.connection.send(json.dumps(message))

    async def close_code(self) -> int | None:
        """Reads to the end; the code that the server closed with."""
        try:
            while True:
                await self.next()
        except websockets.ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None

    async def _receive(self) -> Said:
        message: Said = json.loads(await self.connection.recv())
        return message


@asynccontextmanager
async def socket_at(service: Service, path: str, **options: Any) -> AsyncIterator[Socket]:
    """A socket at ``path``; ``options`` go to ``websockets.connect``."""
    async with connect(f"{service.ws_url}{path}", open_timeout=WITHIN_S, **options) as connection:
        yield Socket(connection)


def live(poll: Said, ticket: str | None = None) -> str:
    """Where a poll's own socket is."""
    return f"/v1/polls/{poll['id']}/live" + ("" if ticket is None else f"?ticket={ticket}")


class Events(Watcher):
    """An event stream; ``fields`` are the last event's, ``retry_ms`` is what was told last."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(self._receive)
        self.response = response
        self.fields: dict[str, str] = {}
        self.comments = 0
        self.retry_ms: int | None = None
        self._lines = response.aiter_lines()

    async def _receive(self) -> Said:
        """The next event's data; ``StopAsyncIteration`` at the end of the stream."""
        fields: dict[str, str] = {}
        async for line in self._lines:
            if line == "" and "data" in fields:
                self.fields = fields
                data: Said = json.loads(fields["data"])
                return data
            name, _, value = line.partition(":")
            if name == "retry":
                self.retry_ms = int(value)
            elif name:
                fields[name] = value.removeprefix(" ")
            elif line:
                self.comments += 1
        raise EOFError


@asynccontextmanager
async def events_at(service: Service, path: str, **options: Any) -> AsyncIterator[Events]:
    """An event stream at ``path``; ``options`` go to ``httpx``."""
    async with service.http.stream("GET", path, timeout=WITHIN_S, **options) as response:
        yield Events(response)


async def results(service: Service, poll: Said, **headers: str) -> Said:
    """A fresh read of a poll's results."""
    answer = await service.http.get(f"/v1/polls/{poll['id']}/results", headers=headers)
    assert answer.status_code == 200, answer.text
    read: Said = answer.json()
    return read


async def ticket_of(service: Service, token: str) -> str:
    """A reader's ticket for a voter's token or an API key."""
    answer = await service.http.post("/v1/tickets", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code in (200, 201), answer.text
    ticket: str = answer.json()["ticket"]
    return ticket


def apart_from_time(said: Said) -> Said:
    """Results without when they were read."""
    return {name: value for name, value in said.items() if name != "as_of"}


def soon(seconds: float) -> str:
    """A time shortly ahead, for windows that the clock moves."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
