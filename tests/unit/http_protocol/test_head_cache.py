"""What a connection does for a request whose head was read before is what it does for any other."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pollwire_server.http_protocol import CacheableHandler, FastPathRequest, Handler, Headers, Respond
from pollwire_server.http_protocol.head_cache import LONGEST_HEAD, MOST_HEADS, RequestHeadCache

from tests.unit.http_protocol.fake_connection import QUICK, SLOW, House, asks

TOKEN = "authorization: Bearer abc-_~+/.9="
PLAIN = asks("/v1/quick", TOKEN, "user-agent: Bearer of news", "accept: */*", body='{"a":1}')


def met(house: House) -> list[tuple[object, ...]]:
    """All that the lane was handed."""
    return [
        (it.head.method, it.head.url, it.authorization, _others(it.head.headers), it.body, it.secure)
        for it in house.lane.requests
    ]


def _others(headers: Headers) -> dict[bytes, bytes]:
    return {name: value for name, value in headers.items() if name != b"authorization"}


def heads_of(house: House) -> RequestHeadCache:
    """Those that the connection has met."""
    return house.connection.heads


async def test_a_head_that_was_met_is_not_parsed_again(house: House) -> None:
    """The second of two like requests reaches the lane without the parser, with its own token and body."""
    house.send(PLAIN)
    house.connection.parser = None  # type: ignore[assignment]  # whoever asks it fails
    house.send(PLAIN.replace(b"abc-_~+/.9=", b"another").replace(b'{"a":1}', b'{"b":2}'))
    first, second = met(house)
    assert (first[2], second[2]) == (b"Bearer abc-_~+/.9=", b"Bearer another")
    assert (first[:2], first[3]) == (second[:2], second[3])
    assert (second[4], house.statuses()) == (b'{"b":2}', [200, 200])
    assert house.left_s == house.connection.limits.idle_s


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(asks("/v1/quick", "cookie: a=b"), id="a cookie"),
        pytest.param(asks("/v1/quick", "idempotency-key: 1"), id="an idempotency key"),
        pytest.param(asks("/v1/quick", "if-none-match: 1"), id="a tag"),
        pytest.param(asks("/v1/quick", "authorization: bearer abc"), id="another word before the token"),
        pytest.param(asks("/v1/quick", "authorization:  Bearer abc"), id="two blanks before the word"),
        pytest.param(asks("/v1/quick", "authorization: Bearer abc "), id="a blank behind the token"),
        pytest.param(asks("/v1/quick", "x: a Bearer b", TOKEN), id="the word in an earlier header"),
        pytest.param(asks("/v1/quick", f"x: {'a' * LONGEST_HEAD}"), id="a long head"),
    ],
)
async def test_what_is_one_persons_own_or_odd_is_not_kept(house: House, head: bytes) -> None:
    """A head that would not come again, or whose token is not where it seems, is parsed each time."""
    house.connection.limits = house.connection.limits._replace(header_bytes=10_000)
    house.send(head, head)
    assert (house.statuses(), heads_of(house).find(head)) == ([200, 200], None)


async def test_two_requests_in_one_segment_are_parsed(house: House) -> None:
    """A segment that is more than one request is no known request, though it begins as one."""
    house.send(PLAIN, PLAIN + PLAIN, PLAIN[:-1], PLAIN[-1:])
    assert house.statuses() == [200] * 4


async def test_a_known_request_waits_for_the_one_before(house: House) -> None:
    """While a lane has not answered, the next request queues, known or not."""
    slow = asks("/v1/slow", TOKEN)
    house.send(slow)
    house.lane.waiting.pop()(SLOW)
    house.send(slow, slow)
    assert len(house.lane.waiting) == 1


async def test_memory_is_bounded(house: House) -> None:
    """However many kinds of request come, only so many heads are kept, and all are answered."""
    for number in range(MOST_HEADS + 1):
        house.send(asks("/v1/quick", f"x-kind: {number}"))
    known = [heads_of(house).find(asks("/v1/quick", f"x-kind: {number}")) for number in range(MOST_HEADS + 1)]
    assert [head is not None for head in known] == [False] * MOST_HEADS + [True]
    assert len(house.statuses()) == MOST_HEADS + 1


PUT = [b"", b" ", b"\r", b"\n", b"\r\n", b":", b"\0", b"7", b"Bearer ", b"\xff", b"x-a: b\r\n"]
EDIT = st.tuples(st.integers(0, len(PLAIN)), st.integers(0, 3), st.sampled_from(PUT))
EDITS = st.lists(EDIT, min_size=1, max_size=3)


@given(edits=EDITS)
@settings(max_examples=400, deadline=None)
def test_nothing_is_read_otherwise_than_the_parser_would(edits: list[tuple[int, int, bytes]]) -> None:
    """Whatever is changed in a known request, it is answered as by a connection that knows none."""
    changed = PLAIN
    for place, taken, put in edits:
        changed = changed[:place] + put + changed[place + taken :]
    assert asyncio.run(_told(changed, after=PLAIN)) == asyncio.run(_told(changed, after=None))


async def _told(segment: bytes, *, after: bytes | None) -> tuple[object, ...]:
    """What comes of a segment, on a connection of its own."""
    before = House()
    if after is not None:
        before.send(after)
        assert heads_of(before).find(after) is not None
    before_count, house = len(met(before)), House()  # a head is taken by the lane that it was met with
    type(house.connection).heads = heads_of(before)
    house.send(segment)
    if house.connection._in_body:  # cut short; whoever waits for the rest would wait for ever
        house.connection.connection_lost(None)
    await house.settled()
    taken = met(before)[before_count:] + met(house)
    return taken, house.pipe.written, house.pipe.closing


class Lasts(CacheableHandler):
    """A handler that its head alone has decided."""

    def __call__(self, request: FastPathRequest, respond: Respond) -> None:
        respond(QUICK)


async def test_what_a_head_decides_is_found_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lane is asked once for a handler that lasts, and each time for one that does not."""
    found: list[bytes] = []

    def find(method: bytes, url: bytes, headers: Headers) -> Handler:
        found.append(url)
        return Lasts() if url == b"/v1/lasts" else house.lane.quick

    monkeypatch.setattr(house.lane, "match", find)
    lasts, quick = asks("/v1/lasts", TOKEN), asks("/v1/quick", TOKEN)
    house.send(lasts, lasts, lasts, quick, quick)
    assert found == [b"/v1/lasts", b"/v1/quick", b"/v1/quick"]
    assert house.statuses() == [200] * 5


async def test_no_token_is_kept(house: House) -> None:
    """What is remembered of a head has nothing of the request that it was learned from."""
    house.send(PLAIN)
    known = heads_of(house).find(PLAIN)
    assert known is not None
    assert b"authorization" not in known[0].head.headers
