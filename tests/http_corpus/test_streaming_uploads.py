"""Streaming uploads: no limit on their duration, only on their silence."""

from __future__ import annotations

import asyncio
import secrets

import pytest
from pollwire_server.app import build
from pollwire_server.app.http_exchange import is_streaming_upload
from pollwire_server.http_protocol import (
    ConnectionTimeouts,
    HttpLimits,
    make_protocol_class,
)
from pollwire_server.server import create_server, open_listener
from pollwire_server.settings import Settings
from pollwire_server.store import Store

from tests.factories import a_poll
from tests.valkey import Valkey

BODY_TIMEOUT_S = 0.5
"""Time limit for a body, and for the next part of a streaming upload."""


@pytest.mark.parametrize(
    ("method", "url", "is_streaming"),
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
def test_only_bulk_votes_are_streaming_uploads(method: bytes, url: bytes, is_streaming: bool) -> None:
    assert is_streaming_upload(method, url) is is_streaming


async def test_streaming_upload_ends_only_when_silent(store: Store, valkey: Valkey) -> None:
    poll, _ = await store.polls.create(a_poll(), "digest")
    key = secrets.token_urlsafe(24)
    settings = Settings(
        redis_url=valkey.url,
        secret=secrets.token_urlsafe(32),
        admin_key=key,
        namespace=store.connection.namespace,
    )
    container, listener = build(settings, store), open_listener("127.0.0.1", 0)
    timeouts = ConnectionTimeouts(HttpLimits(body_s=BODY_TIMEOUT_S, sweep_s=0.02))
    server = create_server(
        container.app,
        http=make_protocol_class(
            container.fast_path_routers,
            container.websocket_acceptor,
            timeouts,
            is_streaming_upload=container.is_streaming_upload,
        ),
    )
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
    while loop.time() - since < 3 * BODY_TIMEOUT_S:
        number += 1
        line = b'{"voter": "%d", "choice": "npp"}\n' % number
        writer.write(b"%x\r\n%b\r\n" % (len(line), line))
        assert b'"counted"' in await reader.readuntil(b"}\n\r\n")
    silent = loop.time()
    assert await asyncio.wait_for(reader.read(), 10) == b""
    assert loop.time() - silent >= BODY_TIMEOUT_S / 2
    writer.close()
    server.should_exit = True
    await serving
    listener.close()
