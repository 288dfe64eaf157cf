"""Proof-of-work challenges for new voters over the rate limit, and attempts to bypass them."""

from __future__ import annotations

import asyncio
import base64
import json
from itertools import pairwise
from typing import Any

import httpx
import pytest
from altcha.v2 import Challenge, Payload, solve_challenge
from pollwire import Client
from pollwire_server.domain.rate_limit import RateLimit
from pollwire_server.store import open_store
from pollwire_server.voting import proof_of_work as challenges
from pollwire_server.voting.proof_of_work import LEVELS, Difficulty

from tests.api.conftest import Serve, Service, serving
from tests.valkey import Valkey

DAY = 86_400
ONE = RateLimit(1, DAY)


@pytest.fixture(autouse=True)
def _easy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the difficulty levels with two easy ones."""
    monkeypatch.setattr(challenges, "LEVELS", (Difficulty(10, "0"), Difficulty(20, "0")))


async def come(service: Service, solution: str | None = None, **headers: str) -> httpx.Response:
    """Request a token as a new voter."""
    body = {} if solution is None else {"json": {"challenge": solution}}
    answer = await service.http.post("/v1/voters", headers=headers, **body)  # type: ignore[arg-type]
    service.http.cookies.clear()
    return answer


def solved(challenge: dict[str, Any]) -> str:
    """Return the payload of a solution, found by search like any client does."""
    posed = Challenge.from_dict(challenge)
    found = solve_challenge(posed)
    assert found is not None
    return Payload(posed, found).to_base64()


async def posed(service: Service) -> dict[str, Any]:
    """Exhaust the network's limit and return the challenge that follows."""
    await come(service)
    refused = await come(service)
    assert (refused.status_code, refused.json()["type"]) == (429, "/problems/challenge-required")
    challenge: dict[str, Any] = refused.json()["challenge"]
    return challenge


async def test_challenge_solved_registers_a_voter(serve: Serve) -> None:
    async with serve(limit_voters=ONE) as service:
        poll = (await service.create_poll())["id"]
        assert (await come(service)).status_code == 201
        refused = await come(service)
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) > DAY - 60
        assert refused.headers["ratelimit-policy"] == f'"voters";q=1;w={DAY}'
        let_in = await come(service, solved(refused.json()["challenge"]))
        assert let_in.status_code == 201
        assert (await service.vote(poll, "rice", let_in.json()["token"])).status_code == 200


async def test_challenge_solution_works_once_across_workers(serve: Serve) -> None:
    async with (
        serve(limit_voters=ONE, secret="s" * 32) as one,
        serve(limit_voters=ONE, secret="s" * 32) as two,
    ):
        solution = solved(await posed(one))
        answers = await asyncio.gather(*(come(service, solution) for service in (one, two) for _ in range(4)))
        assert sorted(answer.status_code for answer in answers) == [201, *7 * [422]]
        assert {answer.json().get("field") for answer in answers if answer.status_code == 422} == {
            "challenge"
        }


def tampered(solution: str, **changes: object) -> str:
    """Return the payload with challenge parameters chosen by the sender."""
    payload = json.loads(base64.b64decode(solution))
    payload["challenge"]["parameters"] |= changes
    return base64.b64encode(json.dumps(payload).encode()).decode()


@pytest.mark.parametrize(
    "solution",
    [
        "",
        "no base64",
        base64.b64encode(b"[]").decode(),
        base64.b64encode(b'{"challenge":{"parameters":[]},"solution":{}}').decode(),
        base64.b64encode(b"[" * 2000).decode(),
        base64.b64encode(
            b'{"challenge":{"parameters":{"algorithm":1,"nonce":2,"salt":3,"cost":"x"},"signature":4},'
            b'"solution":{"counter":"1","derivedKey":5}}'
        ).decode(),
    ],
)
async def test_challenge_malformed_solution_returns_422(serve: Serve, solution: str) -> None:
    async with serve(limit_voters=ONE) as service:
        await come(service)
        answer = await come(service, solution)
        assert (answer.status_code, answer.json()["field"]) == (422, "challenge")


