"""Whose rule a request is judged by that belongs to no one poll."""

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
    """The service allows NEWS; poll ``blogs`` allows BLOG instead, ``plain`` whomever the service does."""
    await store.polls.create(a_poll(id="blogs", origins=(BLOG,)), "digest")
    await store.polls.create(a_poll(id="plain"), "digest")
    store.polls.on_gap()  # met by nobody yet
    return PollOriginPolicy(OriginPolicy(Settings(allowed_origins=(NEWS,))), store)


@pytest.mark.parametrize(
    ("query", "most", "named"),
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
def test_which_polls_a_query_names(query: bytes, most: int, named: tuple[str, ...]) -> None:
    """Ids, in order, each once, no more than asked for; what is no id is left out."""
    assert poll_ids_in_query(query, most) == named


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
async def test_a_poll_that_is_named_decides(
    sites: PollOriginPolicy, polls: tuple[str, ...], of_the_service: bool, of_the_poll: bool
) -> None:
    """Any poll that allows the site is enough; without one, and for an unknown one, the service's rule."""
    for origin, allowed in ((NEWS, of_the_service), (BLOG, of_the_poll), (None, True), ("null", False)):
        rule = await sites.allowed_origins(origin, HOST, polls)
        assert sites.origins.allows(origin, HOST, rule) is allowed, origin


async def test_what_is_known_now_never_allows_more(sites: PollOriginPolicy) -> None:
    """Without a read, a poll not met allows nobody's page; once met, as its rule says."""
    assert sites.allows_now(None, HOST, ["blogs"])
    assert sites.allows_now(NEWS, HOST, [])
    assert not sites.allows_now(BLOG, HOST, ["blogs"])
    await sites.allowed_origins(BLOG, HOST, ["blogs"])
    assert sites.allows_now(BLOG, HOST, ["blogs"])
    assert not sites.allows_now(NEWS, HOST, ["blogs"])
