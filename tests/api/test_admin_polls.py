"""Admin API: create, read, list, open, close, reopen and delete polls."""

from __future__ import annotations

import asyncio

import pytest

from tests.api.conftest import LUNCH, Service

POLLS = "/v1/admin/polls"
PAST = {"opens_at": "2024-07-02T00:00:00Z", "closes_at": "2024-11-01T00:00:00Z"}
FUTURE = {"opens_at": "2031-01-01T00:00:00Z", "closes_at": "2031-02-01T00:00:00Z"}


async def test_create_poll_returns_201_with_location_and_etag(service: Service) -> None:
    """Check that 201 has the poll, its ``Location``, and its version as an entity tag."""
    answer = await service.admin.post(POLLS, json={"id": "lunch", **LUNCH})
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{POLLS}/lunch"
    assert answer.headers["etag"] == '"1"'
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.json()["phase"] == "open"
    assert (await service.admin.get(answer.headers["location"])).json() == answer.json()


async def test_create_poll_repeated_returns_200_with_the_existing_poll(own_service: Service) -> None:
    """Check that the same document, with keys in any order, is 200 with the existing poll."""
    document = {"id": "lunch", **LUNCH}
    first = await own_service.admin.post(POLLS, json=document)
    again = await own_service.admin.post(POLLS, json=dict(reversed(document.items())))
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()


async def test_create_poll_with_used_id_returns_409(service: Service) -> None:
    """Check that a different document for an existing id is 409 and changes nothing."""
    await service.admin.post(POLLS, json={"id": "lunch", **LUNCH})
    other = await service.admin.post(POLLS, json={"id": "lunch", **LUNCH, "question": "Tea or coffee?"})
    assert other.status_code == 409
    assert other.json()["type"] == "/problems/poll-exists"
    assert (await service.admin.get(f"{POLLS}/lunch")).json()["question"] == LUNCH["question"]


async def test_create_poll_without_id_derives_id_from_the_question(service: Service) -> None:
    """Check that the server makes a different id from the question's words each time."""
    ids = {(await service.admin.post(POLLS, json=LUNCH)).json()["id"] for _ in range(2)}
    assert len(ids) == 2
    assert all(poll_id.startswith("rice-or-yam-") for poll_id in ids)


async def test_create_poll_with_non_latin_question_gets_an_id(service: Service) -> None:
    """Check that an id is made even where no word of the question can be part of an id."""
    answer = await service.admin.post(POLLS, json={**LUNCH, "question": "何を食べますか?"})
    assert answer.status_code == 201
    assert answer.json()["id"].startswith("poll-")


async def test_invisible_poll_is_readable_by_operators_only(service: Service) -> None:
    """Check that the public gets 404 before ``visible_at``, and that operators can read the poll."""
    await service.create_poll(id="soon", visible_at="2031-01-01T00:00:00Z")
    assert (await service.admin.get(f"{POLLS}/soon")).status_code == 200
    assert (await service.http.get("/v1/polls/soon")).status_code == 404


async def test_list_polls_pages_return_every_poll_once_newest_first(own_service: Service) -> None:
    """Check that following ``next`` returns every poll once, also when polls are created meanwhile."""
    made = [(await own_service.create_poll())["id"] for _ in range(5)]
    listed_ids: list[str] = []
    cursor: str | None = None
    while True:
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await own_service.admin.get(POLLS, params=query)).json()
        listed_ids += [poll["id"] for poll in page["items"]]
        await own_service.create_poll()
        cursor = page["next"]
        if cursor is None:
            break
    assert listed_ids == made[::-1]


async def test_list_polls_filters_by_phase_kind_and_words(own_service: Service) -> None:
    """Check that each filter returns the matching polls, and that filters combine with AND."""
    await own_service.create_poll(id="past", **PAST)
    await own_service.create_poll(id="future", **FUTURE)
    await own_service.create_poll(id="several", kind="multiple", question="Which fruits?")

    async def found(**query: str) -> set[str]:
        items = (await own_service.admin.get(POLLS, params=query)).json()["items"]
        return {poll["id"] for poll in items}

    assert await found(phase="closed") == {"past"}
    assert await found(phase="scheduled") == {"future"}
    assert await found(kind="multiple") == {"several"}
    assert await found(q="FRUITS") == {"several"}
    assert await found(kind="single", phase="open") == set()


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=ten", "limit"),
        ("limit=1&limit=2", "limit"),
        ("cursor=nonsense", "cursor"),
        ("phase=asleep", "phase"),
        ("kind=essay", "kind"),
        ("colour=red", "colour"),
        (f"q={'x' * 301}", "q"),
    ],
)
async def test_list_polls_invalid_parameter_returns_422_with_its_name(
    service: Service, query: str, field: str
) -> None:
    """Check that an invalid list parameter is 422 with its name."""
    answer = await service.admin.get(f"{POLLS}?{query}")
    assert answer.status_code == 422, answer.text
    assert answer.json()["field"] == field


