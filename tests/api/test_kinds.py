"""Kinds that are no pick of one option, and options with a capacity, over the wire."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.api.conftest import Service
from tests.api.streams import apart_from_time, live, socket_at

RATING: dict[str, object] = {"kind": "rating", "question": "How was it?", "options": []}
RANKED: dict[str, object] = {
    "kind": "ranked",
    "question": "Where to?",
    "options": [{"id": name, "label": name.title()} for name in ("accra", "kumasi", "tamale")],
}


async def voted(service: Service, poll: str, *choices: object) -> list[str]:
    """The tokens of new voters who each made one choice."""
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


async def test_a_rating_is_counted_by_value(service: Service) -> None:
    """Votes are numbers; totals are by value in the scale's order, with the mean beside, everywhere alike."""
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
        frame = await socket.until(lambda said: said["seq"] == 4)
        assert apart_from_time(frame) == apart_from_time(results)


async def test_a_rating_is_changed_and_read_back(service: Service) -> None:
    """A change moves the value, and the voter's own vote is the number it was cast as."""
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
async def test_a_value_beyond_the_scale_is_refused(service: Service, choice: object) -> None:
    """What is no whole number of the scale is 422 by its field, and nothing is counted."""
    poll = await service.create_poll(**RATING)
    answer = await service.vote(poll["id"], choice, await service.voter())
    assert (answer.status_code, answer.json()["field"]) == (422, "choice")
    assert answer.json()["type"].endswith("invalid-choice")
    assert (await results_of(service, poll["id"]))["voters"] == 0


async def test_a_ranked_poll_is_counted_out_for_whoever_asks(service: Service) -> None:
    """Results by HTTP tell rounds and winner; streams tell first preferences alone."""
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
    assert apart_from_time(operators.json()) == apart_from_time(results)
    async with socket_at(service, live(poll)) as socket:
        frame = await socket.results()
    assert frame["counts"] == results["counts"]
    assert not {"rounds", "winner", "mean"} & set(frame)


async def test_a_ranking_that_changes_behind_the_first_changes_the_validator(service: Service) -> None:
    """The tag holds while nothing is counted, and falls when only a later preference moves."""
    poll = await service.create_poll(**RANKED, revote="change")
    (token,) = await voted(service, poll["id"], ["accra", "kumasi"])
    address = f"/v1/polls/{poll['id']}/results"
    tag = (await service.http.get(address)).headers["etag"]
    assert (await service.http.get(address, headers={"If-None-Match": tag})).status_code == 304
    await service.vote(poll["id"], ["accra", "tamale"], token)
    assert (await service.http.get(address, headers={"If-None-Match": tag})).status_code == 200


async def test_no_votes_are_no_rounds(service: Service) -> None:
    """A ranked poll that nobody has voted in has no rounds and no winner."""
    poll = await service.create_poll(**RANKED)
    results = await results_of(service, poll["id"])
    assert (results["rounds"], results["winner"]) == ([], None)


async def test_hidden_totals_hide_means_and_rounds(service: Service) -> None:
    """Who may not see totals gets nothing derived from them, of either kind, until they are shown."""
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
async def test_what_is_no_ranking_is_refused(service: Service, choice: object) -> None:
    """Repeats, strangers, nothing and other types are 422 by their field."""
    poll = await service.create_poll(**RANKED)
    answer = await service.vote(poll["id"], choice, await service.voter())
    assert (answer.status_code, answer.json()["field"]) == (422, "choice")


async def test_a_full_option_is_409(service: Service) -> None:
    """As many votes as there are places, exactly, however many come at once; who has one keeps it."""
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


async def test_a_capacity_is_not_edited_below_the_votes(service: Service) -> None:
    """An edit that no longer holds the votes is 409 by its field; one that does is made."""
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


async def test_a_repeat_of_a_create_is_known_again(service: Service) -> None:
    """The identical request is 200 for every kind, and a capacity or a scale makes it another one."""
    for document, other in (
        ({**RATING, "scale": {"min": 1, "max": 7}}, {"scale": {"min": 1, "max": 6}}),
        (RANKED, {"kind": "multiple"}),
    ):
        poll = await service.create_poll(**document)
        body = {"id": poll["id"], **document}
        assert (await service.admin.post("/v1/admin/polls", json=body)).status_code == 200
        assert (await service.admin.post("/v1/admin/polls", json=body | other)).status_code == 409


async def test_polls_are_listed_by_kind(own_service: Service) -> None:
    """The list's filter knows the kinds."""
    rating, ranked = await own_service.create_poll(**RATING), await own_service.create_poll(**RANKED)
    for kind, poll in (("rating", rating), ("ranked", ranked)):
        listed = (await own_service.admin.get("/v1/admin/polls", params={"kind": kind})).json()["items"]
        assert [item["id"] for item in listed] == [poll["id"]]
