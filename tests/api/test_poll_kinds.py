"""Ratings, ranked polls and options with a capacity, over HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.api.conftest import Service
from tests.api.streams import live, socket_at, without_timestamp

RATING: dict[str, object] = {"kind": "rating", "question": "How was it?", "options": []}
RANKED: dict[str, object] = {
    "kind": "ranked",
    "question": "Where to?",
    "options": [{"id": name, "label": name.title()} for name in ("accra", "kumasi", "tamale")],
}


async def voted(service: Service, poll: str, *choices: object) -> list[str]:
    """Register a voter for each choice, vote, and return the tokens."""
    tokens = []
    for choice in choices:
        tokens.append(await service.voter())
        answer = await service.vote(poll, choice, tokens[-1])
        assert (answer.status_code, answer.json()["choice"]) == (200, choice), answer.text
    return tokens


async def results_of(service: Service, poll: str, **headers: str) -> dict[str, Any]:
    answer = await service.http.get(f"/v1/polls/{poll}/results", headers=headers)
    assert answer.status_code == 200, answer.text
    results: dict[str, Any] = answer.json()
    return results


async def test_rating_totals_are_by_value_with_the_mean(service: Service) -> None:
    poll = await service.create_poll(**RATING, scale={"min": 0, "max": 10})
    assert (poll["scale"], poll["options"], poll["choices"]) == ({"min": 0, "max": 10}, [], None)
    async with socket_at(service, live(poll)) as socket:
        first = await socket.results()
        assert (first["voters"], first["mean"]) == (0, None)
        await voted(service, poll["id"], 10, 7, 0, 10)
        results = await results_of(service, poll["id"])
        assert list(results["counts"].items()) == [
            (str(value), {10: 2, 7: 1, 0: 1}.get(value, 0)) for value in range(11)
        ]
        assert (results["voters"], results["mean"]) == (4, 6.75)
        frame = await socket.until(lambda frame: frame["seq"] == 4)
        assert without_timestamp(frame) == without_timestamp(results)


async def test_rating_changed_is_returned_as_a_number(service: Service) -> None:
    poll = await service.create_poll(**RATING, revote="withdraw")
    (token,) = await voted(service, poll["id"], 2)
    changed = (await service.vote(poll["id"], 5, token, revision=1)).json()
    assert (changed["status"], changed["choice"], changed["revision"]) == ("changed", 5, 2)
    mine = f"/v1/polls/{poll['id']}/votes/mine"
    owner = {"Authorization": f"Bearer {token}"}
    assert (await service.http.get(mine, headers=owner)).json()["choice"] == 5
    assert (await results_of(service, poll["id"]))["counts"] == {"1": 0, "2": 0, "3": 0, "4": 0, "5": 1}
    assert (await service.http.delete(mine, headers=owner)).json()["status"] == "withdrawn"
    assert (await results_of(service, poll["id"]))["mean"] is None
    receipt = await service.http.post(
        f"/v1/polls/{poll['id']}/receipts", json={"receipt": changed["receipt"]}
    )
    assert (receipt.json()["choice"], receipt.json()["counted"]) == (5, False)


@pytest.mark.parametrize("choice", [0, 6, 2.5, "3", True, None, [3], {}, 10**30])
async def test_rating_outside_the_scale_returns_422(service: Service, choice: object) -> None:
    poll = await service.create_poll(**RATING)
    answer = await service.vote(poll["id"], choice, await service.voter())
    assert (answer.status_code, answer.json()["field"]) == (422, "choice")
    assert answer.json()["type"].endswith("invalid-choice")
    assert (await results_of(service, poll["id"]))["voters"] == 0


async def test_ranked_results_have_rounds_and_streams_first_preferences(service: Service) -> None:
    poll = await service.create_poll(**RANKED)
    await voted(
        service, poll["id"], ["accra"], ["accra", "tamale"], ["kumasi"], ["kumasi"], ["tamale", "kumasi"]
    )
    results = await results_of(service, poll["id"])
    assert results["counts"] == {"accra": 2, "kumasi": 2, "tamale": 1}
    assert results["rounds"] == [
        {
            "counts": {"accra": 2, "kumasi": 2, "tamale": 1},
            "exhausted": 0,
            "eliminated": "tamale",
            "transfers": {"kumasi": 1},
        },
        {"counts": {"accra": 2, "kumasi": 3}, "exhausted": 0},
    ]
    assert results["winner"] == "kumasi"
    operators = await service.admin.get(f"/v1/admin/polls/{poll['id']}/results")
    assert without_timestamp(operators.json()) == without_timestamp(results)
    async with socket_at(service, live(poll)) as socket:
        frame = await socket.results()
    assert frame["counts"] == results["counts"]
    assert (frame["winner"], frame["leading"]) == ("kumasi", ["kumasi"])
    assert not {"rounds", "mean"} & set(frame)


async def test_ranked_etag_changes_with_later_preferences(service: Service) -> None:
    poll = await service.create_poll(**RANKED, revote="change")
    (token,) = await voted(service, poll["id"], ["accra", "kumasi"])
    address = f"/v1/polls/{poll['id']}/results"
    tag = (await service.http.get(address)).headers["etag"]
    assert (await service.http.get(address, headers={"If-None-Match": tag})).status_code == 304
    await service.vote(poll["id"], ["accra", "tamale"], token)
    assert (await service.http.get(address, headers={"If-None-Match": tag})).status_code == 200


async def test_ranked_without_votes_has_no_rounds(service: Service) -> None:
    poll = await service.create_poll(**RANKED)
    results = await results_of(service, poll["id"])
    assert (results["rounds"], results["winner"]) == ([], None)


async def test_hidden_totals_hide_means_and_rounds(service: Service) -> None:
    for kind, choice in ((RATING, 4), (RANKED, ["tamale"])):
        poll = await service.create_poll(**kind, results="after_vote")
        (token,) = await voted(service, poll["id"], choice)
        hidden = await results_of(service, poll["id"])
        assert hidden["hidden"] is True
        assert not {"mean", "rounds", "winner", "counts", "voters"} & set(hidden)
        shown = await results_of(service, poll["id"], Authorization=f"Bearer {token}")
        assert shown["voters"] == 1
        assert "mean" in shown or shown["winner"] == "tamale"


@pytest.mark.parametrize(
    "choice",
    [[], ["accra", "accra"], ["accra", "lagos"], "accra", ["accra", 1], None, 3, {"accra": 1}, [["accra"]]],
)
async def test_ranked_invalid_choice_returns_422(service: Service, choice: object) -> None:
    poll = await service.create_poll(**RANKED)
    answer = await service.vote(poll["id"], choice, await service.voter())
    assert (answer.status_code, answer.json()["field"]) == (422, "choice")


async def test_vote_full_option_returns_409(service: Service) -> None:
    options = [{"id": "bus", "label": "Bus", "capacity": 3}, {"id": "walk", "label": "Walk"}]
    poll = await service.create_poll(options=options, revote="change")
    assert [option.get("capacity") for option in poll["options"]] == [3, None]
    tokens = [await service.voter() for _ in range(12)]
    answers = await asyncio.gather(*(service.vote(poll["id"], "bus", token) for token in tokens))
    full = [answer.json() for answer in answers if answer.status_code == 409]
    assert len(full) == 9
    assert full[0]["type"].endswith("/problems/option-full")
    assert full[0]["option"] == "bus"
    seated = [token for token, answer in zip(tokens, answers, strict=True) if answer.status_code == 200]
    assert (await service.vote(poll["id"], "bus", seated[0])).json()["status"] == "unchanged"
    assert (await service.vote(poll["id"], "walk", seated[0])).json()["status"] == "changed"
    assert (await service.vote(poll["id"], "bus", await service.voter())).json()["status"] == "counted"
    assert (await results_of(service, poll["id"]))["counts"] == {"bus": 3, "walk": 1}


async def test_edit_capacity_below_the_votes_returns_409(service: Service) -> None:
    poll = await service.create_poll()
    await voted(service, poll["id"], "yam", "yam")
    address = f"/v1/admin/polls/{poll['id']}"

    async def edited(capacity: int) -> Any:
        options = [{"id": "rice", "label": "Rice"}, {"id": "yam", "label": "Yam", "capacity": capacity}]
        return await service.admin.patch(address, json={"options": options})

    refused = await edited(1)
    assert (refused.status_code, refused.json()["field"]) == (409, "options[1].capacity")
    assert (await edited(2)).json()["options"][1]["capacity"] == 2
    assert (await service.vote(poll["id"], "yam", await service.voter())).status_code == 409


async def test_create_repeated_returns_200_for_every_kind(service: Service) -> None:
    for document, other in (
        ({**RATING, "scale": {"min": 1, "max": 7}}, {"scale": {"min": 1, "max": 6}}),
        (RANKED, {"kind": "multiple"}),
    ):
        poll = await service.create_poll(**document)
        body = {"id": poll["id"], **document}
        assert (await service.admin.post("/v1/admin/polls", json=body)).status_code == 200
        assert (await service.admin.post("/v1/admin/polls", json=body | other)).status_code == 409


async def test_list_polls_filters_by_kind(own_service: Service) -> None:
    rating, ranked = await own_service.create_poll(**RATING), await own_service.create_poll(**RANKED)
    for kind, poll in (("rating", rating), ("ranked", ranked)):
        polls = (await own_service.admin.get("/v1/admin/polls", params={"kind": kind})).json()["items"]
        assert [item["id"] for item in polls] == [poll["id"]]
