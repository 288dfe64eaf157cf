"""The same requests with lanes and without: status, headers, body, and what becomes of the connection."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from tests.http_corpus import framing, votes
from tests.http_corpus import route_cases as addresses
from tests.http_corpus.case import Case, request, vote
from tests.http_corpus.raw_client import WITHIN_S, HttpAnswer, talk
from tests.http_corpus.servers import Way

pytestmark = pytest.mark.asyncio(loop_scope="package")

CASES = [*votes.CASES, *framing.CASES, *addresses.CASES]
SPLIT = [
    case
    for case in CASES
    if case.name in ("counted", "foreign site", "no token", "chunked", "h2c", "voters: named", "vote and get")
]


async def exchange(way: Way, case: Case) -> tuple[list[HttpAnswer | None], bool]:
    """The answers to a case, and whether the connection went on."""
    async with asyncio.timeout(WITHIN_S), talk(way.port) as connection:
        await connection.send(case.segments)
        answers = [await connection.answer(to_head=case.to_head) for _ in case.statuses]
        return answers, case.is_whole and await connection.is_kept()


def statuses(answers: Sequence[HttpAnswer | None]) -> list[int]:
    """The status of each answer, 0 for none."""
    return [0 if answer is None else answer.status for answer in answers]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_lanes_answer_as_routes_do(all_ways: tuple[Way, ...], case: Case) -> None:
    """A request is answered alike by a lane, by a route, and by a route behind uvicorn's own protocol."""
    lanes, no_lanes, uvicorn = all_ways
    taken_before = len(lanes.taken)
    by_lane, by_route = await exchange(lanes, case), await exchange(no_lanes, case)
    by_uvicorn = by_route if case.ours else await exchange(uvicorn, case)
    assert statuses(by_lane[0]) == list(case.statuses)
    assert by_lane == by_route
    assert by_lane == by_uvicorn
    assert case.lane in (None, len(lanes.taken) - taken_before)


@pytest.mark.parametrize("case", SPLIT, ids=lambda case: case.name)
async def test_nothing_depends_on_where_a_request_is_split(all_ways: tuple[Way, ...], case: Case) -> None:
    """Cut in two at any byte, a request is answered as it is whole."""
    lanes = all_ways[0]
    whole = b"".join(case.segments)
    answered = (await exchange(lanes, case))[0]
    for place in range(1, len(whole), 1 if len(whole) < 300 else 3):
        split = case._replace(segments=[whole[:place], whole[place:]])
        answers = (await exchange(lanes, split))[0]
        assert statuses(answers) == statuses(answered), place
    bytewise = case._replace(segments=[whole[place : place + 1] for place in range(len(whole))])
    assert statuses((await exchange(lanes, bytewise))[0]) == statuses(answered)


async def test_a_look_with_its_own_tag_is_not_modified(all_ways: tuple[Way, ...]) -> None:
    """Every way gives the tag that it takes back, and answers 304 to it, alone or in a list."""
    seen = []
    for way in all_ways:
        async with talk(way.port) as connection:
            await connection.send([request("GET /v1/polls/strict/results")])
            head = (await connection.reader.readuntil(b"\r\n\r\n")).decode()
            tag = head.partition("etag: ")[2].partition("\r\n")[0]
            for tags in (tag, tag.removeprefix("W/"), f'"a", {tag}'):
                async with talk(way.port) as another:
                    await another.send([request("GET /v1/polls/strict/results", f"if-none-match: {tags}")])
                    seen.append((tags == tag, await another.answer()))
    assert {answer.status for _, answer in seen if answer} == {304}
    assert seen[:3] == seen[3:6] == seen[6:]


async def test_while_draining_requests_are_answered_as_ever(all_ways: tuple[Way, ...]) -> None:
    """A planned stop refuses no vote and no look, by lane or route."""
    sent = [vote("draining"), request("GET /v1/polls/strict/results")]
    for way in all_ways:
        way.wiring.hub.is_draining = True
    try:
        for case in (Case("draining", [one], [200]) for one in sent):
            answers = [await exchange(way, case) for way in all_ways]
            assert statuses(answers[0][0]) == [200]
            assert answers[0] == answers[1] == answers[2]
    finally:
        for way in all_ways:
            way.wiring.hub.is_draining = False
