"""The same handshakes and frames on the fast path and the ASGI path: responses, messages and close codes."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import pytest

from tests.http_corpus.handshakes import CASES, Case, client_message, handshake
from tests.http_corpus.raw_client import WITHIN_S, HttpAnswer, RawConnection, body_of, raw_connection
from tests.http_corpus.servers import CorpusServer

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.usefixtures("cached_polls")]

CLOSE = 8
Message = tuple[int, Any]  # opcode, and JSON, text or a close code


class SocketOutcome(NamedTuple):
    """The outcome of a case: handshake response, frames (sorted), and close code."""

    answer: HttpAnswer | None
    frames: list[Message]
    close: int | None
    is_open: bool


async def message(connection: RawConnection) -> Message | None:
    """Return the next frame, with the close code of a close frame (1005 for none), or None at the end."""
    frame = await connection.frame()
    if frame is None:
        return None
    opcode, payload = frame
    if opcode == CLOSE:
        return opcode, int.from_bytes(payload[:2], "big") if payload else 1005
    return opcode, body_of(payload)


async def messages(connection: RawConnection, most: int) -> list[Message]:
    """Return up to ``most`` messages, or fewer if the connection ends."""
    received: list[Message] = []
    while len(received) < most and (next_one := await message(connection)) is not None:
        received.append(next_one)
    return received


async def run_case(target: CorpusServer, case: Case) -> SocketOutcome:
    """Run a case."""
    async with asyncio.timeout(WITHIN_S), raw_connection(target.port) as connection:
        await connection.send(case.handshake)
        answer = await connection.answer()
        if answer is None or answer.status != 101:
            return SocketOutcome(
                answer, [], None, not connection.reader.at_eof() and await connection.is_open()
            )
        first = await messages(connection, case.first)
        if case.close is None:
            await connection.send(case.client_frames)
            received = first + await messages(connection, case.frames)
            is_open = await answers_a_ping(connection)
            return SocketOutcome(answer, sorted(received, key=repr), None, is_open)
        reading = asyncio.create_task(
            messages(connection, 1000)
        )  # a client that sends more may receive nothing
        await connection.send(case.client_frames)
        received = first + await reading
        closes = [code for opcode, code in received if opcode == CLOSE]
        others = sorted((one for one in received if one[0] != CLOSE), key=repr)
        return SocketOutcome(answer, others, closes[0] if len(closes) == 1 else None, is_open=False)


async def answers_a_ping(connection: RawConnection) -> bool:
    """Return True if the socket is open and no further frame arrives."""
    await connection.send([b"\x89\x84\0\0\0\0last"])
    return await message(connection) == (10, "last")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_websocket_behaves_the_same_on_all_servers(
    all_servers: tuple[CorpusServer, ...], case: Case
) -> None:
    fast, asgi, uvicorn = all_servers
    count_before = len(fast.fast_paths)
    by_fast_path, by_asgi = await run_case(fast, case), await run_case(asgi, case)
    by_uvicorn = by_asgi if case.differs else await run_case(uvicorn, case)
    assert (by_fast_path.answer.status if by_fast_path.answer else 0, by_fast_path.close) == (
        case.status,
        case.close,
    )
    assert by_fast_path == by_asgi
    assert by_fast_path == by_uvicorn
    assert by_fast_path.is_open or case.status != 101 or case.close is not None
    assert len(fast.fast_paths) - count_before == case.fast_path


async def test_handshake_gets_503_with_retry_after_while_draining(
    all_servers: tuple[CorpusServer, ...],
) -> None:
    for target in all_servers:
        target.container.hub.is_draining = True
    try:
        for path in ("/v1/polls/lunch/live", "/v1/live"):
            case = Case("draining", [handshake(path=path)], 503)
            outcomes = [await run_case(target, case) for target in all_servers]
            assert outcomes[0].answer is not None
            assert (outcomes[0].answer.status, dict(outcomes[0].answer.headers)["retry-after"]) == (503, "1")
            assert outcomes[0] == outcomes[1] == outcomes[2]
    finally:
        for target in all_servers:
            target.container.hub.is_draining = False


async def test_split_frames_get_the_same_responses(all_servers: tuple[CorpusServer, ...]) -> None:
    sent = client_message(watch=["over"]) + b"\x89\x84\0\0\0\0ping"
    case = Case("split", [handshake(path="/v1/live")], first=0, frames=2)
    result = await run_case(all_servers[0], case._replace(client_frames=[sent]))
    for place in range(1, len(sent)):
        assert (
            await run_case(all_servers[0], case._replace(client_frames=[sent[:place], sent[place:]]))
            == result
        ), place
