"""The head cache: a cached head gives the same result as the parser."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pollwire_server.http_protocol import CacheableHandler, FastPathRequest, Handler, Headers, Respond
from pollwire_server.http_protocol.head_cache import MAX_HEAD_BYTES, MAX_HEADS, RequestHeadCache

from tests.unit.http_protocol.fake_connection import QUICK, SLOW, ConnectionHarness, post

TOKEN = "authorization: Bearer abc-_~+/.9="
PLAIN = post("/v1/quick", TOKEN, "user-agent: Bearer of news", "accept: */*", body='{"a":1}')


def received_requests(harness: ConnectionHarness) -> list[tuple[object, ...]]:
    """Return all requests that the router received."""
    return [
        (it.head.method, it.head.url, it.authorization, _others(it.head.headers), it.body, it.secure)
        for it in harness.router.requests
    ]


def _others(headers: Headers) -> dict[bytes, bytes]:
    return {name: value for name, value in headers.items() if name != b"authorization"}


def cache_of(harness: ConnectionHarness) -> RequestHeadCache:
    """Return the head cache of the connection."""
    return harness.connection.head_cache


async def test_cached_head_skips_parser(harness: ConnectionHarness) -> None:
    harness.send(PLAIN)
    harness.connection.parser = None  # type: ignore[assignment]  # any use would fail
    harness.send(PLAIN.replace(b"abc-_~+/.9=", b"another").replace(b'{"a":1}', b'{"b":2}'))
    first, second = received_requests(harness)
    assert (first[2], second[2]) == (b"Bearer abc-_~+/.9=", b"Bearer another")
    assert (first[:2], first[3]) == (second[:2], second[3])
    assert (second[4], harness.statuses()) == (b'{"b":2}', [200, 200])
    assert harness.remaining_s == harness.connection.limits.idle_s


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(post("/v1/quick", "cookie: a=b"), id="cookie"),
        pytest.param(post("/v1/quick", "idempotency-key: 1"), id="idempotency key"),
        pytest.param(post("/v1/quick", "if-none-match: 1"), id="etag"),
        pytest.param(post("/v1/quick", "authorization: bearer abc"), id="lower-case scheme"),
        pytest.param(post("/v1/quick", "authorization:  Bearer abc"), id="two spaces before the scheme"),
        pytest.param(post("/v1/quick", "authorization: Bearer abc "), id="space after the token"),
        pytest.param(post("/v1/quick", "x: a Bearer b", TOKEN), id="scheme in an earlier header"),
        pytest.param(post("/v1/quick", f"x: {'a' * MAX_HEAD_BYTES}"), id="long head"),
    ],
)
async def test_personal_and_unusual_heads_are_not_cached(harness: ConnectionHarness, head: bytes) -> None:
    harness.connection.limits = harness.connection.limits._replace(header_bytes=10_000)
    harness.send(head, head)
    assert (harness.statuses(), cache_of(harness).find(head)) == ([200, 200], None)


async def test_segment_with_two_requests_is_parsed(harness: ConnectionHarness) -> None:
    harness.send(PLAIN, PLAIN + PLAIN, PLAIN[:-1], PLAIN[-1:])
    assert harness.statuses() == [200] * 4


async def test_cached_request_queues_behind_request_in_flight(harness: ConnectionHarness) -> None:
    slow = post("/v1/slow", TOKEN)
    harness.send(slow)
    harness.router.waiting.pop()(SLOW)
    harness.send(slow, slow)
    assert len(harness.router.waiting) == 1


async def test_full_cache_is_cleared(harness: ConnectionHarness) -> None:
    for number in range(MAX_HEADS + 1):
        harness.send(post("/v1/quick", f"x-kind: {number}"))
    cached = [
        cache_of(harness).find(post("/v1/quick", f"x-kind: {number}")) for number in range(MAX_HEADS + 1)
    ]
    assert [head is not None for head in cached] == [False] * MAX_HEADS + [True]
    assert len(harness.statuses()) == MAX_HEADS + 1


INSERTIONS = [b"", b" ", b"\r", b"\n", b"\r\n", b":", b"\0", b"7", b"Bearer ", b"\xff", b"x-a: b\r\n"]
EDIT = st.tuples(st.integers(0, len(PLAIN)), st.integers(0, 3), st.sampled_from(INSERTIONS))
EDITS = st.lists(EDIT, min_size=1, max_size=3)


@given(edits=EDITS)
@settings(max_examples=400, deadline=None)
def test_edited_request_gets_the_same_response_with_and_without_cache(
    edits: list[tuple[int, int, bytes]],
) -> None:
    changed = PLAIN
    for place, removed, inserted in edits:
        changed = changed[:place] + inserted + changed[place + removed :]
    assert asyncio.run(_outcome(changed, after=PLAIN)) == asyncio.run(_outcome(changed, after=None))


async def _outcome(segment: bytes, *, after: bytes | None) -> tuple[object, ...]:
    """Return requests, response and state after a segment, on a new connection with the cache of another."""
    before = ConnectionHarness()
    if after is not None:
        before.send(after)
        assert cache_of(before).find(after) is not None
    before_count, harness = (
        len(received_requests(before)),
        ConnectionHarness(),
    )  # a cached head goes to the router that first matched it
    type(harness.connection).head_cache = cache_of(before)
    harness.send(segment)
    if harness.connection._in_body:  # incomplete, so the app would wait without limit
        harness.connection.connection_lost(None)
    await harness.wait_for_asgi()
    requests = received_requests(before)[before_count:] + received_requests(harness)
    return requests, harness.pipe.written, harness.pipe.closing


class FakeCacheableHandler(CacheableHandler):
    """A handler that depends on the head alone."""

    def __call__(self, request: FastPathRequest, respond: Respond) -> None:
        respond(QUICK)


async def test_cacheable_handler_is_matched_once(
    harness: ConnectionHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    matched: list[bytes] = []

    def match(method: bytes, url: bytes, headers: Headers) -> Handler:
        matched.append(url)
        return FakeCacheableHandler() if url == b"/v1/cacheable" else harness.router.quick

    monkeypatch.setattr(harness.router, "match", match)
    cacheable, quick = post("/v1/cacheable", TOKEN), post("/v1/quick", TOKEN)
    harness.send(cacheable, cacheable, cacheable, quick, quick)
    assert matched == [b"/v1/cacheable", b"/v1/quick", b"/v1/quick"]
    assert harness.statuses() == [200] * 5


async def test_cached_head_contains_no_token(harness: ConnectionHarness) -> None:
    harness.send(PLAIN)
    cached = cache_of(harness).find(PLAIN)
    assert cached is not None
    assert b"authorization" not in cached[0].head.headers
