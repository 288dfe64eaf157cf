"""Concurrent clients: the stored votes and totals are consistent after any interleaving.

The order of requests is not deterministic. The tests therefore assert no single response, only
properties of the whole history.
"""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pollwire_server.domain.poll import Kind

from tests.api.conftest import Service
from tests.fuzz.settings import effort

CHOICES: dict[str, tuple[object, ...]] = {
    "single": ("a", "b", "c"),
    "prediction": ("a", "b", "c"),
    "multiple": (["a"], ["b", "c"], ["a", "c"]),
    "rating": (1, 3, 5),
    "ranked": (["c", "a"], ["b"], ["a", "b"]),
}
CLIENTS = 5

steps = st.sampled_from([0, 1, 2, 0, 1, 2, "withdraw"])
lives = st.lists(st.lists(steps, min_size=1, max_size=6), min_size=CLIENTS, max_size=CLIENTS)
actions = st.lists(st.sampled_from(["close", "reopen", "close", "reopen", "reset"]), max_size=5)


@pytest.mark.parametrize("kind", [kind.value for kind in Kind])
@effort(12)
@given(lives=lives, actions=actions)
async def test_totals_agree_after_random_histories(
    service: Service, kind: str, lives: list[list[int | str]], actions: list[str]
) -> None:
    """Check random histories of votes, changes, withdrawals, closings, reopenings and resets.

    The recount matches, and voters and counts equal the current choices. ``seq`` never decreases within an
    epoch, and no vote is counted outside the voting window.
    """
    options = [] if kind == "rating" else [{"id": name, "label": name} for name in "abc"]
    poll = (await service.create_poll(kind=kind, options=options, revote="withdraw"))["id"]
    tokens = [await service.voter() for _ in lives]
    over = asyncio.Event()
    watching = asyncio.create_task(positions_of(service, poll, over))
    voting = (
        votes(service, poll, token, CHOICES[kind], life) for token, life in zip(tokens, lives, strict=True)
    )
    answers, _ = await asyncio.gather(asyncio.gather(*voting), operate(service, poll, actions))
    over.set()
    await check_totals(service, poll, kind, tokens)
    check_positions(await watching)
    results = [answer for of_voter in answers for answer in of_voter]
    check_window(results, (await service.admin.get(f"/v1/admin/polls/{poll}/audit")).json()["items"])


async def votes(
    service: Service, poll: str, token: str, choices: tuple[object, ...], life: list[int | str]
) -> list[dict[str, Any]]:
    """Run one voter's actions and return the responses to counted votes."""
    answers: list[httpx.Response] = []
    for step in life:
        if isinstance(step, int):
            answers.append(await service.vote(poll, choices[step], token))
        else:
            bearer = {"Authorization": f"Bearer {token}"}
            answers.append(await service.http.delete(f"/v1/polls/{poll}/votes/mine", headers=bearer))
    assert all(answer.status_code in (200, 403, 404) for answer in answers), answers
    documents = [answer.json() for answer in answers if answer.status_code == 200]
    return [answer for answer in documents if answer["status"] != "unchanged"]


async def operate(service: Service, poll: str, actions: list[str]) -> None:
    """Run the operator's actions. Repeated actions may be rejected."""
    for action in actions:
        body = {"confirm": poll} if action == "reset" else {}
        answer = await service.admin.post(f"/v1/admin/polls/{poll}/{action}", json=body)
        assert answer.status_code in (200, 409), answer.text


async def positions_of(service: Service, poll: str, over: asyncio.Event) -> list[tuple[str, int]]:
    """Read epoch and seq repeatedly until ``over``, and once more after it."""
    seen: list[tuple[str, int]] = []
    while True:
        was_over = over.is_set()
        results = (await service.http.get(f"/v1/polls/{poll}/results")).json()
        seen.append((results["epoch"], results["seq"]))
        if was_over:
            return seen


def check_positions(seen: list[tuple[str, int]]) -> None:
    """Check that epochs never decrease, and that seq never decreases within an epoch."""
    assert seen == sorted(seen)


async def check_totals(service: Service, poll: str, kind: str, tokens: list[str]) -> None:
    """Check that the recount matches and that the totals equal the voters' own current choices."""
    recount = (await service.admin.post(f"/v1/admin/polls/{poll}/recount")).json()
    assert recount["matches"], recount
    results = (await service.admin.get(f"/v1/admin/polls/{poll}/results")).json()
    choices = []
    for token in tokens:
        bearer = {"Authorization": f"Bearer {token}"}
        mine = await service.http.get(f"/v1/polls/{poll}/votes/mine", headers=bearer)
        if mine.status_code == 200:
            choices.append(mine.json()["choice"])
    counts = dict.fromkeys(results["counts"], 0)
    for choice in choices:
        for option in counted_for(kind, choice):
            counts[option] += 1
    assert (results["voters"], results["counts"]) == (len(choices), counts)


def counted_for(kind: str, choice: Any) -> list[str]:  # Any: depends on the kind
    """Return the options that a choice counts for; for a ranking, the first one."""
    if not isinstance(choice, list):
        return [str(choice)]
    options: list[str] = choice[:1] if kind == "ranked" else choice
    return options


def check_window(results: list[dict[str, Any]], log: list[dict[str, Any]]) -> None:
    """Check that every vote was counted within a voting window recorded in the audit log."""
    opened: str | None = ""
    windows: list[tuple[str, str]] = []
    for entry in reversed(log):
        if entry["act"] == "close" and opened is not None:
            windows.append((opened, entry["at"]))
            opened = None
        elif entry["act"] == "reopen":
            opened = entry["at"]
    windows += [] if opened is None else [(opened, "9")]
    for answer in results:
        assert any(start <= answer["at"] <= end for start, end in windows), (answer, windows)
