"""Polls and results as plain reads."""

from __future__ import annotations

import pytest

from tests.api.conftest import Serve, Service
from tests.api.streams import apart_from_time, results


async def test_results_say_what_was_counted(service: Service) -> None:
    """Every option is there in its order, and a vote answered is in the next read."""
    poll = await service.create_poll()
    await service.vote(poll["id"], "yam", await service.voter())
    read = await results(service, poll)
    assert read["counts"] == {"rice": 0, "yam": 1}
    assert list(read["counts"]) == ["rice", "yam"]
    assert (read["type"], read["voters"], read["seq"], read["phase"], read["final"]) == (
        "results",
        1,
        1,
        "open",
        False,
    )


async def test_every_answered_vote_is_in_the_next_read(service: Service) -> None:
    """However many read meanwhile, nobody is answered with totals read before they asked."""
    poll = await service.create_poll(identity="open")
    for count in range(1, 20):
        vote = await service.vote(poll["id"], "rice")
        read = await results(service, poll)
        assert read["voters"] == count
        assert read["seq"] == vote.json()["seq"]


async def test_public_results_are_validated_by_their_tag(service: Service) -> None:
    """The same totals answer 304 to their tag, in a list, weak, strong or as ``*``; others answer 200."""
    poll = await service.create_poll()
    url = f"/v1/polls/{poll['id']}/results"
    first = await service.http.get(url)
    tag = first.headers["etag"]
    for value in (tag, f'"other", {tag}', tag.removeprefix("W/"), "*"):
        again = await service.http.get(url, headers={"If-None-Match": value})
        assert (again.status_code, again.content) == (304, b"")
        for name in ("etag", "cache-control", "vary"):
            assert again.headers[name] == first.headers[name]
    await service.vote(poll["id"], "rice", await service.voter())
    changed = await service.http.get(url, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag


async def test_public_answers_may_be_kept_as_long_as_the_operator_says(serve: Serve) -> None:
    """``RESULTS_MAX_AGE`` stands in what everybody sees alike, and nowhere else."""
    async with serve(results_max_age_s=7) as service:
        public, private = await service.create_poll(), await service.create_poll(results="after_close")
        for path in ("", "/results"):
            kept = await service.http.get(f"/v1/polls/{public['id']}{path}")
            assert kept.headers["cache-control"] == "public, max-age=7"
            assert kept.headers["vary"] == "Origin"
            assert "etag" in kept.headers
            own = await service.http.get(f"/v1/polls/{private['id']}{path}")
            assert own.headers["cache-control"] == "private, no-store"
            assert "etag" not in own.headers
            assert {"Origin", "Authorization", "Cookie"} <= set(own.headers["vary"].split(", "))


async def test_the_poll_is_read_as_the_operator_made_it(service: Service) -> None:
    """The public document is the operators', and its tag validates it."""
    poll = await service.create_poll()
    read = await service.http.get(f"/v1/polls/{poll['id']}")
    assert read.json() == poll
    again = await service.http.get(f"/v1/polls/{poll['id']}", headers={"If-None-Match": read.headers["etag"]})
    assert again.status_code == 304


async def test_head_goes_where_get_does(service: Service) -> None:
    """HEAD has the headers of GET and no body, event streams included."""
    poll = await service.create_poll()
    for path in ("", "/results", "/events"):
        head = await service.http.head(f"/v1/polls/{poll['id']}{path}")
        assert (head.status_code, head.content) == (200, b"")
    assert (await service.http.head(f"/v1/polls/{poll['id']}/results")).headers["etag"]


@pytest.mark.parametrize("path", ["", "/results", "/events"])
async def test_what_does_not_exist_is_not_found_whatever_the_method(service: Service, path: str) -> None:
    """What is unknown or not visible is 404 to every method; a known poll is 405 to those not taken."""
    hidden = await service.create_poll(visible_at="2999-01-01T00:00:00Z")
    for poll_id in ("nowhere", hidden["id"], "NOT-AN-ID"):
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            answer = await service.http.request(method, f"/v1/polls/{poll_id}{path}")
            assert answer.status_code == 404, (method, answer.text)
            assert answer.json()["type"] == "/problems/poll-not-found"
            assert answer.headers["content-type"] == "application/problem+json"
    poll = await service.create_poll()
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = await service.http.request(method, f"/v1/polls/{poll['id']}{path}")
        assert answer.status_code == 405
        assert answer.headers["allow"] == "GET, HEAD"


async def test_a_socket_address_takes_no_plain_request(service: Service) -> None:
    """A GET where only a socket can be opened is not found, with a reason."""
    poll = await service.create_poll()
    for path in ("/v1/live", f"/v1/polls/{poll['id']}/live"):
        answer = await service.http.get(path)
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")


async def test_a_poll_not_visible_yet_is_read_by_operators(service: Service) -> None:
    """With a key it can be looked at before the public sees it, and is kept by no cache."""
    poll = await service.create_poll(visible_at="2999-01-01T00:00:00Z")
    read = await service.admin.get(f"/v1/polls/{poll['id']}/results")
    assert read.status_code == 200
    assert read.headers["cache-control"] == "private, no-store"


async def test_a_forged_token_is_refused_where_it_would_matter(service: Service) -> None:
    """Where totals depend on who reads, a bad bearer is 401; where they do not, nobody looks at it."""
    forged = {"Authorization": "Bearer forged"}
    hidden, shown = await service.create_poll(results="after_vote"), await service.create_poll()
    refused = await service.http.get(f"/v1/polls/{hidden['id']}/results", headers=forged)
    assert (refused.status_code, refused.json()["type"]) == (401, "/problems/voter-token-invalid")
    assert (await service.http.get(f"/v1/polls/{shown['id']}/results", headers=forged)).status_code == 200


async def test_pages_of_allowed_sites_may_read(serve: Serve) -> None:
    """CORS headers go to the service's sites and the poll's own; a foreign page gets none."""
    async with serve(allowed_origins=("https://news.example",)) as service:
        poll = await service.create_poll()
        narrow = await service.create_poll(origins=["https://only.example"])
        for read, origin, allowed in (
            (poll, "https://news.example", True),
            (poll, "https://other.example", False),
            (poll, "null", False),
            (narrow, "https://only.example", True),
            (narrow, "https://news.example", False),
        ):
            answer = await service.http.get(f"/v1/polls/{read['id']}/results", headers={"Origin": origin})
            assert answer.headers.get("access-control-allow-origin") == (origin if allowed else None)
            assert "Origin" in answer.headers["vary"]


async def test_closing_shows_in_the_next_read(service: Service) -> None:
    """After an operator's close the results are final, and after a reopening they are not."""
    poll = await service.create_poll()
    await service.act(poll["id"], "close")
    closed = await results(service, poll)
    assert (closed["phase"], closed["final"]) == ("closed", True)
    await service.act(poll["id"], "reopen")
    assert (await results(service, poll))["final"] is False


async def test_reads_differ_in_their_time_alone(service: Service) -> None:
    """Two reads of an unchanged poll say the same, each with its own ``as_of``."""
    poll = await service.create_poll()
    first, second = await results(service, poll), await results(service, poll)
    assert apart_from_time(first) == apart_from_time(second)
    assert first["as_of"] <= second["as_of"]
