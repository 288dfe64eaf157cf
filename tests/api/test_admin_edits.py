"""Edits of polls by operators: votes keep their meaning, and no edit overwrites another."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tests.api.conftest import Service

POLLS = "/v1/admin/polls"
RICE = {"id": "rice", "label": "Rice"}
YAM = {"id": "yam", "label": "Yam"}
FUFU = {"id": "fufu", "label": "Fufu"}


async def edit(service: Service, poll: str, version: str | None = None, **changes: Any) -> httpx.Response:
    headers = {} if version is None else {"If-Match": version}
    return await service.admin.patch(f"{POLLS}/{poll}", json=changes, headers=headers)


async def voted_poll(service: Service, **changes: object) -> str:
    poll: str = (await service.create_poll(**changes))["id"]
    answer = await service.vote(poll, "rice", await service.voter())
    assert answer.status_code == 200, answer.text
    return poll


async def test_edit_changes_named_fields_and_raises_the_version(service: Service) -> None:
    """Check that named fields change, that others do not, and that the version increases."""
    before = await service.create_poll()
    answer = await edit(service, before["id"], question="Fufu or yam?")
    assert answer.status_code == 200
    assert answer.headers["etag"] == '"2"'
    assert answer.json() == before | {"question": "Fufu or yam?", "version": 2}


async def test_edit_without_changes_keeps_the_version(service: Service) -> None:
    """Check that repeating an edit, and an empty edit, keep the version."""
    poll = (await service.create_poll())["id"]
    first = await edit(service, poll, lang="en")
    assert (await edit(service, poll, lang="en")).json() == first.json()
    assert (await edit(service, poll)).json() == first.json()


@pytest.mark.parametrize("tag", ['"1"', "1", 'W/"1"', "*", '"7", "1"'])
async def test_edit_if_match_accepts_the_current_version(service: Service, tag: str) -> None:
    """Check that ``If-Match`` accepts the version as a tag, without quotes, in a list, or ``*``."""
    poll = (await service.create_poll())["id"]
    assert (await edit(service, poll, tag, lang="en")).status_code == 200


@pytest.mark.parametrize("tag", ['"2"', "0", '"abc"', '""', "1.0"])
async def test_edit_if_match_of_old_version_returns_412(service: Service, tag: str) -> None:
    """Check that 412 returns the current version, and that nothing changes."""
    poll = await service.create_poll()
    answer = await edit(service, poll["id"], tag, lang="en")
    assert answer.status_code == 412
    assert answer.json()["type"] == "/problems/version-mismatch"
    assert answer.json()["version"] == 1
    assert (await service.admin.get(f"{POLLS}/{poll['id']}")).json() == poll


async def test_lifecycle_actions_and_delete_respect_if_match(service: Service) -> None:
    """Check that actions and deletion respect ``If-Match``, too."""
    poll = (await service.create_poll())["id"]
    stale = {"If-Match": '"9"'}
    closing = await service.admin.post(f"{POLLS}/{poll}/close", headers=stale)
    deleting = await service.admin.request("DELETE", f"{POLLS}/{poll}", json={"confirm": poll}, headers=stale)
    assert (closing.status_code, deleting.status_code) == (412, 412)
    assert (await service.admin.get(f"{POLLS}/{poll}")).json()["phase"] == "open"


async def test_edit_concurrent_without_version_all_take_effect(service: Service) -> None:
    """Check that concurrent edits without a version all take effect."""
    poll = (await service.create_poll())["id"]
    changes: list[dict[str, Any]] = [{"lang": "en"}, {"shuffle": True}, {"description": "Today"}]
    answers = await asyncio.gather(*(edit(service, poll, **change) for change in changes))
    assert [answer.status_code for answer in answers] == [200] * 3
    after = (await service.admin.get(f"{POLLS}/{poll}")).json()
    assert (after["lang"], after["shuffle"], after["description"]) == ("en", True, "Today")
    assert after["version"] == 4


async def test_edit_concurrent_with_same_version_one_wins(service: Service) -> None:
    """Check that of two concurrent edits with the same version one is 200 and the other 412."""
    poll = (await service.create_poll())["id"]
    answers = await asyncio.gather(*(edit(service, poll, '"1"', question=f"{n}?") for n in range(2)))
    assert sorted(answer.status_code for answer in answers) == [200, 412]


async def test_edit_label_and_position_keeps_votes_of_the_option(service: Service) -> None:
    """Check that votes belong to the option's id when its label and position change."""
    poll = await voted_poll(service)
    answer = await edit(service, poll, options=[YAM, {"id": "rice", "label": "Jollof rice"}])
    assert answer.status_code == 200
    results = (await service.http.get(f"/v1/polls/{poll}/results")).json()
    assert results["counts"] == {"yam": 0, "rice": 1}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"options": [RICE, FUFU]}, "options"),
        ({"kind": "multiple"}, "kind"),
        ({"identity": "open"}, "identity"),
    ],
)
async def test_edit_of_voted_options_and_rules_returns_409(
    service: Service, changes: dict[str, Any], field: str
) -> None:
    """Check that after the first vote 409 protects the voted options and the rules."""
    poll = await voted_poll(service)
    answer = await edit(service, poll, **changes)
    assert answer.status_code == 409, answer.text
    assert answer.json()["type"] == "/problems/edit-refused"
    assert answer.json()["field"] == field


async def test_edit_after_votes_may_only_narrow_visibility(service: Service) -> None:
    """Check that after votes hidden totals stay hidden, and that an edit may only narrow visibility."""
    poll = await voted_poll(service, results="after_close")
    assert (await edit(service, poll, results="always")).status_code == 409
    assert (await edit(service, poll, results="operators")).status_code == 200


async def test_edit_cannot_change_the_end_of_a_closed_poll(service: Service) -> None:
    """Check that only ``reopen`` changes the end of a closed poll."""
    poll = (await service.create_poll())["id"]
    await service.act(poll, "close")
    answer = await edit(service, poll, closes_at="2031-01-01T00:00:00Z")
    assert answer.status_code == 409
    assert answer.json()["type"] == "/problems/phase-conflict"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"question": ""}, "question"),
        ({"question": None}, "question"),
        ({"id": "other"}, "id"),
        ({"options": [RICE]}, "options"),
        ({"options": [RICE, RICE]}, "options[1].id"),
        ({"closes_at": "2020-01-01T00:00:00Z"}, "closes_at"),
        ({"kind": "essay"}, "kind"),
        ({"phase": "closed"}, "phase"),
    ],
)
async def test_edit_invalid_field_returns_422_with_its_name(
    service: Service, changes: dict[str, Any], field: str
) -> None:
    """Check that 422 names the invalid field of an edit."""
    poll = (await service.create_poll())["id"]
    answer = await edit(service, poll, **changes)
    assert answer.status_code == 422, answer.text
    assert answer.json()["field"] == field
