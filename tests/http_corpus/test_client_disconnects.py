"""Clients that disconnect before the response."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct

import pytest

from tests.http_corpus.case import request
from tests.http_corpus.raw_client import raw_connection
from tests.http_corpus.servers import CorpusServer

pytestmark = pytest.mark.asyncio(loop_scope="package")

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""Value of SO_LINGER with which closing resets the connection."""
MAX_ITERATIONS = 40
"""Iterations of the event loop after which the requests have been answered."""


async def test_connection_reset_before_response_logs_no_error(
    all_servers: tuple[CorpusServer, ...], caplog: pytest.LogCaptureFixture
) -> None:
    """The reset may come in any iteration of the event loop."""
    target = all_servers[0]
    for iterations in range(MAX_ITERATIONS):
        with socket.create_connection(("127.0.0.1", target.port)) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            client.sendall(request("GET /v1/polls/lunch/timeline") * 6)
            for _ in range(iterations):
                await asyncio.sleep(0)
        async with raw_connection(target.port) as other:  # accepted after it, and so answered after it
            assert await other.is_open()
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
