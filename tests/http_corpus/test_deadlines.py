"""Whoever keeps an HTTP connection waiting is closed by a stated deadline, and slows nobody meanwhile."""

from __future__ import annotations

import asyncio

import pytest
from pollwire_server.http_protocol import HttpLimits

from tests.http_corpus.case import request, vote
from tests.http_corpus.raw_client import WITHIN_S, Talk, talk
from tests.http_corpus.short_timeouts import TURN_S, Deaf, Quick, quick
from tests.valkey import Valkey
from tests.wait import until

SOON_S = 0.25
LONG_S = 60.0
NEVER = HttpLimits(headers_s=LONG_S, body_s=LONG_S, idle_s=LONG_S, closing_s=LONG_S, sweep_s=TURN_S)


async def ends_in_time(connection: Talk, since: float) -> bool:
    """Whether the server closes the connection at its deadline: not before, and not long after."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(WITHIN_S):
        while await connection.answer() is not None:
            pass
    return SOON_S - 0.05 <= loop.time() - since <= SOON_S + 1


async def ends_in_time_though_fed(connection: Talk, since: float, letter: bytes) -> bool:
    """The same while a little is sent again and again, so that the connection is never silent."""
    ending = asyncio.create_task(ends_in_time(connection, since))
    while not ending.done():
        connection.writer.write(letter)
        await asyncio.wait((ending,), timeout=0.02)
    return ending.result()


@pytest.mark.parametrize("begun", [b"", b"\r\n", b"PO", vote("")[:-30], request("GET /livez")[:-2]])
async def test_headers_have_their_time(valkey: Valkey, begun: bytes) -> None:
    """A socket that says nothing, and one that never comes to the end of its headers, are closed."""
    async with (
        quick(valkey.url, limits=NEVER._replace(headers_s=SOON_S)) as service,
        talk(service.port) as client,
    ):
        since = asyncio.get_running_loop().time()
        await client.send([begun])
        assert await ends_in_time(client, since)


async def test_a_trickle_of_headers_is_no_progress(valkey: Valkey) -> None:
    """A header that grows for ever is cut at the same deadline as one that stands still."""
    async with (
        quick(valkey.url, limits=NEVER._replace(headers_s=SOON_S)) as service,
        talk(service.port) as client,
    ):
        since = asyncio.get_running_loop().time()
        await client.send([b"GET / HTTP/1.1\r\nx: "])
        assert await ends_in_time_though_fed(client, since, b"x")


@pytest.mark.parametrize("length", ["content-length: 400", "transfer-encoding: chunked"])
async def test_a_body_has_its_time(valkey: Valkey, length: str) -> None:
    """Headers and never the body: closed, be it the lane's request or the ordinary way's."""
    async with (
        quick(valkey.url, limits=NEVER._replace(body_s=SOON_S)) as service,
        talk(service.port) as client,
    ):
        since = asyncio.get_running_loop().time()
        await client.send([vote("", length, body="1" if "chunked" in length else "{")])
        assert await ends_in_time_though_fed(client, since, b"0")


@pytest.mark.parametrize("sent", [vote(""), request("GET /v1/nowhere"), vote("", "upgrade: h2c")])
async def test_silence_between_requests_has_its_time(valkey: Valkey, sent: bytes) -> None:
    """A connection is kept for the next request, and not for longer than said."""
    async with (
        quick(valkey.url, limits=NEVER._replace(idle_s=SOON_S)) as service,
        talk(service.port) as client,
    ):
        for _ in range(2):
            await client.send([sent])
            assert await client.answer() is not None
        assert await ends_in_time(client, asyncio.get_running_loop().time())


async def test_a_body_refused_at_once_may_end_and_then_has_its_time(valkey: Valkey) -> None:
    """Answered before its body was whole, a connection idles once the rest has come, and is closed."""
    too_large = vote("", body=" " * 40_000)
    async with (
        quick(valkey.url, limits=NEVER._replace(idle_s=SOON_S)) as service,
        talk(service.port) as client,
    ):
        await client.send([too_large[:2_000]])
        answer = await client.answer()
        assert answer is not None
        assert answer.status == 413
        await client.send([too_large[2_000:]])
        assert await ends_in_time(client, asyncio.get_running_loop().time())


async def test_whoever_reads_no_answer_is_not_waited_for(valkey: Valkey) -> None:
    """A connection that closes waits for its client to read, and not for ever."""
    asked = request("GET /openapi.json", "connection: close")
    async with (
        quick(valkey.url, limits=NEVER._replace(closing_s=SOON_S)) as service,
        Deaf(service.port) as client,
    ):
        await client.send(asked)
        await until(lambda: len(service.deadlines) == 1)
        await until(lambda: len(service.deadlines) == 0)


async def test_headers_are_bounded_while_they_come(valkey: Valkey) -> None:
    """A header that never ends is refused at its size, not at its deadline, with a problem."""
    async with quick(valkey.url) as service, talk(service.port) as client:
        await client.send([b"GET / HTTP/1.1\r\nx: ", *[b"x" * 8_000] * 9])
        answer = await client.answer()
        assert answer is not None
        assert (answer.status, answer.body["detail"]) == (400, "The headers may have at most 65536 bytes.")


async def test_half_open_connections_slow_nobody(valkey: Valkey) -> None:
    """Beside five hundred connections that say half a thing, a vote is answered as ever."""
    async with quick(valkey.url) as service:
        halves = [b"", b"P", vote("")[:-5], request("GET /livez")[:-2]]
        clients = [Deaf(service.port) for _ in range(500)]
        for place, client in enumerate(clients):
            await client.__aenter__()
            await client.send(halves[place % 4])
        await until(lambda: len(service.deadlines) == 500)
        assert await duration_of_a_vote(service) < 0.5
        for client in clients:
            await client.__aexit__()
        await until(lambda: len(service.deadlines) == 0)


async def duration_of_a_vote(service: Quick) -> float:
    """Seconds from sending to the answer."""
    began = asyncio.get_running_loop().time()
    async with talk(service.port) as client:
        await client.send([vote("")])
        answer = await client.answer()
    assert answer is not None
    assert answer.status == 200
    return asyncio.get_running_loop().time() - began


async def test_a_voter_who_leaves_before_the_answer_has_voted_once(valkey: Valkey) -> None:
    """The vote counts though nobody waits for its answer, and sent again it is unchanged."""
    async with quick(valkey.url, strict={}) as service:
        for sent in (vote("leaver", poll="strict"), vote("closer", "connection: close", poll="strict")):
            before = await service.voters("strict")
            async with talk(service.port) as client:
                client.writer.write(sent)
                await until(lambda: len(service.deadlines) == 1)
            await until(lambda: len(service.deadlines) == 0)
            await until(lambda before=before: _has(service, before + 1))  # type: ignore[misc]
            async with talk(service.port) as client:
                await client.send([sent])
                answer = await client.answer()
            assert answer is not None
            assert (answer.body["status"], answer.body["revision"]) == ("unchanged", 1)
            assert await service.voters("strict") == before + 1


async def _has(service: Quick, voters: int) -> bool:
    return await service.voters("strict") == voters
