"""The same handshakes and frames through lane and route: answers, messages and close codes agree."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import pytest

from tests.http_corpus.handshakes import CASES, Case, handshake, say
from tests.http_corpus.raw_client import WITHIN_S, HttpAnswer, Talk, body_of, talk
from tests.http_corpus.servers import Way

pytestmark = pytest.mark.asyncio(loop_scope="package")

CLOSE = 8
Message = tuple[int, Any]  # opcode, and JSON, text or a close code


class Course(NamedTuple):
    """How a socket went: the answer to its handshake, what was said in it (in no order), how it ended."""

    answer: HttpAnswer | None
    frames: list[Message]
    close: int | None
    is_open: bool


async def message(connection: Talk) -> Message | None:
    """The next frame, a close as its code (1005 for none); None at the end."""
    frame = await connection.frame()
    if frame is None:
        return None
    opcode, payload = frame
    if opcode == CLOSE:
        return opcode, int.from_bytes(payload[:2], "big") if payload else 1005
    return opcode, body_of(payload)


async def messages(connection: Talk, most: int) -> list[Message]:
    """Up to so many messages; fewer where the connection ends."""
    said: list[Message] = []
    while len(said) < most and (next_one := await message(connection)) is not None:
        said.append(next_one)
    return said


async def course(way: Way, case: Case) -> Course:
    """Goes through a case."""
    async with asyncio.timeout(WITHIN_S), talk(way.port) as connection:
        await connection.send(case.handshake)
        answer = await connection.answer()
        if answer is None or answer.status != 101:
            return Course(answer, [], None, not connection.reader.at_eof() and await connection.is_kept())
        first = await messages(connection, case.first)
        if case.close is None:
            await connection.send(case.said)
            said = first + await messages(connection, case.frames)
            is_open = await answers_a_ping(connection)
            return Course(answer, sorted(said, key=repr), None, is_open)
        reading = asyncio.create_task(messages(connection, 1000))  # whoever sends on may hear no more
        await connection.send(case.said)
        said = first + await reading
        closes = [code for opcode, code in said if opcode == CLOSE]
        others = sorted((one for one in said if one[0] != CLOSE), key=repr)
        return Course(answer, others, closes[0] if len(closes) == 1 else None, is_open=False)


async def answers_a_ping(connection: Talk) -> bool:
    """Whether the socket is open, and nothing more was said on it."""
    await connection.send([b"\x89\x84\0\0\0\0last"])
    return await message(connection) == (10, "last")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_the_lane_holds_sockets_as_the_route_does(all_ways: tuple[Way, ...], case: Case) -> None:
    """A socket goes alike in the lane, on the route, and on the route behind uvicorn's own protocol."""
    lanes, no_lanes, uvicorn = all_ways
    taken_before = len(lanes.taken)
    by_lane, by_route = await course(lanes, case), await course(no_lanes, case)
    by_uvicorn = by_route if case.ours else await course(uvicorn, case)
    assert (by_lane.answer.status if by_lane.answer else 0, by_lane.close) == (case.status, case.close)
    assert by_lane == by_route
    assert by_lane == by_uvicorn
    assert by_lane.is_open or case.status != 101 or case.close is not None
    assert len(lanes.taken) - taken_before == case.lane


async def test_while_draining_nobody_is_let_in(all_ways: tuple[Way, ...]) -> None:
    """Before a planned stop each way sends new readers elsewhere, with 503 and Retry-After."""
    for way in all_ways:
        way.wiring.hub.is_draining = True
    try:
        for path in ("/v1/polls/lunch/live", "/v1/live"):
            case = Case("draining", [handshake(path=path)], 503)
            courses = [await course(way, case) for way in all_ways]
            assert courses[0].answer is not None
            assert (courses[0].answer.status, dict(courses[0].answer.headers)["retry-after"]) == (503, "1")
            assert courses[0] == courses[1] == courses[2]
    finally:
        for way in all_ways:
            way.wiring.hub.is_draining = False


async def test_nothing_depends_on_where_frames_are_split(all_ways: tuple[Way, ...]) -> None:
    """A message and a ping, cut in two at any byte, are heard as they are whole."""
    sent = say(watch=["over"]) + b"\x89\x84\0\0\0\0ping"
    case = Case("split", [handshake(path="/v1/live")], first=0, frames=2)
    whole = await course(all_ways[0], case._replace(said=[sent]))
    for place in range(1, len(sent)):
        assert await course(all_ways[0], case._replace(said=[sent[:place], sent[place:]])) == whole, place
