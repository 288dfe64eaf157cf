"""Chains of requests along the document's links: random operations on polls, API keys and issuers."""

from __future__ import annotations

import itertools
import secrets
from typing import Any

import pytest
import schemathesis

from tests.fuzz.problem_check import check_problem
from tests.fuzz.settings import effort
from tests.fuzz.target_service import CHOICES, KINDS, World, bearer, draft
from tests.fuzz.test_routes import CHECKS, STREAMS

SCENARIOS, STEPS = 40, 12


@pytest.mark.parametrize(
    ("about", "made_by", "links_followed"),
    [
        ("/polls", "POST /v1/admin/polls", 8),
        ("/keys", "POST /v1/admin/keys", 1),
        ("/issuers", "POST /v1/admin/issuers", 1),
    ],
)
def test_request_chains_return_documented_responses(
    world: World, about: str, made_by: str, links_followed: int
) -> None:
    """Follow links after random requests.

    Every response must be documented and below 500, every error a problem, and many chains must reach
    successes.
    """
    schema: Any = schemathesis.openapi.from_dict(world.document).include(path_regex=about)
    for stream in STREAMS:
        schema = schema.exclude(path=stream)
    done: set[str] = set()
    machine = chain_of(schema.as_state_machine(), world, done)
    machine.run(settings=effort(SCENARIOS, steps=STEPS))
    world.check_no_complaints()
    assert made_by in done
    assert sum("_id}" in route for route in done) >= links_followed, sorted(done)


def chain_of(machine: Any, world: World, done: set[str]) -> Any:
    """Return the state machine of one operator and one voter. ``done`` collects every successful route."""
    token = world.voter()

    class Chain(machine):  # type: ignore[misc]  # made at run time
        def setup(self) -> None:
            """Delete everything that another chain created."""
            self.turns = itertools.count()
            for collection in ("issuers", "keys"):
                while items := world.http.get(f"/v1/admin/{collection}", headers=world.admin).json()["items"]:
                    for item in items:
                        world.http.delete(f"/v1/admin/{collection}/{item['id']}", headers=world.admin)
            world.make_keys()

        def before_call(self, case: Any) -> None:
            """Replace every other request by a valid one, for routes that reject most random bodies."""
            if isinstance(case.body, dict) and isinstance(case.body.get("id"), str):
                case.body["id"] = f"made-{secrets.token_hex(6)}"
            if (good := _good(case, next(self.turns))) is not None:
                case.body, case.media_type = good, "application/json"

        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            headers = world.admin if case.path.startswith("/v1/admin") else bearer(token)
            return {"base_url": world.url, "headers": headers, "timeout": 20}

        def validate_response(self, response: Any, case: Any, **rest: Any) -> None:
            if response.status_code < 300:
                done.add(f"{case.method} {case.path}")
            case.validate_response(response, checks=CHECKS, additional_checks=[check_problem])

    return Chain


def _good(case: Any, turn: int) -> dict[str, object] | None:
    """Return a valid body for routes whose bodies are hard to generate, else None."""
    if turn % 2:
        return None
    kind = KINDS[turn // 2 % len(KINDS)]
    if (case.method, case.path) == ("POST", "/v1/admin/polls"):
        return draft(kind, f"{kind}-{secrets.token_hex(6)}")
    if case.path == "/v1/polls/{poll_id}/votes":
        kind = str(case.path_parameters.get("poll_id", "")).partition("-")[0]
        return {"choice": CHOICES[kind][turn // 2 % 2]} if kind in CHOICES else None
    return None
