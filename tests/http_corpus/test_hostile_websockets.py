"""WebSockets with arbitrary input: answered by the protocol or closed, never left open without a response."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.settings import effort
from tests.http_corpus.handshakes import handshake
from tests.http_corpus.raw_client import WITHIN_S, RawConnection, masked, raw_connection
from tests.http_corpus.request_strategies import segments
from tests.http_corpus.servers import POLLS, CorpusServer, admin_ticket
from tests.http_corpus.test_websockets import CLOSE, messages

pytestmark = pytest.mark.asyncio(loop_scope="package")

TEXT, PING, PONG = 1, 9, 10
VALID_CLOSE_CODES = {1000, 1002, 1003, 1005, 1007, 1009}
"""Close codes that a server may send for invalid input (RFC 6455, section 7.4.1). 1005 stands for none."""
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
client_frames = st.one_of(
    st.dictionaries(st.sampled_from(["watch", "unwatch", "ticket", "wach"]), values, max_size=3),
    st.fixed_dictionaries({"watch": st.lists(st.sampled_from([*POLLS, "nowhere"]), max_size=4)}),
    values,
)


@st.composite
def texts(draw: st.DrawFn) -> bytes:
    """Generate a client message: valid, invalid or damaged."""
    text = json.dumps(draw(client_frames)).encode()
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


async def assert_answers_or_ends(connection: RawConnection) -> None:
    """Assert that a ping is answered or that the connection was closed with a valid code."""
    await connection.send([masked(PING, b"alive?")])
    received: list[tuple[int, object]] = []
    while not received or received[-1] != (PONG, "alive?"):
        found = await messages(connection, 1)
        if not found:
            break
        received += found
    closes = {code for opcode, code in received if opcode == CLOSE}
    assert closes <= VALID_CLOSE_CODES, received
    for opcode, message in received:
        if opcode == TEXT:
            assert isinstance(message, dict), received
            assert message["type"] in ("results", "problem"), received


async def finish_open_frame(connection: RawConnection) -> None:
    """Send enough bytes to complete a frame that was left open."""
    await connection.send([bytes(20_000)])


def logged_errors(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """Return the logged errors. A client must not cause any."""
    return [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("path", PATHS)
@effort(250)
@given(client_frames=st.lists(texts(), min_size=1, max_size=4))
async def test_random_text_messages_are_answered_and_socket_stays_open(
    all_servers: tuple[CorpusServer, ...],
    caplog: pytest.LogCaptureFixture,
    path: str,
    client_frames: list[bytes],
) -> None:
    """Text that is not UTF-8 closes the socket with 1007. No error is logged."""
    for target in all_servers[:2]:
        target.fast_paths.clear()  # it is printed if the test fails
        async with asyncio.timeout(WITHIN_S), raw_connection(target.port) as connection:
            await connection.send([handshake(path=path)])
            assert (await connection.answer()).status == 101  # type: ignore[union-attr]
            await connection.send([masked(TEXT, text) for text in client_frames])
            await assert_answers_or_ends(connection)
    assert logged_errors(caplog) == []


@pytest.mark.parametrize("path", PATHS)
@effort(250)
@given(sent=st.lists(frames, min_size=1, max_size=4).map(b"".join).flatmap(segments))
async def test_random_frames_are_answered_or_close_only_their_socket(
    all_servers: tuple[CorpusServer, ...], caplog: pytest.LogCaptureFixture, path: str, sent: list[bytes]
) -> None:
    """Close codes follow RFC 6455. No error is logged, and other connections are served."""
    for target in all_servers[:2]:
        target.fast_paths.clear()
        async with asyncio.timeout(WITHIN_S), raw_connection(target.port) as connection:
            await connection.send([handshake(path=f"{path}?ticket={admin_ticket()}")])
            assert (await connection.answer()).status == 101  # type: ignore[union-attr]
            await connection.send(sent)
            await finish_open_frame(connection)
            await assert_answers_or_ends(connection)
        async with asyncio.timeout(WITHIN_S), raw_connection(target.port) as another:
            assert await another.is_open()
    assert logged_errors(caplog) == []


@pytest.mark.parametrize(
    "frame",
    [masked(PING, b""), masked(PONG, b""), masked(TEXT, b"", fin=False)],
    ids=["pings", "pongs", "fragments"],
)
async def test_client_exceeding_frame_rate_is_disconnected(
    all_servers: tuple[CorpusServer, ...], caplog: pytest.LogCaptureFixture, frame: bytes
) -> None:
    """The client may not receive the close frame (1008)."""
    more = masked(0, b"", fin=False) if frame[0] & 15 == TEXT else frame
    for target in all_servers[:2]:
        async with asyncio.timeout(WITHIN_S), raw_connection(target.port) as connection:
            await connection.send([handshake()])
            assert (await connection.answer()).status == 101  # type: ignore[union-attr]
            reading = asyncio.create_task(messages(connection, 1_000_000))
            await connection.send([frame, *[more * 500] * 40])
            closes = {code for opcode, code in await reading if opcode == CLOSE}
        assert closes <= {1008}
    assert logged_errors(caplog) == []
