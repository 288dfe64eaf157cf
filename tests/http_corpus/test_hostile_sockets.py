"""Sockets of readers who say anything at all: answered by the protocol or closed, never left hanging."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.settings import effort
from tests.http_corpus.handshakes import handshake
from tests.http_corpus.raw_client import WITHIN_S, Talk, masked, talk
from tests.http_corpus.request_strategies import segments
from tests.http_corpus.servers import POLLS, Way, operators_ticket
from tests.http_corpus.test_sockets import CLOSE, messages

pytestmark = pytest.mark.asyncio(loop_scope="package")

TEXT, PING, PONG = 1, 9, 10
GOING_BY_RULE = {1000, 1002, 1003, 1005, 1007, 1009}
"""Codes with which a server may end a reader's nonsense (RFC 6455, section 7.4.1); 1005 stands for none."""
PATHS = ("/v1/live", "/v1/polls/lunch/live")

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=6),
    st.sampled_from([*POLLS, "nowhere", "No", "x" * 65, "\0", "a/b"]),
)
values = leaves | st.lists(leaves, max_size=4) | st.lists(leaves, min_size=99, max_size=102)
said = st.one_of(
    st.dictionaries(st.sampled_from(["watch", "unwatch", "ticket", "wach"]), values, max_size=3),
    st.fixed_dictionaries({"watch": st.lists(st.sampled_from([*POLLS, "nowhere"]), max_size=4)}),
    values,
)


@st.composite
def texts(draw: st.DrawFn) -> bytes:
    """A message of a reader, right, wrong, or damaged."""
    text = json.dumps(draw(said)).encode()
    if draw(st.integers(0, 2)) == 0:
        start = draw(st.integers(0, len(text)))
        text = text[:start] + draw(st.binary(max_size=3)) + text[start + draw(st.integers(0, 4)) :]
    return text


frames = st.one_of(
    texts().map(lambda text: masked(TEXT, text)),
    st.builds(
        lambda opcode, payload, fin, reserved: masked(opcode, payload, fin=fin, reserved=reserved),
        st.integers(0, 15),
        st.binary(max_size=140),
        st.booleans(),
        st.sampled_from([0, 0, 0, 1, 4]),
    ),
    st.binary(max_size=40),
)


async def answers_or_ends(connection: Talk) -> None:
    """A ping is answered, or the connection has been closed by the rules; neither takes long."""
    await connection.send([masked(PING, b"alive?")])
    heard: list[tuple[int, object]] = []
    while not heard or heard[-1] != (PONG, "alive?"):
        found = await messages(connection, 1)
        if not found:
            break
        heard += found
    closes = {code for opcode, code in heard if opcode == CLOSE}
    assert closes <= GOING_BY_RULE, heard
    for opcode, message in heard:
        if opcode == TEXT:
            assert isinstance(message, dict), heard
            assert message["type"] in ("results", "problem"), heard


async def in_the_middle_of_a_frame(connection: Talk) -> None:
    """Whoever leaves a frame unfinished is waited for; the rest of the longest that may be ends that."""
    await connection.send([bytes(20_000)])


def complaints(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """What was logged as an error, but for the server's own remark on text that is none."""
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    return [record for record in errors if "Invalid UTF-8" not in record.getMessage()]


@pytest.mark.parametrize("path", PATHS)
@effort(250)
@given(said=st.lists(texts(), min_size=1, max_size=4))
async def test_any_message_is_answered_and_the_socket_lives_on(
    all_ways: tuple[Way, ...], caplog: pytest.LogCaptureFixture, path: str, said: list[bytes]
) -> None:
    """Whatever text is said: results or problems come, a ping is answered behind them (or, of what is no
    UTF-8 text, the socket is closed with 1007), and nothing is logged as an error."""
    for way in all_ways[:2]:
        way.taken.clear()  # it is printed with a failure
        async with asyncio.timeout(WITHIN_S), talk(way.port) as connection:
            await connection.send([handshake(path=path)])
            assert (await connection.answer()).status == 101  # type: ignore[union-attr]
            await connection.send([masked(TEXT, text) for text in said])
            await answers_or_ends(connection)
    assert complaints(caplog) == []


@pytest.mark.parametrize("path", PATHS)
@effort(250)
@given(sent=st.lists(frames, min_size=1, max_size=4).map(b"".join).flatmap(segments))
async def test_hostile_frames_end_nothing_but_their_socket(
    all_ways: tuple[Way, ...], caplog: pytest.LogCaptureFixture, path: str, sent: list[bytes]
) -> None:
    """Any bytes after the handshake, in any pieces: answered or closed by the rules of RFC 6455, within
    seconds, with nothing logged as an error; and others are served."""
    for way in all_ways[:2]:
        way.taken.clear()
        async with asyncio.timeout(WITHIN_S), talk(way.port) as connection:
            await connection.send([handshake(path=f"{path}?ticket={operators_ticket()}")])
            assert (await connection.answer()).status == 101  # type: ignore[union-attr]
            await connection.send(sent)
            await in_the_middle_of_a_frame(connection)
            await answers_or_ends(connection)
        async with asyncio.timeout(WITHIN_S), talk(way.port) as another:
            assert await another.is_kept()
    assert complaints(caplog) == []


@pytest.mark.parametrize("said", [masked(PING, b""), masked(PONG, b""), masked(TEXT, b"", fin=False)])
async def test_a_flood_of_frames_ends_its_socket(
    all_ways: tuple[Way, ...], caplog: pytest.LogCaptureFixture, said: bytes
) -> None:
    """Whoever says more than a second may have is closed with 1008, if they still hear it, in the lane and on
    the route, and is no error."""
    more = masked(0, b"", fin=False) if said[0] & 15 == TEXT else said
    for way in all_ways[:2]:
        async with asyncio.timeout(WITHIN_S), talk(way.port) as connection:
            await connection.send([handshake()])
            assert (await connection.answer()).status == 101  # type: ignore[union-attr]
            reading = asyncio.create_task(messages(connection, 1_000_000))
            await connection.send([said, *[more * 500] * 40])
            closes = {code for opcode, code in await reading if opcode == CLOSE}
        assert closes <= {1008}
    assert complaints(caplog) == []
