"""The same requests with and without the fast path: status, headers, body and state of the connection."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from tests.http_corpus import framing, votes
from tests.http_corpus import route_cases as addresses
from tests.http_corpus.case import Case, request, vote
from tests.http_corpus.raw_client import WITHIN_S, HttpAnswer, raw_connection
from tests.http_corpus.servers import CorpusServer

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.usefixtures("cached_polls")]

CASES = [*votes.CASES, *framing.CASES, *addresses.CASES]
SPLIT = [
    case
    for case in CASES
    if case.name in ("counted", "foreign site", "no token", "chunked", "h2c", "voters: named", "vote and get")
]


async def exchange(target: CorpusServer, case: Case) -> tuple[list[HttpAnswer | None], bool]:
    """Return the responses to a case, and True if the connection stayed open."""
    async with asyncio.timeout(WITHIN_S), raw_connection(target.port) as connection:
        await connection.send(case.segments)
        answers = [await connection.answer(to_head=case.to_head) for _ in case.statuses]
        return answers, case.is_whole and await connection.is_open()


def statuses(answers: Sequence[HttpAnswer | None]) -> list[int]:
    """Return the status of each response, or 0 for none."""
    return [0 if answer is None else answer.status for answer in answers]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_request_gets_the_same_response_on_all_servers(
    all_servers: tuple[CorpusServer, ...], case: Case
) -> None:
    fast, asgi, uvicorn = all_servers
    count_before = len(fast.fast_paths)
    by_fast_path, by_asgi = await exchange(fast, case), await exchange(asgi, case)
    by_uvicorn = by_asgi if case.differs else await exchange(uvicorn, case)
    assert statuses(by_fast_path[0]) == list(case.statuses)
    assert by_fast_path == by_asgi
    assert by_fast_path == by_uvicorn
    assert case.fast_path in (None, len(fast.fast_paths) - count_before)


@pytest.mark.parametrize("case", SPLIT, ids=lambda case: case.name)
async def test_split_request_gets_the_same_response(
    all_servers: tuple[CorpusServer, ...], case: Case
) -> None:
    fast = all_servers[0]
    whole = b"".join(case.segments)
    answered = (await exchange(fast, case))[0]
    for place in range(1, len(whole), 1 if len(whole) < 300 else 3):
        split = case._replace(segments=[whole[:place], whole[place:]])
        answers = (await exchange(fast, split))[0]
        assert statuses(answers) == statuses(answered), place
    bytewise = case._replace(segments=[whole[place : place + 1] for place in range(len(whole))])
    assert statuses((await exchange(fast, bytewise))[0]) == statuses(answered)


async def test_if_none_match_with_current_etag_returns_304_on_all_servers(
    all_servers: tuple[CorpusServer, ...],
) -> None:
    seen = []
    for target in all_servers:
        async with raw_connection(target.port) as connection:
            await connection.send([request("GET /v1/polls/strict/results")])
            head = (await connection.reader.readuntil(b"\r\n\r\n")).decode()
            tag = head.partition("etag: ")[2].partition("\r\n")[0]
            for tags in (tag, tag.removeprefix("W/"), f'"a", {tag}'):
                async with raw_connection(target.port) as another:
                    await another.send([request("GET /v1/polls/strict/results", f"if-none-match: {tags}")])
                    seen.append((tags == tag, await another.answer()))
    assert {answer.status for _, answer in seen if answer} == {304}
    assert seen[:3] == seen[3:6] == seen[6:]


async def test_requests_are_answered_while_draining(all_servers: tuple[CorpusServer, ...]) -> None:
    sent = [vote("draining"), request("GET /v1/polls/strict/results")]
    for target in all_servers:
        target.container.hub.is_draining = True
    try:
        for case in (Case("draining", [one], [200]) for one in sent):
            answers = [await exchange(target, case) for target in all_servers]
            assert statuses(answers[0][0]) == [200]
            assert answers[0] == answers[1] == answers[2]
    finally:
        for target in all_servers:
            target.container.hub.is_draining = False
