"""Origin rules of routes that are not tied to one poll."""

from __future__ import annotations

import pytest
from pollwire_server.auth.origins import OriginPolicy
from pollwire_server.auth.poll_origins import PollOriginPolicy, poll_ids_in_query
from pollwire_server.settings import Settings
from pollwire_server.store import Store

from tests.factories import a_poll

NEWS = "https://news.example"
BLOG = "https://blog.example"
HOST = "polls.example"


@pytest.fixture
async def sites(store: Store) -> PollOriginPolicy:
    """Return a policy that allows NEWS. The poll ``blogs`` allows BLOG only; ``plain`` has no origins."""
    await store.polls.create(a_poll(id="blogs", origins=(BLOG,)), "digest")
    await store.polls.create(a_poll(id="plain"), "digest")
    store.polls.on_gap()  # not cached yet
    return PollOriginPolicy(OriginPolicy(Settings(allowed_origins=(NEWS,))), store)


@pytest.mark.parametrize(
    ("query", "most", "expected"),
    [
        (b"", 9, ()),
        (b"ticket=x", 9, ()),
        (b"poll=a", 9, ("a",)),
        (b"poll=a&ticket=x&poll=b-1&poll=a", 9, ("a", "b-1")),
        (b"poll=a&poll=b", 1, ("a",)),
        (b"poll=%61", 9, ("a",)),
        (b"poll=&poll=A&poll=a%0A&poll=a/b&poll=-a&poll=" + b"a" * 65, 9, ()),
        (b"poll=a", 0, ()),
    ],
)
def test_poll_ids_are_parsed_from_query(query: bytes, most: int, expected: tuple[str, ...]) -> None:
    assert poll_ids_in_query(query, most) == expected


@pytest.mark.parametrize(
    ("polls", "of_the_service", "of_the_poll"),
    [
        ((), True, False),
        (("blogs",), False, True),
        (("plain",), True, False),
        (("blogs", "plain"), True, True),
        (("nowhere",), True, False),
        (("nowhere", "blogs"), False, True),
    ],
)
async def test_named_poll_decides_the_origin_rule(
    sites: PollOriginPolicy, polls: tuple[str, ...], of_the_service: bool, of_the_poll: bool
) -> None:
    for origin, allowed in ((NEWS, of_the_service), (BLOG, of_the_poll), (None, True), ("null", False)):
        rule = await sites.allowed_origins(origin, HOST, polls)
        assert sites.origins.allows(origin, HOST, rule) is allowed, origin


async def test_cached_rule_never_allows_more(sites: PollOriginPolicy) -> None:
    assert sites.allows_now(None, HOST, ["blogs"])
    assert sites.allows_now(NEWS, HOST, [])
    assert not sites.allows_now(BLOG, HOST, ["blogs"])
    await sites.allowed_origins(BLOG, HOST, ["blogs"])
    assert sites.allows_now(BLOG, HOST, ["blogs"])
    assert not sites.allows_now(NEWS, HOST, ["blogs"])
