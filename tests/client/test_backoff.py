"""Retries of the client: when it repeats a request, and when it stops."""

from __future__ import annotations

import socket
import time

import pytest
from pollwire import ApiError, Client, UnexpectedResponse, Unreachable

from tests.client.peer import CUT, Reply, answering, problem

COUNTED = Reply(200, {"status": "counted"})
AWAY = problem(503, "store-unavailable")


async def test_vote_is_repeated_with_same_idempotency_key() -> None:
    """Check that a vote is repeated after 503 and a closed connection, with the same Idempotency-Key."""
    async with answering(AWAY, CUT, COUNTED) as peer, Client(peer.url, token="t") as client:
        assert await client.vote("lunch", "rice") == {"status": "counted"}
    keys = {line for text in peer.requests for line in text.split("\r\n") if "dempotency" in line}
    assert (len(peer.requests), len(keys)) == (3, 1)


async def test_retry_waits_for_retry_after() -> None:
    """Check that the client waits as long as ``Retry-After`` requires."""
    begun = time.monotonic()
    asked_to_wait = problem(503, "overloaded", **{"retry-after": "1"})
    async with answering(asked_to_wait, COUNTED) as peer, Client(peer.url) as client:
        await client.vote("lunch", "rice")
    assert time.monotonic() - begun >= 1


async def test_last_problem_is_raised_after_patience() -> None:
    """Check that the caller gets the last problem document when ``patience_s`` is over."""
    begun = time.monotonic()
    async with answering(AWAY) as peer, Client(peer.url, patience_s=0.3) as client:
        with pytest.raises(ApiError) as caught:
            await client.poll("lunch")
    assert (caught.value.slug, caught.value.detail) == ("store-unavailable", "It is store-unavailable.")
    assert len(peer.requests) > 1
    assert time.monotonic() - begun < 2


async def test_permanent_error_is_not_retried() -> None:
    """Check that an error that cannot be temporary is raised at once."""
    async with answering(problem(403, "poll-closed")) as peer, Client(peer.url) as client:
        with pytest.raises(ApiError) as caught:
            await client.vote("lunch", "rice")
    assert caught.value.status == 403
    assert len(peer.requests) == 1


@pytest.mark.parametrize(("poll", "requests"), [({"id": "lunch"}, 2), ({}, 1)])
async def test_create_is_retried_only_with_a_poll_id(poll: dict[str, str], requests: int) -> None:
    """Check that a creation with unknown outcome is repeated only if the poll has an id."""
    async with (
        answering(CUT, Reply(201, {"id": "lunch"})) as peer,
        Client(peer.url, key="k", patience_s=2) as client,
    ):
        if requests == 1:
            with pytest.raises(Unreachable):
                await client.create_poll(poll)
        else:
            await client.create_poll(poll)
    assert len(peer.requests) == requests


async def test_connection_refused_raises_one_sentence() -> None:
    """Check that the error is one sentence without the HTTP library's message."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        async with Client(f"http://127.0.0.1:{port}", patience_s=0.2) as client:
            with pytest.raises(Unreachable) as caught:
                await client.poll("lunch")
    expected = f"The service at http://127.0.0.1:{port} cannot be reached: nothing listens there."
    assert str(caught.value) == expected


async def test_response_of_another_server_is_rejected() -> None:
    """Check that a response of another server is not read as a response of this service."""
    async with (
        answering(Reply(404, None, {"content-type": "text/html"})) as peer,
        Client(peer.url) as client,
    ):
        with pytest.raises(UnexpectedResponse):
            await client.poll("lunch")


async def test_invalid_poll_id_sends_no_request() -> None:
    """An id with a slash or dots would address another route, so the client raises the service's error."""
    async with answering(COUNTED) as peer, Client(peer.url, key="k") as client:
        for wrong in ("", "..", "a/b", "Lunch"):
            with pytest.raises(ApiError) as caught:
                await client.delete_poll(wrong)
            assert caught.value.slug == "poll-not-found"
    assert peer.requests == []


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://localhost", "http://"])
def test_invalid_url_sends_no_request(url: str) -> None:
    """Check that an address without scheme or host is rejected before any request."""
    with pytest.raises(ValueError, match="looks like"):
        Client(url)