async def test_lifecycle_actions_return_poll_in_new_phase(service: Service) -> None:
    """Check that open, close and reopen return the poll in its new phase with the next version."""
    poll = (await service.create_poll(**FUTURE))["id"]
    open_response = await service.act(poll, "open")
    close_response = await service.act(poll, "close")
    reopened = await service.act(poll, "reopen", closes_at="2032-01-01T00:00:00Z")
    assert [after["phase"] for after in (open_response, close_response, reopened)] == [
        "open",
        "closed",
        "open",
    ]
    assert [after["version"] for after in (open_response, close_response, reopened)] == [2, 3, 4]
    assert close_response["planned_closes_at"] == "2031-02-01T00:00:00.000Z"
    assert reopened["closes_at"] == "2032-01-01T00:00:00.000Z"


async def test_lifecycle_action_repeated_keeps_the_version(service: Service) -> None:
    """Check that repeating an action is 200 with the same version."""
    poll = (await service.create_poll())["id"]
    close_response = await service.act(poll, "close")
    assert await service.act(poll, "close") == close_response


async def test_lifecycle_action_in_wrong_phase_returns_409(service: Service) -> None:
    """Check that closing an unopened poll is 409 with the action and the phase."""
    poll = (await service.create_poll(**FUTURE))["id"]
    answer = await service.admin.post(f"{POLLS}/{poll}/close")
    assert answer.status_code == 409
    problem = answer.json()
    assert problem["type"] == "/problems/phase-conflict"
    assert (problem["act"], problem["phase"]) == ("close", "scheduled")


async def test_reopen_without_end_has_no_end(service: Service) -> None:
    """Check that a poll reopened without an end, or with null, has none."""
    poll = (await service.create_poll(**PAST))["id"]
    assert (await service.act(poll, "reopen", closes_at=None))["closes_at"] is None
    await service.act(poll, "close")
    answer = await service.admin.post(f"{POLLS}/{poll}/reopen")
    assert answer.json()["closes_at"] is None


async def test_reopen_with_local_time_uses_the_time_zone(service: Service) -> None:
    """Check that a naive time is read in the given time zone."""
    poll = (await service.create_poll(**PAST))["id"]
    after = await service.act(poll, "reopen", closes_at="2031-06-01T12:00", timezone="Europe/Berlin")
    assert after["closes_at"] == "2031-06-01T10:00:00.000Z"


@pytest.mark.parametrize("closes_at", ["2031-06-01T12:00", "2020-01-01T00:00:00Z", "tomorrow", 5])
async def test_reopen_with_invalid_end_returns_422(service: Service, closes_at: object) -> None:
    """Check that a naive, past or unreadable end is 422 at ``closes_at``."""
    poll = (await service.create_poll(**PAST))["id"]
    answer = await service.admin.post(f"{POLLS}/{poll}/reopen", json={"closes_at": closes_at})
    assert answer.status_code == 422, answer.text
    assert answer.json()["field"] == "closes_at"


async def test_lifecycle_action_with_unknown_field_returns_422(service: Service) -> None:
    """Check that a field that the action does not know is 422."""
    poll = (await service.create_poll())["id"]
    answer = await service.admin.post(f"{POLLS}/{poll}/close", json={"closes_at": None})
    assert answer.status_code == 422
    assert answer.json()["field"] == "closes_at"


async def test_delete_poll_requires_the_poll_id_as_confirmation(service: Service) -> None:
    """Check that deletion needs the poll id as confirmation, and that the poll is then gone."""
    poll = (await service.create_poll())["id"]
    for body in ({}, {"confirm": "another"}, {"confirm": None}):
        refused = await service.admin.request("DELETE", f"{POLLS}/{poll}", json=body)
        assert refused.status_code == 422, refused.text
        assert refused.json()["field"] == "confirm"
    deleted = await service.admin.request("DELETE", f"{POLLS}/{poll}", json={"confirm": poll})
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (await service.admin.get(f"{POLLS}/{poll}")).status_code == 404
    assert (await service.http.get(f"/v1/polls/{poll}")).status_code == 404


async def test_operators_results_are_hidden_from_the_public(service: Service) -> None:
    """Check that private results are complete at the operators' address and hidden at the public one."""
    poll = (await service.create_poll(results="operators"))["id"]
    await service.vote(poll, "rice", await service.voter())
    whole = (await service.admin.get(f"{POLLS}/{poll}/results")).json()
    assert (whole["voters"], whole["counts"]) == (1, {"rice": 1, "yam": 0})
    public = (await service.http.get(f"/v1/polls/{poll}/results")).json()
    assert public["hidden"] is True
    assert "counts" not in public


async def test_create_poll_concurrently_creates_one_poll(own_service: Service) -> None:
    """Check that of many identical concurrent requests one creates the poll and the others return it."""
    document = {"id": "lunch", **LUNCH}
    answers = await asyncio.gather(*(own_service.admin.post(POLLS, json=document) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
