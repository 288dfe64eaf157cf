"""The most expensive request to each public route before a client is identified, and its cost in votes.

The client runs in the same process as the service, so its own work counts too. It is small and the same for
all requests. Costs are CPU time relative to a vote of the same run, so they do not depend on the machine.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from itertools import count
from typing import Any, NamedTuple

from pollwire_server.store.keys import TIMELINE

from tests.api.conftest import Service
from tests.http_corpus.raw_client import raw_connection

CONNECTIONS = 20
REQUESTS = 2
"""For each connection, one after the other."""
ROUNDS = 3
FLOATS = b"[" + b",".join([b"9e307"] * 2700) + b"]"
"""16 KB of the JSON that is slowest to decode."""
LONG_HEADER = "W/" + ",".join(f'"{number:07}"' for number in range(5900))
"""59 KB for any header that is a list."""
JWT_LIKE = "e30." + "A" * 8000 + ".AA"


_SOURCES = (f"127.{number // 250 + 1}.{number % 250 + 1}.1" for number in count())
"""Addresses of different networks, so that no limit of a network applies."""


class Request(NamedTuple):
    """A request, which may differ for each connection."""

    line: str
    headers: Sequence[str] = ()
    body: bytes = b""

    def encode(self) -> bytes:
        """Return the bytes of the request."""
        length = (f"content-length: {len(self.body)}",) if self.body else ()
        lines = (f"{self.line} HTTP/1.1", "host: polls.example", *self.headers, *length)
        return "\r\n".join((*lines, "", "")).encode() + self.body


def json_request(line: str, body: bytes, *headers: str) -> Request:
    """Return a request with a JSON body."""
    return Request(line, ("content-type: application/json", *headers), body)


def expensive_requests(poll: str, open_poll: str, forecast: str, series: str) -> dict[str, Request]:
    """Return the most expensive request that is known for each public route, by ``METHOD path``."""
    choice = b'{"choice":%b}' % FLOATS
    unknown = "&".join(f"poll=unknown-{number}" for number in range(100))
    many = f"if-none-match: {LONG_HEADER}"
    token = f"authorization: Bearer {JWT_LIKE}"
    path = "/v1/polls/{poll_id}"
    return {
        f"POST {path}/votes": json_request(f"POST /v1/polls/{poll}/votes", choice),
        f"GET {path}/votes/mine": Request(f"GET /v1/polls/{poll}/votes/mine", (token,)),
        f"DELETE {path}/votes/mine": Request(f"DELETE /v1/polls/{poll}/votes/mine", (token,)),
        f"DELETE {path}/voters/me": Request(f"DELETE /v1/polls/{poll}/voters/me", (token,)),
        f"POST {path}/receipts": json_request(f"POST /v1/polls/{poll}/receipts", choice),
        "POST /v1/voters": json_request("POST /v1/voters", choice),
        "POST /v1/tickets": json_request("POST /v1/tickets", choice, token),
        "GET /v1/series/{series_id}": Request(f"GET /v1/series/{series}", (many,)),
        "GET /v1/series/{series_id}/calibration": Request(f"GET /v1/series/{series}/calibration", (many,)),
        "GET /v1/series/{series_id}/leaderboard": Request(
            f"GET /v1/series/{series}/leaderboard?limit=100", (many,)
        ),
        "GET /v1/series/{series_id}/mine": Request(f"GET /v1/series/{series}/mine", (token,)),
        f"GET {path}": Request(f"GET /v1/polls/{poll}", (many,)),
        f"GET {path}/results": Request(f"GET /v1/polls/{poll}/results", (many,)),
        f"GET {path}/timeline": Request(f"GET /v1/polls/{open_poll}/timeline"),
        f"GET {path}/distribution": Request(f"GET /v1/polls/{forecast}/distribution", (many,)),
        "GET /v1/events": Request(f"GET /v1/events?{unknown}"),
        f"GET {path}/events": Request(f"GET /v1/polls/unknown/events?ticket={'A' * 8000}"),
        "GET /livez": Request("GET /livez", (many,)),
        "GET /readyz": Request("GET /readyz", (many,)),
        "pages": Request(f"GET /polls/{poll}", (f"accept-language: {LONG_HEADER}",)),
        "static files": Request("GET /widget.js", (many,)),
        "every `/v1/admin` route": json_request(
            "POST /v1/admin/polls", FLOATS, "authorization: Bearer pwk_" + "0" * 12 + "_" + "A" * 43
        ),
    }


async def fill_timeline(service: Service, poll: str, points: int) -> None:
    """Give the poll a timeline of this many points, with all options."""
    record = await service.store.polls.get(poll)
    await service.vote(poll, "option-0")
    client, key = service.store.connection.client, record.keys[TIMELINE]
    (first,) = await client.lrange(key, 0, -1)
    at = int.from_bytes(first[:6], "big")
    counts = b"".join(code.encode() + (1).to_bytes(4, "big") for code in record.poll.codes.values())
    await client.delete(key)
    stored = [(at - 1000 * age).to_bytes(6, "big") + first[6:10] + counts for age in reversed(range(points))]
    await client.rpush(key, *stored)


async def _send_all(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sent: Sequence[bytes]
) -> None:
    for data in sent:
        writer.write(data)
        head = await reader.readuntil(b"\r\n\r\n")
        if b"HTTP/1.1 101" in head or b"\r\ncontent-length: " not in head.lower():
            continue
        length = int(head.lower().partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0])
        if length:
            await reader.readexactly(length)


async def cpu_s(port: int, request: bytes) -> float:
    """Return the CPU time (s) of one request, as the smallest of several rounds."""
    rounds = []
    for _ in range(ROUNDS):
        async with AsyncExitStack() as stack:
            connections = [
                await stack.enter_async_context(raw_connection(port, next(_SOURCES)))
                for _ in range(CONNECTIONS)
            ]
            started_s = time.process_time()
            await asyncio.gather(
                *(
                    _send_all(connection.reader, connection.writer, [request] * REQUESTS)
                    for connection in connections
                )
            )
            rounds.append((time.process_time() - started_s) / (CONNECTIONS * REQUESTS))
    return min(rounds)


async def vote_cpu_s(port: int, poll: str) -> float:
    """Return the CPU time (s) of a counted vote on an open poll."""
    vote = json_request(f"POST /v1/polls/{poll}/votes", b'{"choice":"option-1"}').encode()
    return await cpu_s(port, vote)


def options(number: int) -> list[dict[str, Any]]:
    """Return this many options."""
    return [{"id": f"option-{place}", "label": f"Option {place}"} for place in range(number)]
