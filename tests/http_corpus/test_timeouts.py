"""Deadlines of HTTP connections: slow clients are disconnected and slow down no other client."""

from __future__ import annotations

import asyncio

import pytest
from pollwire_server.http_protocol import HttpLimits

from tests.http_corpus.case import request, vote
from tests.http_corpus.raw_client import WITHIN_S, RawConnection, raw_connection
from tests.http_corpus.short_timeouts import TICK_S, NonReadingClient, QuickService, quick_service
from tests.valkey import Valkey
from tests.wait import until

TIMEOUT_S = 0.25
LONG_S = 60.0
NEVER = HttpLimits(headers_s=LONG_S, body_s=LONG_S, idle_s=LONG_S, closing_s=LONG_S, sweep_s=TICK_S)


async def ends_in_time(connection: RawConnection, since: float) -> bool:
    """Return True if the server closes the connection at its deadline, neither before nor much later."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(WITHIN_S):
        while await connection.answer() is not None:
            pass
    return TIMEOUT_S - 0.05 <= loop.time() - since <= TIMEOUT_S + 1


async def ends_in_time_while_sending(connection: RawConnection, since: float, letter: bytes) -> bool:
    """Return the same while the client keeps sending small segments."""
    ending = asyncio.create_task(ends_in_time(connection, since))
    while not ending.done():
        connection.writer.write(letter)
        await asyncio.wait((ending,), timeout=0.02)
    return ending.result()


@pytest.mark.parametrize(
    "begun",
    [b"", b"\r\n", b"PO", vote("")[:-30], request("GET /livez")[:-2]],
    ids=["nothing", "blank line", "method", "headers", "no blank line"],
)
async def test_incomplete_headers_time_out(valkey: Valkey, begun: bytes) -> None:
    async with (
        quick_service(valkey.url, limits=NEVER._replace(headers_s=TIMEOUT_S)) as service,
        raw_connection(service.port) as client,
    ):
        since = asyncio.get_running_loop().time()
        await client.send([begun])
        assert await ends_in_time(client, since)


async def test_slow_headers_time_out_although_bytes_arrive(valkey: Valkey) -> None:
    async with (
        quick_service(valkey.url, limits=NEVER._replace(headers_s=TIMEOUT_S)) as service,
        raw_connection(service.port) as client,
    ):
        since = asyncio.get_running_loop().time()
        await client.send([b"GET / HTTP/1.1\r\nx: "])
        assert await ends_in_time_while_sending(client, since, b"x")


@pytest.mark.parametrize("length", ["content-length: 400", "transfer-encoding: chunked"])
async def test_incomplete_body_times_out_on_both_paths(valkey: Valkey, length: str) -> None:
    async with (
        quick_service(valkey.url, limits=NEVER._replace(body_s=TIMEOUT_S)) as service,
        raw_connection(service.port) as client,
    ):
        since = asyncio.get_running_loop().time()
        await client.send([vote("", length, body="1" if "chunked" in length else "{")])
        assert await ends_in_time_while_sending(client, since, b"0")


@pytest.mark.parametrize(
    "sent",
    [vote(""), request("GET /v1/nowhere"), vote("", "upgrade: h2c")],
    ids=["fast path", "ASGI path", "ignored upgrade"],
)
async def test_idle_connection_times_out(valkey: Valkey, sent: bytes) -> None:
    async with (
        quick_service(valkey.url, limits=NEVER._replace(idle_s=TIMEOUT_S)) as service,
        raw_connection(service.port) as client,
    ):
        for _ in range(2):
            await client.send([sent])
            assert await client.answer() is not None
        assert await ends_in_time(client, asyncio.get_running_loop().time())


async def test_connection_is_idle_after_the_rest_of_a_rejected_body(valkey: Valkey) -> None:
    too_large = vote("", body=" " * 40_000)
    async with (
        quick_service(valkey.url, limits=NEVER._replace(idle_s=TIMEOUT_S)) as service,
        raw_connection(service.port) as client,
    ):
        await client.send([too_large[:2_000]])
        answer = await client.answer()
        assert answer is not None
        assert answer.status == 413
        await client.send([too_large[2_000:]])
        assert await ends_in_time(client, asyncio.get_running_loop().time())


async def test_closing_connection_times_out_if_client_does_not_read(valkey: Valkey) -> None:
    asked = request("GET /openapi.json", "connection: close")
    async with (
        quick_service(valkey.url, limits=NEVER._replace(closing_s=TIMEOUT_S)) as service,
        NonReadingClient(service.port) as client,
    ):
        await client.send(asked)
        await until(lambda: len(service.timeouts) == 1)
        await until(lambda: len(service.timeouts) == 0)


async def test_unread_responses_time_out_while_others_wait(valkey: Valkey) -> None:
    """Two pipelined requests are enough to keep a response in memory. Reading clients are not affected."""
    asked = request("GET /openapi.json")
    async with (
        quick_service(valkey.url, limits=NEVER._replace(write_s=TIMEOUT_S)) as service,
        NonReadingClient(service.port) as client,
        raw_connection(service.port) as reading,
    ):
        await client.send(asked * 20)
        await until(lambda: len(service.timeouts) == 2)
        await until(lambda: len(service.timeouts) == 1)
        await reading.send([asked])
        answer = await reading.answer()
        assert answer is not None
        assert answer.status == 200


async def test_long_incomplete_header_gets_400_before_its_deadline(valkey: Valkey) -> None:
    async with quick_service(valkey.url) as service, raw_connection(service.port) as client:
        await client.send([b"GET / HTTP/1.1\r\nx: ", *[b"x" * 8_000] * 9])
        answer = await client.answer()
        assert answer is not None
        assert (answer.status, answer.body["detail"]) == (400, "The headers may have at most 65536 bytes.")


async def test_half_open_connections_do_not_slow_down_votes(valkey: Valkey) -> None:
    async with quick_service(valkey.url) as service:
        halves = [b"", b"P", vote("")[:-5], request("GET /livez")[:-2]]
        clients = [NonReadingClient(service.port) for _ in range(500)]
        for place, client in enumerate(clients):
            await client.__aenter__()
            await client.send(halves[place % 4])
        await until(lambda: len(service.timeouts) == 500)
        assert await vote_duration_s(service) < 0.5
        for client in clients:
            await client.__aexit__()
        await until(lambda: len(service.timeouts) == 0)


async def vote_duration_s(service: QuickService) -> float:
    """Return the seconds from sending a vote to its response."""
    began = asyncio.get_running_loop().time()
    async with raw_connection(service.port) as client:
        await client.send([vote("")])
        answer = await client.answer()
    assert answer is not None
    assert answer.status == 200
    return asyncio.get_running_loop().time() - began


async def test_vote_of_disconnected_client_counts_once(valkey: Valkey) -> None:
    async with quick_service(valkey.url, strict={}) as service:
        for sent in (vote("leaver", poll="strict"), vote("closer", "connection: close", poll="strict")):
            before = await service.voters("strict")
            async with raw_connection(service.port) as client:
                client.writer.write(sent)
                await until(lambda: len(service.timeouts) == 1)
            await until(lambda: len(service.timeouts) == 0)
            await until(lambda before=before: _has(service, before + 1))  # type: ignore[misc]
            async with raw_connection(service.port) as client:
                await client.send([sent])
                answer = await client.answer()
            assert answer is not None
            assert (answer.body["status"], answer.body["revision"]) == ("unchanged", 1)
            assert await service.voters("strict") == before + 1


async def _has(service: QuickService, voters: int) -> bool:
    return await service.voters("strict") == voters
