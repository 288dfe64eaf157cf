"""Deadlines of each stage of a request."""

from __future__ import annotations

import asyncio
import math

from pollwire_server.http_protocol import ConnectionTimeouts

from tests.unit.http_protocol.fake_connection import LIMITS, SLOW, ConnectionHarness, post
from tests.wait import until


async def test_each_stage_of_fast_path_request_has_its_deadline(harness: ConnectionHarness) -> None:
    sent = post("/v1/slow", body="hello")
    for number in range(2):
        assert harness.remaining_s == (10 if number == 0 else 75)
        harness.send(sent[:9])
        assert harness.remaining_s == 10
        harness.send(sent[9:-2])
        assert harness.remaining_s == 30
        harness.send(sent[-2:])
        assert harness.connection.deadline == math.inf
        harness.router.waiting[number](SLOW)
        assert harness.remaining_s == 75


async def test_each_stage_of_asgi_request_has_its_deadline(harness: ConnectionHarness) -> None:
    """Also if the response is sent before the end of the body."""
    sent = post("/x", body="hello")
    harness.send(sent[:-2])
    assert harness.remaining_s == 30
    harness.send(sent[-2:])
    assert harness.connection.deadline == math.inf
    await harness.wait_for_asgi()
    assert harness.remaining_s == 75
    early = post("/early", body="hello")
    harness.send(early[:-2])
    await harness.wait_for_asgi()
    harness.send(early[-2:])
    assert harness.remaining_s == 75


async def test_sweep_aborts_late_connections_and_sets_deadline_of_closing_ones(
    harness: ConnectionHarness,
) -> None:
    late, closing = ConnectionHarness(harness.timeouts), ConnectionHarness(harness.timeouts)
    late.connection.deadline = late.connection.loop.time() - 1
    closing.connection.deadline = math.inf
    closing.pipe.closing = True
    await until(lambda: late.pipe.aborted and closing.connection.deadline < math.inf)
    assert not harness.pipe.aborted
    assert 3 <= closing.remaining_s <= 5
    for one in (harness, late, closing):
        one.connection.connection_lost(None)
    await until(lambda: harness.timeouts._timer is None)


async def test_unread_response_is_aborted_unless_the_buffer_shrinks() -> None:
    timeouts = ConnectionTimeouts(LIMITS._replace(write_s=0.3))
    unread, slow = ConnectionHarness(timeouts), ConnectionHarness(timeouts)
    for one in (unread, slow):
        one.pipe.full = True
        one.send(post("/v1/quick"))
    while not unread.pipe.aborted:
        if slow.connection.unsent_bytes == len(slow.pipe.waiting):  # it was checked
            slow.pipe.waiting = slow.pipe.waiting[:-1]
        await asyncio.sleep(0)
    assert slow.pipe.waiting
    assert not slow.pipe.aborted


async def test_connection_that_refills_its_buffer_is_not_aborted() -> None:
    """Between two checks the client may read everything and the server write as much again."""
    timeouts = ConnectionTimeouts(LIMITS._replace(write_s=0.3))
    unread, busy = ConnectionHarness(timeouts), ConnectionHarness(timeouts)
    for one in (unread, busy):
        one.pipe.full = True
        one.send(post("/v1/quick"))
    while not unread.pipe.aborted:
        if busy.connection.unsent_bytes == len(busy.pipe.waiting):  # it was checked
            busy.pipe.drain(full=True)
            busy.send(post("/v1/quick"))
        await asyncio.sleep(0)
    assert not busy.pipe.aborted
