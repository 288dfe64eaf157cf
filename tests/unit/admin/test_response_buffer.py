"""The buffer of unread responses: bounded, in order, and with a timeout."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pollwire_server.admin.bulk_vote_stream import ClientStalled, ResponseBuffer

from tests.wait import until


class Socket:
    """A connection that accepts data while it is ``open``."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.taken = b""
        self.is_ended = False

    async def send(self, message: Any) -> None:  # Any: ASGI's messages
        """Receive an ASGI message."""
        await self.open.wait()
        self.taken += message["body"]
        self.is_ended = not message["more_body"]


async def test_unread_responses_are_sent_in_order() -> None:
    socket, answers = Socket(), ResponseBuffer()
    writing = asyncio.create_task(answers.write_to(socket.send))
    for number in range(1000):
        await answers.put(b"%d\n" % number)
    socket.open.set()
    await answers.end()
    await writing
    assert socket.taken.splitlines() == [b"%d" % number for number in range(1000)]
    assert socket.is_ended


async def test_put_above_limit_waits_for_reader() -> None:
    socket, answers = Socket(), ResponseBuffer(most=100)
    writing = asyncio.create_task(answers.write_to(socket.send))
    putting = asyncio.create_task(answers.put(b"x" * 101))
    await asyncio.sleep(0)
    assert not putting.done()
    socket.open.set()
    await putting
    await answers.end()
    await writing


async def test_client_that_never_reads_ends_the_stream() -> None:
    """The timeout applies to a full buffer and to the end of the stream."""
    socket, answers = Socket(), ResponseBuffer(most=100, stalled_s=0.05)
    writing = asyncio.create_task(answers.write_to(socket.send))
    with pytest.raises(ClientStalled):
        await answers.put(b"x" * 101)
    with pytest.raises(ClientStalled):
        await answers.end()
    writing.cancel()
    await until(writing.done)
