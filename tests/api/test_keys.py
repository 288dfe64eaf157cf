"""Operators' keys over the wire: made once, held to their scopes, and gone when they are revoked."""

from __future__ import annotations

import re
import time
from typing import Any

import httpx
import msgspec
import pytest
from pollwire_server.auth.api_keys import Scope
from pollwire_server.server import running_service
from pollwire_server.store.keys import registry_key
from pollwire_server.store.registries import MOST_STALE_S

from tests.api.conftest import LUNCH, Service

KEYS = "/v1/admin/keys"
POLLS = "/v1/admin/polls"
READ, WRITE, VOTES, KEYS_WRITE = Scope


def slug(answer: httpx.Response) -> str:
    return str(answer.json()["type"].removeprefix("/problems/"))


async def make(service: Service, *scopes: str, name: str = "night desk") -> dict[str, Any]:
    """A new key, as its maker is shown it."""
    answer = await service.admin.post(KEYS, json={"name": name, "scopes": list(scopes)})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def bearing(made: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {made['key']}"}


async def test_a_key_is_shown_once(service: Service) -> None:
    """The answer to its making has the key; no list has it or its hash, and the store has no such text."""
    made = await make(service, READ, WRITE)
    assert made["key"].startswith(f"pwk_{made['id']}_")
    assert (made["name"], made["scopes"], made["last_used_at"]) == ("night desk", [READ, WRITE], None)
    listed = await service.admin.get(KEYS)
    (item,) = listed.json()["items"]
    assert item == {name: value for name, value in made.items() if name != "key"}
    assert listed.headers["cache-control"] == "private, no-store"
    kept = await service.store.connection.command(
        "HGETALL", registry_key(service.settings.namespace, "api-keys")
    )
    secret = made["key"].rpartition(made["id"])[2][1:]
    assert secret not in str(kept)
    assert made["key"] not in str(kept)


async def test_every_key_may_ask_what_it_may_do(service: Service) -> None:
    """A key's own name and scopes need no scope; the key of the settings has them all; nobody's is 401."""
    made = await make(service, VOTES, READ)
    own = await service.http.get(f"{KEYS}/mine", headers=bearing(made))
    assert own.json() == {"name": "night desk", "scopes": [READ, VOTES]}
    assert (await service.admin.get(f"{KEYS}/mine")).json() == {"name": "admin", "scopes": list(Scope)}
    assert slug(await service.http.get(f"{KEYS}/mine")) == "api-key-required"


async def test_a_key_opens_what_its_scopes_say(service: Service) -> None:
    """A reader reads and may not write, a writer writes; what is missing is named."""
    reader, writer = await make(service, READ), await make(service, WRITE)
    assert (await service.http.get(POLLS, headers=bearing(reader))).status_code == 200
    refused = await service.http.post(POLLS, json=LUNCH, headers=bearing(reader))
    assert (refused.status_code, slug(refused)) == (403, "scope-missing")
    assert WRITE in refused.json()["detail"]
    assert (await service.http.post(POLLS, json=LUNCH, headers=bearing(writer))).status_code == 201
    refused = await service.http.get(POLLS, headers=bearing(writer))
    assert (refused.status_code, slug(refused)) == (403, "scope-missing")


async def test_every_route_of_operators_wants_a_scope(service: Service) -> None:
    """A good key without the scope is 403 at each documented address, whatever it is asked."""
    wrong = {scope: await make(service, scope) for scope in Scope}
    await service.create_poll(id="x")
    paths = (await service.http.get("/openapi.json")).json()["paths"]
    asked = 0
    for path, methods in paths.items():
        for method in set(methods) & {"get", "post", "patch", "put", "delete"}:
            if path.startswith("/v1/admin") and path != f"{KEYS}/mine":  # everybody may ask for their own
                asked += 1
                address = re.sub(r"\{[a-z_]+\}", "x", path)
                answers = [
                    await service.http.request(method, address, headers=bearing(key))
                    for key in wrong.values()
                ]
                opened = [answer for answer in answers if answer.status_code != 403]
                assert len(opened) <= 1, (method, path)
                assert {slug(answer) for answer in answers if answer.status_code == 403} == {"scope-missing"}
    assert asked > 10


async def test_a_key_gives_away_no_scope_it_lacks(service: Service) -> None:
    """Who may make keys makes none that may do more than their own."""
    maker = await make(service, KEYS_WRITE, READ)
    body = {"name": "x", "scopes": [READ, WRITE]}
    refused = await service.http.post(KEYS, json=body, headers=bearing(maker))
    assert (refused.status_code, slug(refused)) == (403, "scope-missing")
    assert WRITE in refused.json()["detail"]
    body["scopes"] = [READ]
    assert (await service.http.post(KEYS, json=body, headers=bearing(maker))).status_code == 201


async def test_the_key_of_the_settings_needs_no_list(own_service: Service) -> None:
    """It has every scope, and is in no list to be revoked from."""
    assert (await own_service.admin.get(KEYS)).json() == {"items": [], "next": None}


async def test_a_revoked_key_opens_nothing(own_service: Service) -> None:
    """From the answer on it is unknown; revoking it again is 404."""
    made = await make(own_service, READ)
    assert (await own_service.http.get(POLLS, headers=bearing(made))).status_code == 200
    assert (await own_service.admin.delete(f"{KEYS}/{made['id']}")).status_code == 204
    refused = await own_service.http.get(POLLS, headers=bearing(made))
    assert (refused.status_code, slug(refused)) == (401, "api-key-invalid")
    assert (await own_service.admin.delete(f"{KEYS}/{made['id']}")).status_code == 404
    assert (await own_service.admin.get(KEYS)).json()["items"] == []


async def test_another_worker_knows_at_once(service: Service) -> None:
    """A key made on one worker is good on another right away, and revoked there within the stated time."""
    async with running_service(service.settings, service.settings.redis_url or "") as url:
        made = await make(service, READ)
        assert (await service.http.get(f"{url}{POLLS}", headers=bearing(made))).status_code == 200
        await service.admin.delete(f"{KEYS}/{made['id']}")
        began = time.monotonic()
        await until_refused(service, url, made)
        assert time.monotonic() - began < MOST_STALE_S


async def until_refused(service: Service, url: str, made: dict[str, Any]) -> None:
    deadline = time.monotonic() + 5
    while (await service.http.get(f"{url}{POLLS}", headers=bearing(made))).status_code != 401:
        assert time.monotonic() < deadline


async def test_a_wrong_secret_under_a_known_id_is_refused(service: Service) -> None:
    """The public half of a key opens nothing."""
    made = await make(service, READ)
    last = "A" if made["key"][-1] != "A" else "B"
    forged = {"Authorization": f"Bearer {made['key'][:-1]}{last}"}
    assert (await service.http.get(POLLS, headers=forged)).status_code == 401


async def test_the_last_use_is_shown(own_service: Service) -> None:
    """After a key was used its list says when, and a hundred uses more write nothing."""
    made = await make(own_service, READ)
    await own_service.http.get(POLLS, headers=bearing(made))
    (item,) = (await own_service.admin.get(KEYS)).json()["items"]
    assert item["last_used_at"] >= made["created_at"]
    for _ in range(20):
        await own_service.http.get(POLLS, headers=bearing(made))
    (again,) = (await own_service.admin.get(KEYS)).json()["items"]
    assert again == item


async def test_the_last_use_is_written_down_without_being_asked_for(service: Service) -> None:
    """A use reaches the store by itself, for the lists of other workers."""
    made = await make(service, READ)
    await service.http.get(POLLS, headers=bearing(made))
    noted: dict[str, int] = {}

    async def look() -> None:
        noted.update(await service.store.api_key_uses.all())

    deadline = time.monotonic() + 5
    while made["id"] not in noted:
        assert time.monotonic() < deadline
        await look()


async def test_a_ticket_is_for_keys_that_read_polls(service: Service) -> None:
    """A kept key gets a ticket where it has the scope; a revoked one gets none."""
    reader, writer = await make(service, READ), await make(service, WRITE)
    await service.http.get(POLLS, headers=bearing(writer))  # from now on this worker knows both
    assert (await service.http.post("/v1/tickets", headers=bearing(reader))).status_code == 201
    assert (await service.http.post("/v1/tickets", headers=bearing(writer))).status_code == 403
    await service.http.get(POLLS, headers=bearing(reader))
    await service.admin.delete(f"{KEYS}/{reader['id']}")
    await service.http.get(POLLS, headers=bearing(reader))
    assert (await service.http.post("/v1/tickets", headers=bearing(reader))).status_code == 401


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"scopes": ["polls:read"]}, "name"),
        ({"name": "", "scopes": ["polls:read"]}, "name"),
        ({"name": " \u00a0", "scopes": ["polls:read"]}, "name"),
        ({"name": "a\nb", "scopes": ["polls:read"]}, "name"),
        ({"name": "x" * 101, "scopes": ["polls:read"]}, "name"),
        ({"name": 7, "scopes": ["polls:read"]}, "name"),
        ({"name": "x"}, "scopes"),
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x", "scopes": "polls:read"}, "scopes"),
        ({"name": "x", "scopes": ["polls:burn"]}, "scopes[0]"),
        ({"name": "x", "scopes": ["polls:read"], "key": "mine"}, "key"),
    ],
)
async def test_a_bad_key_is_told_by_its_field(own_service: Service, body: dict[str, Any], field: str) -> None:
    """What cannot be a key is 422 with the field, and nothing is made."""
    answer = await own_service.admin.post(KEYS, json=body)
    assert (answer.status_code, slug(answer), answer.json()["field"]) == (422, "invalid-poll", field)
    assert (await own_service.admin.get(KEYS)).json()["items"] == []


async def test_lists_go_page_by_page(own_service: Service) -> None:
    """Every key is on one page, whatever their size; a cursor that is none is 422."""
    made = [(await make(own_service, READ, name=f"key {number}"))["id"] for number in range(5)]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = (
            await own_service.admin.get(KEYS, params={"limit": 2} | ({"cursor": cursor} if cursor else {}))
        ).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert sorted(seen) == sorted(made)
    assert (await own_service.admin.get(KEYS, params={"cursor": "x"})).status_code == 422
    assert (await own_service.admin.get(KEYS, params={"limit": "0"})).status_code == 422


async def test_a_scope_of_a_later_release_opens_nothing(service: Service) -> None:
    """A key kept with a scope that this release does not know is good for the others it has."""
    made = await make(service, READ)
    roster = service.store.api_keys
    document = msgspec.json.decode((await roster.fresh(0))[made["id"]])
    await roster.put(made["id"], msgspec.json.encode(document | {"scopes": ["moon:write", READ]}))
    assert (await service.http.get(POLLS, headers=bearing(made))).status_code == 200
    assert (await service.http.post(POLLS, json=LUNCH, headers=bearing(made))).status_code == 403
