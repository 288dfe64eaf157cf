"""Stream clients for tests: WebSocket and server-sent events."""

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

JsonObject = dict[str, Any]  # Any: a JSON object


class Watcher:
    """Client of a stream. ``messages`` holds everything that was read, newest last."""

    def __init__(self, read: Callable[[], Any]) -> None:  # Any: a coroutine of a JSON object
        self.messages: list[JsonObject] = []
        self._read = read

    async def next(self) -> JsonObject:
        """Read the next message."""
        async with asyncio.timeout(WITHIN_S):
            message: JsonObject = await self._read()
        self.messages.append(message)
        return message

    async def until(self, condition: Callable[[JsonObject], object]) -> JsonObject:
        """Read up to the first message that meets the condition, and return it."""
        while not condition(message := await self.next()):
            pass
        return message

    async def results(self) -> JsonObject:
        """Read the next message, which must be results."""
        message = await self.next()
        assert message["type"] == "results", message
        return message


class Socket(Watcher):
    """Client of a WebSocket."""

    def __init__(self, connection: ClientConnection) -> None:
        super().__init__(self._receive)
        self.connection = connection

    async def send(self, **message: object) -> None:
        """Send a JSON object."""
        await self.connection.send(json.dumps(message))

    async def close_code(self) -> int | None:
        """Read to the end and return the server's close code."""
        try:
            while True:
                await self.next()
        except websockets.ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None

    async def _receive(self) -> JsonObject:
        message: JsonObject = json.loads(await self.connection.recv())
        return message


@asynccontextmanager
async def socket_at(service: Service, path: str, **options: Any) -> AsyncIterator[Socket]:
    """Open a socket at ``path``. ``options`` are those of ``websockets.connect``."""
    async with connect(f"{service.ws_url}{path}", open_timeout=WITHIN_S, **options) as connection:
        yield Socket(connection)


def live(poll: JsonObject, ticket: str | None = None) -> str:
    """Return the path of a poll's own socket."""
    return f"/v1/polls/{poll['id']}/live" + ("" if ticket is None else f"?ticket={ticket}")


class Events(Watcher):
    """Client of an event stream, with the fields of the last event and the last ``retry`` value."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(self._receive)
        self.response = response
        self.fields: dict[str, str] = {}
        self.retry_ms: int | None = None
        self._lines = response.aiter_lines()

    async def _receive(self) -> JsonObject:
        """Return the next event's data. Raises ``EOFError`` at the end of the stream."""
        fields: dict[str, str] = {}
        async for line in self._lines:
            if line == "" and "data" in fields:
                self.fields = fields
                data: JsonObject = json.loads(fields["data"])
                return data
            name, _, value = line.partition(":")
            if name == "retry":
                self.retry_ms = int(value)
            elif name:
                fields[name] = value.removeprefix(" ")
        raise EOFError


@asynccontextmanager
async def events_at(service: Service, path: str, **options: Any) -> AsyncIterator[Events]:
    """Open an event stream at ``path``. ``options`` are those of ``httpx``."""
    async with service.http.stream("GET", path, timeout=WITHIN_S, **options) as response:
        yield Events(response)


async def results(service: Service, poll: JsonObject, **headers: str) -> JsonObject:
    """Return a poll's results from a GET."""
    response = await service.http.get(f"/v1/polls/{poll['id']}/results", headers=headers)
    assert response.status_code == 200, response.text
    document: JsonObject = response.json()
    return document


async def ticket_of(service: Service, token: str) -> str:
    """Return a ticket for a voter's token or an API key."""
    response = await service.http.post("/v1/tickets", headers={"Authorization": f"Bearer {token}"})
    assert response.status_code in (200, 201), response.text
    ticket: str = response.json()["ticket"]
    return ticket


def without_timestamp(results: JsonObject) -> JsonObject:
    """Return results without ``as_of``."""
    return {name: value for name, value in results.items() if name != "as_of"}


def soon(seconds: float) -> str:
    """Return an instant this many seconds ahead, as text."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
