"""Errors of the voting API, and the order of its checks."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
from pollwire_server.auth.voter_tokens import VoterTokens
from pollwire_server.domain.timestamps import format_timestamp

from tests.api.conftest import Service
from tests.factories import FAR_OFF

MISSING_POLL = "no-such-poll"


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Return status and slug of a problem response."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    assert answer.headers["cache-control"] == "private, no-store"
    document = answer.json()
    assert document["status"] == answer.status_code
    assert document["title"]
    assert document["detail"]
    return answer.status_code, document["type"].removeprefix("/problems/")


class Ballot:
    """A valid vote request, until a test puts an error into it."""

    def __init__(self, poll: str, token: str) -> None:
        self.poll, self.method, self.address = poll, "POST", "votes"
        self.headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        self.body = b'{"choice": "rice"}'

    async def send(self, service: Service) -> httpx.Response:
        """Send the request and return the response."""
        path = f"/v1/polls/{self.poll}/{self.address}"
        return await service.http.request(self.method, path, headers=self.headers, content=self.body)


def _nowhere(ballot: Ballot) -> None:
    ballot.poll = MISSING_POLL


def _wrong_method(ballot: Ballot) -> None:
    ballot.method = "PUT"


def _wrong_type(ballot: Ballot) -> None:
    ballot.headers["Content-Type"] = "text/plain"


def _too_large(ballot: Ballot) -> None:
    ballot.body = ballot.body.ljust(17 * 1024)


def _broken(ballot: Ballot) -> None:
    ballot.body = ballot.body[:-1] + ballot.body[-1:].replace(b"}", b"")


def _forged(ballot: Ballot) -> None:
    ballot.headers["Authorization"] = "Bearer forged"


def _unknown_option(ballot: Ballot) -> None:
    ballot.body = ballot.body.replace(b"rice", b"stew")


def _closed(ballot: Ballot) -> None:
    """Do nothing: the poll of these tests is closed already."""


FAULTS: list[tuple[Callable[[Ballot], None], tuple[int, str]]] = [
    # in the order of the service's checks
    (_nowhere, (404, "poll-not-found")),
    (_wrong_method, (405, "method-not-allowed")),
    (_wrong_type, (415, "unsupported-media-type")),
    (_too_large, (413, "body-too-large")),
    (_broken, (400, "malformed-body")),
    (_forged, (401, "voter-token-invalid")),
    (_unknown_option, (422, "invalid-choice")),
    (_closed, (403, "poll-closed")),
]


async def test_vote_two_errors_returns_the_first_in_order(service: Service) -> None:
    poll = await service.create_poll()
    await service.act(poll["id"], "close")
    token = await service.voter()
    for (first, expected), (second, _) in itertools.combinations(FAULTS, 2):
        ballot = Ballot(poll["id"], token)
        second(ballot)
        first(ballot)
        error = problem(await ballot.send(service))
        assert error == expected, f"{first.__name__} and {second.__name__}"


WRONG_CHOICES: list[tuple[dict[str, Any], str]] = [
    ({}, "choice"),
    ({"choice": None}, "choice"),
    ({"choice": "stew"}, "choice"),
    ({"choice": ""}, "choice"),
    ({"choice": "RICE"}, "choice"),
    ({"choice": ["rice"]}, "choice"),
    ({"choice": ["rice", "yam"]}, "choice"),
    ({"choice": 1}, "choice"),
    ({"choice": True}, "choice"),
    ({"choice": {"rice": 1}}, "choice"),
    ({"choice": "rice", "colour": "red"}, "colour"),
    ({"choice": "rice", "revision": "1"}, "revision"),
    ({"choice": "rice", "revision": -1}, "revision"),
    ({"choice": "rice", "revision": 1.5}, "revision"),
    ({"choice": "rice", "revision": True}, "revision"),
    ({"choice": "rice", "revision": 2**24}, "revision"),
    ({"choice": "rice", "revision": 10**30}, "revision"),
]


async def test_vote_invalid_choice_returns_422_with_the_field(service: Service) -> None:
    poll = await service.create_poll()
    ballot = Ballot(poll["id"], await service.voter())
    for body, field in WRONG_CHOICES:
        ballot.body = json.dumps(body).encode()
        answer = await ballot.send(service)
        assert problem(answer) == (422, "invalid-choice"), body
        assert answer.json()["field"] == field, body


async def test_vote_invalid_multiple_choice_returns_422(service: Service) -> None:
    options = [{"id": name, "label": name} for name in ("a", "b", "c")]
    poll = await service.create_poll(kind="multiple", options=options, choices={"min": 1, "max": 2})
    token = await service.voter()
    wrong = ["a", [], ["a", "a"], ["a", "x"], ["a", "b", "c"], [["a"]], [None], {"a": True}, None]
    for choice in wrong:
        assert problem(await service.vote(poll["id"], choice, token)) == (422, "invalid-choice"), choice


NO_OBJECTS = [
    b"",
    b"rice",
    b"{",
    b'"rice"',
    b"[]",
    b"null",
    b"1",
    b'{"choice": "rice"',
    b'{"choice": "rice"} and more',
    b'{"colour": "red", "choice": rice}',
    b'{"choice": "\xff"}',
    b'{"choice": NaN}',
    b'{"choice": "\\ud800"}',
    b'{"choice": ' + b"[" * 8000 + b"]" * 8000 + b"}",
]


async def test_vote_malformed_body_returns_400(service: Service) -> None:
    poll = await service.create_poll()
    ballot = Ballot(poll["id"], await service.voter())
    for body in NO_OBJECTS:
        ballot.body = body
        assert problem(await ballot.send(service)) == (400, "malformed-body"), body[:40]


async def test_vote_with_a_repeated_field_returns_422(service: Service) -> None:
    poll = await service.create_poll()
    ballot = Ballot(poll["id"], await service.voter())
    ballot.body = b'{"choice": "yam", "choice": "rice"}'
    answer = await ballot.send(service)
    assert (*problem(answer), answer.json()["field"]) == (422, "invalid-choice", "choice")


async def test_vote_media_type_not_json_returns_415(service: Service) -> None:
    poll = await service.create_poll()
    ballot = Ballot(poll["id"], await service.voter())
    for wrong in ("", "text/plain", "application/x-www-form-urlencoded", "application/json5", "json"):
        ballot.headers["Content-Type"] = wrong
        assert problem(await ballot.send(service)) == (415, "unsupported-media-type"), wrong
    del ballot.headers["Content-Type"]
    assert problem(await ballot.send(service)) == (415, "unsupported-media-type")
    for right in ("application/json; charset=utf-8", "Application/JSON ;x=y"):  # RFC 9110, 8.3.1
        ballot.headers["Content-Type"] = right
        assert (await ballot.send(service)).status_code == 200, right


async def test_vote_body_over_16_kib_returns_413(service: Service) -> None:
    poll = await service.create_poll()
    ballot = Ballot(poll["id"], await service.voter())
    ballot.body = ballot.body.ljust(16 * 1024)
    assert (await ballot.send(service)).status_code == 200
    ballot.body += b" "
    answer = await ballot.send(service)
    assert problem(answer) == (413, "body-too-large")
    assert answer.json()["limit_bytes"] == 16 * 1024


async def test_vote_chunked_body_over_16_kib_returns_413(service: Service) -> None:
    poll = await service.create_poll()
    headers = {"Content-Type": "application/json"}

    async def unending_body() -> Any:
        for _ in range(64):
            yield b" " * 1024

    for address, expected in (
        (poll["id"], (413, "body-too-large")),
        (MISSING_POLL, (404, "poll-not-found")),
    ):
        answer = await service.http.post(
            f"/v1/polls/{address}/votes", headers=headers, content=unending_body()
        )
        assert problem(answer) == expected


async def test_vote_without_a_valid_token_returns_401(service: Service) -> None:
    poll = await service.create_poll()
    token = await service.voter()
    answer = await service.vote(poll["id"], "rice")
    assert problem(answer) == (401, "voter-token-required")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert service.settings.secret is not None
    other = VoterTokens(["another secret"], lambda: int(time.time() * 1000)).issue().token
    expired = VoterTokens([service.settings.secret], lambda: 0).issue().token
    key = str(service.settings.admin_key)
    for wrong in (other, expired, token[:-1], token[:20], token + "A", "null", key, "A" * 5000):
        refused = await service.vote(poll["id"], "rice", wrong)
        assert problem(refused) == (401, "voter-token-invalid"), wrong


async def test_vote_invalid_bearer_is_not_replaced_by_the_cookie(service: Service) -> None:
    poll = await service.create_poll()
    service.http.cookies.set("pollwire_voter", await service.voter())
    assert problem(await service.vote(poll["id"], "rice", "bad")) == (401, "voter-token-invalid")
    assert (await service.vote(poll["id"], "rice")).json()["status"] == "counted"


async def test_vote_outside_the_window_returns_403_with_its_time(service: Service) -> None:
    token = await service.voter()
    ahead = await service.create_poll(opens_at=format_timestamp(FAR_OFF))
    early = await service.vote(ahead["id"], "rice", token)
    assert problem(early) == (403, "poll-not-open")
    assert early.json()["opens_at"] == format_timestamp(FAR_OFF)
    past = await service.create_poll(opens_at="2024-07-02T00:00:00Z", closes_at="2024-11-01T00:00:00Z")
    late = await service.vote(past["id"], "rice", token)
    assert problem(late) == (403, "poll-closed")
    assert late.json()["closed_at"] == "2024-11-01T00:00:00.000Z"
    shut = await service.create_poll()
    closes_at = (await service.act(shut["id"], "close"))["closes_at"]
    late = await service.vote(shut["id"], "rice", token)
    assert problem(late) == (403, "poll-closed")
    assert late.json()["closed_at"] == closes_at


async def test_vote_second_choice_without_revote_returns_409(service: Service) -> None:
    poll = await service.create_poll()
    token = await service.voter()
    await service.vote(poll["id"], "rice", token)
    refused = await service.vote(poll["id"], "yam", token)
    assert problem(refused) == (409, "already-voted")
    assert (refused.json()["choice"], refused.json()["revision"]) == ("rice", 1)


async def test_vote_invalid_idempotency_key_returns_422(service: Service) -> None:
    poll = await service.create_poll(identity="open")
    path = f"/v1/polls/{poll['id']}/votes"
    for key in (b"", b"a b", b"x" * 256, b"caf\xe9"):
        headers = [(b"Content-Type", b"application/json"), (b"Idempotency-Key", key)]
        answer = await service.http.post(path, content=b'{"choice": "rice"}', headers=headers)
        assert problem(answer) == (422, "invalid-choice"), key
        assert answer.json()["field"] == "Idempotency-Key"


async def test_vote_poll_not_visible_yet_returns_404(service: Service) -> None:
    poll = await service.create_poll(visible_at=format_timestamp(FAR_OFF))
    ballot = Ballot(poll["id"], await service.voter())
    for _ in range(2):  # the second time the poll is cached
        assert problem(await ballot.send(service)) == (404, "poll-not-found")
    ballot.address = "receipts"
    assert problem(await ballot.send(service)) == (404, "poll-not-found")
    ballot.address, ballot.method, ballot.body = "votes/mine", "GET", b""
    assert problem(await ballot.send(service)) == (404, "poll-not-found")


async def test_vote_invalid_poll_id_returns_404(service: Service) -> None:
    for poll_id in ("NO", "-x", "a" * 65, "a_b", "a%2Fb", "%F0%9F%98%80", "%00", "a.b"):
        for address in ("votes", "receipts"):
            answer = await service.http.post(f"/v1/polls/{poll_id}/{address}", json={"choice": "rice"})
            assert answer.status_code == 404, (poll_id, answer.text)


METHODS = [
    ("GET", "votes", "POST"),
    ("PATCH", "votes", "POST"),
    ("DELETE", "votes", "POST"),
    ("POST", "votes/mine", "DELETE, GET, HEAD"),
    ("PUT", "votes/mine", "DELETE, GET, HEAD"),
    ("GET", "receipts", "POST"),
]


async def test_unsupported_method_returns_405_after_404(service: Service) -> None:
    poll = await service.create_poll()
    for method, address, allowed in METHODS:
        answer = await service.http.request(method, f"/v1/polls/{poll['id']}/{address}")
        assert problem(answer) == (405, "method-not-allowed"), (method, address)
        assert answer.headers["allow"] == allowed
        unknown = await service.http.request(method, f"/v1/polls/{MISSING_POLL}/{address}")
        assert problem(unknown) == (404, "poll-not-found"), (method, address)


async def test_problem_instance_is_the_request_path(service: Service) -> None:
    answer = await service.vote(MISSING_POLL, "rice")
    assert answer.json()["instance"] == f"/v1/polls/{MISSING_POLL}/votes"


async def test_vote_first_votes_of_a_poll_are_all_counted(service: Service) -> None:
    """The first votes of a poll all wait for the same read of the poll."""
    poll = await service.create_poll()
    service.store.polls.on_gap()
    tokens = [await service.voter() for _ in range(20)]
    answers = await asyncio.gather(*(service.vote(poll["id"], "rice", token) for token in tokens))
    assert [answer.json()["status"] for answer in answers] == ["counted"] * 20