@pytest.mark.parametrize("changes", [{"cost": 1}, {"keyPrefix": ""}, {"expiresAt": 4_000_000_000}])
async def test_challenge_with_changed_parameters_is_rejected(
    serve: Serve, changes: dict[str, object]
) -> None:
    async with serve(limit_voters=ONE) as service:
        answer = await come(service, tampered(solved(await posed(service)), **changes))
        assert answer.status_code == 422


async def test_challenge_expired_is_rejected(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(challenges, "LEVELS", (Difficulty(10, "0", lifetime_s=-1),))
    async with serve(limit_voters=ONE) as service:
        assert (await come(service, solved(await posed(service)))).status_code == 422


async def test_challenge_wrong_solution_uses_up_the_challenge(serve: Serve) -> None:
    async with serve(limit_voters=ONE) as service:
        right = solved(await posed(service))
        payload = json.loads(base64.b64decode(right))
        payload["solution"]["counter"] += 1
        wrong = base64.b64encode(json.dumps(payload).encode()).decode()
        assert (await come(service, wrong)).status_code == 422
        assert (await come(service, right)).status_code == 422


async def test_challenge_difficulty_doubles_with_each_exceeded_limit(serve: Serve) -> None:
    works = [level.cost * 16 ** len(level.prefix) for level in LEVELS]
    assert [later / earlier for earlier, later in pairwise(works)] == [2] * 5
    async with serve(limit_voters=ONE) as service:
        first = await posed(service)
        for _ in range(2):
            assert (await come(service, solved((await come(service)).json()["challenge"]))).status_code == 201
        assert (await come(service)).json()["challenge"]["parameters"]["cost"] > first["parameters"]["cost"]


async def test_challenge_of_another_network_is_rejected(serve: Serve) -> None:
    async with serve(limit_voters=ONE, trusted_proxies=("127.0.0.0/8", "::1")) as service:
        one, other = ({"X-Forwarded-For": address} for address in ("198.51.100.1", "203.0.113.5"))
        for headers in (one, other):
            assert (await come(service, **headers)).status_code == 201
        solution = solved((await come(service, **one)).json()["challenge"])
        refused = await come(service, solution, **other)
        assert (refused.status_code, refused.json()["field"]) == (422, "challenge")
        assert (await come(service, solution, **one)).status_code == 201


async def test_collected_easy_challenges_admit_few_voters(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(challenges, "LEVELS", tuple(Difficulty(cost, "0") for cost in (10, 20, 40, 80)))
    async with serve(limit_voters=RateLimit(20, DAY)) as service:
        assert {(await come(service)).status_code for _ in range(20)} == {201}
        refused = await asyncio.gather(*(come(service) for _ in range(120)))
        collected = [answer.json()["challenge"] for answer in refused]
        assert {challenge["parameters"]["cost"] for challenge in collected} == {10, 20}, (
            "creation has a price"
        )
        answers = [await come(service, solved(challenge)) for challenge in collected]
        assert sum(answer.status_code == 201 for answer in answers) <= 2 * 20
        assert answers[-1].json()["type"] == "/problems/challenge-required"
        assert answers[-1].json()["challenge"]["parameters"]["cost"] == 80


async def test_register_over_the_limit_without_challenges_returns_429(serve: Serve) -> None:
    async with serve(limit_voters=ONE, challenges=False) as service:
        assert [(await come(service)).status_code for _ in range(2)] == [201, 429]
        refused = (await come(service)).json()
        assert (refused["type"], "challenge" in refused) == ("/problems/rate-limited", False)


async def test_register_renewal_is_never_challenged(serve: Serve) -> None:
    async with serve(limit_voters=ONE) as service:
        token = (await come(service)).json()["token"]
        renewed = [await come(service, Authorization=f"Bearer {token}") for _ in range(3)]
        assert {answer.status_code for answer in renewed} == {201}


async def test_register_unavailable_store_returns_503(own_valkey: Valkey) -> None:
    store = await open_store(own_valkey.url, namespace="outage")
    try:
        async with serving(store, own_valkey.url, limit_voters=ONE) as service:
            with own_valkey.away():
                answers = await asyncio.gather(*(come(service) for _ in range(5)))
            assert {answer.status_code for answer in answers} == {503}
    finally:
        await store.close()


async def test_python_client_solves_challenges(serve: Serve) -> None:
    async with serve(limit_voters=ONE) as service:
        for _ in range(2):
            async with Client(service.url) as client:
                assert (await client.issue_voter())["token"]
