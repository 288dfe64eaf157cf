"""Clients who are gone before they are answered."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct

import pytest

from tests.http_corpus.case import request
from tests.http_corpus.raw_client import talk
from tests.http_corpus.servers import Way

pytestmark = pytest.mark.asyncio(loop_scope="package")

NO_FAREWELL = struct.pack("ii", 1, 0)
"""SO_LINGER's: closing resets the connection."""
MOST_TURNS = 40
"""By then the requests have been answered."""


async def test_who_leaves_before_the_answer_is_no_failure(
    all_ways: tuple[Way, ...], caplog: pytest.LogCaptureFixture
) -> None:
    """Connections that are reset behind their requests, at any turn of the loop, leave no loud line."""
    way = all_ways[0]
    for turns in range(MOST_TURNS):
        with socket.create_connection(("127.0.0.1", way.port)) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_FAREWELL)
            client.sendall(request("GET /v1/polls/lunch/timeline") * 6)
            for _ in range(turns):
                await asyncio.sleep(0)
        async with talk(way.port) as other:  # accepted after it, and so answered after it
            assert await other.is_kept()
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
