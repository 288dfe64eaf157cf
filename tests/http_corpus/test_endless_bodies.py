"""Streams of votes have no end by the clock: they are closed for silence alone, as no other body is."""

from __future__ import annotations

import asyncio
import secrets

import pytest
from pollwire_server.app import build
from pollwire_server.http_protocol import (
    ConnectionTimeouts,
    HttpLimits,
    is_streaming_upload,
    make_protocol_class,
)
from pollwire_server.server import create_server, listening
from pollwire_server.settings import Settings
from pollwire_server.store import Store

from tests.factories import a_poll
from tests.valkey import Valkey

SOON_S = 0.5
"""The time for a body, in which the whole of one must come, or the next part of an endless one."""


@pytest.mark.parametrize(
    ("method", "url", "endless"),
    [
        (b"POST", b"/v1/admin/polls/a/votes", True),
        (b"POST", b"/v1/admin/polls/a/votes?x=1", True),
        (b"GET", b"/v1/admin/polls/a/votes", False),
        (b"POST", b"/v1/admin/polls/a/votes/", False),
        (b"POST", b"/v1/admin/polls/a/b/votes", False),
        (b"POST", b"/v1/polls/a/votes", False),
        (b"POST", b"/v1/admin/polls", False),
    ],
)
def test_which_bodies_are_endless(method: bytes, url: bytes, endless: bool) -> None:
    """The votes of back ends, and nothing else."""
    assert is_streaming_upload(method, url) is endless


async def test_only_silence_ends_a_stream(store: Store, valkey: Valkey) -> None:
    """A stream that outlasts any other body is answered to the end; one that falls silent is closed."""
    poll, _ = await store.polls.create(a_poll(), "digest")
    key = secrets.token_urlsafe(24)
    settings = Settings(
        redis_url=valkey.url,
        secret=secrets.token_urlsafe(32),
        admin_key=key,
        namespace=store.connection.namespace,
    )
    wiring, listener = build(settings, store), listening("127.0.0.1", 0)
    deadlines = ConnectionTimeouts(HttpLimits(body_s=SOON_S, sweep_s=0.02))
    server = create_server(wiring.app, http=make_protocol_class(wiring.lanes, wiring.socket_lane, deadlines))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    await server.is_serving.wait()
    reader, writer = await asyncio.open_connection(*listener.getsockname()[:2])
    writer.write(
        f"POST /v1/admin/polls/{poll.poll.id}/votes HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\n"
        "Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    loop = asyncio.get_running_loop()
    since, number = loop.time(), 0
    while loop.time() - since < 3 * SOON_S:
        number += 1
        line = b'{"voter": "%d", "choice": "npp"}\n' % number
        writer.write(b"%x\r\n%b\r\n" % (len(line), line))
        assert b'"counted"' in await reader.readuntil(b"}\n\r\n")
    silent = loop.time()
    assert await asyncio.wait_for(reader.read(), 10) == b""
    assert loop.time() - silent >= SOON_S / 2
    writer.close()
    server.should_exit = True
    await serving
    listener.close()
