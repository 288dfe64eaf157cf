"""Polls and results over GET."""

from __future__ import annotations

import pytest

from tests.api.conftest import Serve, Service
from tests.api.streams import results, without_timestamp


async def test_results_list_all_options_and_counted_vote(service: Service) -> None:
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


async def test_confirmed_vote_is_in_next_read(service: Service) -> None:
    """Check that concurrent reads do not share a response from before the vote either."""
    poll = await service.create_poll(identity="open")
    for count in range(1, 20):
        vote = await service.vote(poll["id"], "rice")
        read = await results(service, poll)
        assert read["voters"] == count
        assert read["seq"] == vote.json()["seq"]


async def test_public_results_answer_304_to_matching_etag(service: Service) -> None:
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


async def test_public_responses_have_configured_max_age(serve: Serve) -> None:
    async with serve(results_max_age_s=7) as service:
        public, private = await service.create_poll(), await service.create_poll(results="after_close")
        for path in ("", "/results"):
            cached = await service.http.get(f"/v1/polls/{public['id']}{path}")
            assert cached.headers["cache-control"] == "public, max-age=7"
            assert cached.headers["vary"] == "Origin"
            assert "etag" in cached.headers
            own = await service.http.get(f"/v1/polls/{private['id']}{path}")
            assert own.headers["cache-control"] == "private, no-store"
            assert "etag" not in own.headers
            assert {"Origin", "Authorization", "Cookie"} <= set(own.headers["vary"].split(", "))


async def test_public_poll_document_equals_admin_document(service: Service) -> None:
    poll = await service.create_poll()
    read = await service.http.get(f"/v1/polls/{poll['id']}")
    assert read.json() == poll
    again = await service.http.get(f"/v1/polls/{poll['id']}", headers={"If-None-Match": read.headers["etag"]})
    assert again.status_code == 304


async def test_head_has_headers_of_get_and_no_body(service: Service) -> None:
    poll = await service.create_poll()
    for path in ("", "/results", "/events"):
        head = await service.http.head(f"/v1/polls/{poll['id']}{path}")
        assert (head.status_code, head.content) == (200, b"")
    assert (await service.http.head(f"/v1/polls/{poll['id']}/results")).headers["etag"]


@pytest.mark.parametrize("path", ["", "/results", "/events"])
async def test_unknown_poll_returns_404_for_every_method(service: Service, path: str) -> None:
    hidden = await service.create_poll(visible_at="2999-01-01T00:00:00Z")
    for poll_id in ("nowhere", hidden["id"], "NOT-AN-ID"):
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            response = await service.http.request(method, f"/v1/polls/{poll_id}{path}")
            assert response.status_code == 404, (method, response.text)
            assert response.json()["type"] == "/problems/poll-not-found"
            assert response.headers["content-type"] == "application/problem+json"
    poll = await service.create_poll()
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        response = await service.http.request(method, f"/v1/polls/{poll['id']}{path}")
        assert response.status_code == 405
        assert response.headers["allow"] == "GET, HEAD"


async def test_get_on_websocket_route_returns_404(service: Service) -> None:
    poll = await service.create_poll()
    for path in ("/v1/live", f"/v1/polls/{poll['id']}/live"):
        response = await service.http.get(path)
        assert (response.status_code, response.json()["type"]) == (404, "/problems/not-found")


async def test_invisible_poll_is_readable_with_api_key_and_not_cached(service: Service) -> None:
    poll = await service.create_poll(visible_at="2999-01-01T00:00:00Z")
    read = await service.admin.get(f"/v1/polls/{poll['id']}/results")
    assert read.status_code == 200
    assert read.headers["cache-control"] == "private, no-store"


async def test_forged_token_returns_401_only_if_totals_depend_on_client(service: Service) -> None:
    forged = {"Authorization": "Bearer forged"}
    hidden, shown = await service.create_poll(results="after_vote"), await service.create_poll()
    refused = await service.http.get(f"/v1/polls/{hidden['id']}/results", headers=forged)
    assert (refused.status_code, refused.json()["type"]) == (401, "/problems/voter-token-invalid")
    assert (await service.http.get(f"/v1/polls/{shown['id']}/results", headers=forged)).status_code == 200


async def test_cors_headers_are_sent_to_allowed_origins_only(serve: Serve) -> None:
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
            response = await service.http.get(f"/v1/polls/{read['id']}/results", headers={"Origin": origin})
            assert response.headers.get("access-control-allow-origin") == (origin if allowed else None)
            assert "Origin" in response.headers["vary"]


async def test_close_and_reopen_show_in_next_read(service: Service) -> None:
    poll = await service.create_poll()
    await service.act(poll["id"], "close")
    closed_results = await results(service, poll)
    assert (closed_results["phase"], closed_results["final"]) == ("closed", True)
    await service.act(poll["id"], "reopen")
    assert (await results(service, poll))["final"] is False


async def test_reads_of_unchanged_poll_differ_in_as_of_only(service: Service) -> None:
    poll = await service.create_poll()
    first, second = await results(service, poll), await results(service, poll)
    assert without_timestamp(first) == without_timestamp(second)
    assert first["as_of"] <= second["as_of"]
