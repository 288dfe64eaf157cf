"""API keys over HTTP: creation, scopes and revocation."""

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
from pollwire_server.store.registries import MAX_AGE_S

from tests.api.conftest import LUNCH, Service

KEYS = "/v1/admin/keys"
POLLS = "/v1/admin/polls"
READ, WRITE, VOTES, KEYS_WRITE = Scope.POLLS_READ, Scope.POLLS_WRITE, Scope.VOTES_WRITE, Scope.KEYS_WRITE
RESULTS = Scope.RESULTS_READ


def slug(answer: httpx.Response) -> str:
    return str(answer.json()["type"].removeprefix("/problems/"))


async def make(service: Service, *scopes: str, name: str = "night desk") -> dict[str, Any]:
    """Create a key and return the response that shows it."""
    answer = await service.admin.post(KEYS, json={"name": name, "scopes": list(scopes)})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def bearing(made: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {made['key']}"}


async def test_api_key_is_returned_on_creation_only(service: Service) -> None:
    """Check that only the creation response has the key: lists and the store have neither key nor hash."""
    made = await make(service, READ, WRITE)
    assert made["key"].startswith(f"pwk_{made['id']}_")
    assert (made["name"], made["scopes"], made["last_used_at"]) == ("night desk", [READ, WRITE], None)
    key_list = await service.admin.get(KEYS)
    (item,) = key_list.json()["items"]
    assert item == {name: value for name, value in made.items() if name != "key"}
    assert key_list.headers["cache-control"] == "private, no-store"
    stored = await service.store.connection.command(
        "HGETALL", registry_key(service.settings.namespace, "api-keys")
    )
    secret = made["key"].rpartition(made["id"])[2][1:]
    assert secret not in str(stored)
    assert made["key"] not in str(stored)


async def test_own_api_key_is_readable_without_a_scope(service: Service) -> None:
    """Check that reading one's own key needs no scope, that the settings key has all, and no key is 401."""
    made = await make(service, VOTES, READ)
    own = await service.http.get(f"{KEYS}/mine", headers=bearing(made))
    unlimited = {"polls": None, "series": None, "expires_at": None}
    assert own.json() == {"name": "night desk", "scopes": [READ, VOTES], **unlimited}
    own = await service.admin.get(f"{KEYS}/mine")
    assert own.json() == {"name": "admin", "scopes": list(Scope), **unlimited}
    assert slug(await service.http.get(f"{KEYS}/mine")) == "api-key-required"


async def test_api_key_without_scope_returns_403_with_the_scope(service: Service) -> None:
    """Check that a read key cannot write, and that the error names the missing scope."""
    reader, writer = await make(service, READ), await make(service, WRITE)
    assert (await service.http.get(POLLS, headers=bearing(reader))).status_code == 200
    refused = await service.http.post(POLLS, json=LUNCH, headers=bearing(reader))
    assert (refused.status_code, slug(refused)) == (403, "scope-missing")
    assert WRITE in refused.json()["detail"]
    assert (await service.http.post(POLLS, json=LUNCH, headers=bearing(writer))).status_code == 201
    refused = await service.http.get(POLLS, headers=bearing(writer))
    assert (refused.status_code, slug(refused)) == (403, "scope-missing")


async def test_every_admin_route_requires_a_scope(service: Service) -> None:
    """Check that a valid key without the scope gets 403 at each documented address."""
    alone = set(Scope) - {Scope.ISSUERS_WRITE}  # which no key has without votes:write
    wrong = {scope: await make(service, scope) for scope in alone}
    await service.create_poll(id="x")
    paths = (await service.http.get("/openapi.json")).json()["paths"]
    asked = 0
    for path, methods in paths.items():
        for method in set(methods) & {"get", "post", "patch", "put", "delete"}:
            if path.startswith("/v1/admin") and path != f"{KEYS}/mine":  # every key may read its own
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


async def test_create_api_key_with_more_scopes_than_own_is_rejected(service: Service) -> None:
    """Check that a key cannot create a key with more scopes than its own."""
    maker = await make(service, KEYS_WRITE, READ)
    body = {"name": "x", "scopes": [READ, WRITE]}
    refused = await service.http.post(KEYS, json=body, headers=bearing(maker))
    assert (refused.status_code, slug(refused)) == (403, "scope-missing")
    assert WRITE in refused.json()["detail"]
    body["scopes"] = [READ]
    assert (await service.http.post(KEYS, json=body, headers=bearing(maker))).status_code == 201


async def test_settings_key_has_every_scope_and_is_not_listed(own_service: Service) -> None:
    """Check that the settings key has every scope and is in no list, so it cannot be revoked."""
    assert (await own_service.admin.get(KEYS)).json() == {"items": [], "next": None}


async def test_api_key_revoked_returns_401(own_service: Service) -> None:
    """Check that a revoked key is unknown after the response, and that revoking it again is 404."""
    made = await make(own_service, READ)
    assert (await own_service.http.get(POLLS, headers=bearing(made))).status_code == 200
    assert (await own_service.admin.delete(f"{KEYS}/{made['id']}")).status_code == 204
    refused = await own_service.http.get(POLLS, headers=bearing(made))
    assert (refused.status_code, slug(refused)) == (401, "api-key-invalid")
    assert (await own_service.admin.delete(f"{KEYS}/{made['id']}")).status_code == 404
    assert (await own_service.admin.get(KEYS)).json()["items"] == []


async def test_api_key_created_or_revoked_applies_to_other_workers(service: Service) -> None:
    """Check that a new key works on another worker at once, and is revoked within the documented time."""
    async with running_service(service.settings, service.settings.redis_url or "") as url:
        made = await make(service, READ)
        assert (await service.http.get(f"{url}{POLLS}", headers=bearing(made))).status_code == 200
        await service.admin.delete(f"{KEYS}/{made['id']}")
        began = time.monotonic()
        await until_refused(service, url, made)
        assert time.monotonic() - began < MAX_AGE_S


async def until_refused(service: Service, url: str, made: dict[str, Any]) -> None:
    deadline = time.monotonic() + 5
    while (await service.http.get(f"{url}{POLLS}", headers=bearing(made))).status_code != 401:
        assert time.monotonic() < deadline


async def test_api_key_with_known_id_and_wrong_secret_returns_401(service: Service) -> None:
    made = await make(service, READ)
    last = "A" if made["key"][-1] != "A" else "B"
    forged = {"Authorization": f"Bearer {made['key'][:-1]}{last}"}
    assert (await service.http.get(POLLS, headers=forged)).status_code == 401


async def test_list_api_keys_has_last_use(own_service: Service) -> None:
    """Check that lists show a key's last use, and that further uses write nothing."""
    made = await make(own_service, READ)
    await own_service.http.get(POLLS, headers=bearing(made))
    (item,) = (await own_service.admin.get(KEYS)).json()["items"]
    assert item["last_used_at"] >= made["created_at"]
    for _ in range(20):
        await own_service.http.get(POLLS, headers=bearing(made))
    (again,) = (await own_service.admin.get(KEYS)).json()["items"]
    assert again == item


async def test_api_key_last_use_is_stored_without_a_list_request(service: Service) -> None:
    """Check that a use is stored without a read of the list, for the lists of other workers."""
    made = await make(service, READ)
    await service.http.get(POLLS, headers=bearing(made))
    deadline = time.monotonic() + 5
    while made["id"] not in await service.store.api_key_uses.all():
        assert time.monotonic() < deadline


async def test_ticket_requires_the_results_read_scope(service: Service) -> None:
    """Check that only keys with the scope get a ticket, and that revoked keys get none."""
    reader, writer = await make(service, READ, RESULTS), await make(service, READ, WRITE)
    await service.http.get(POLLS, headers=bearing(writer))  # this worker now caches both
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
        ({"name": "\u3164\u2800", "scopes": ["polls:read"]}, "name"),
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
async def test_create_invalid_api_key_returns_422_with_the_field(
    own_service: Service, body: dict[str, Any], field: str
) -> None:
    """Check that an invalid key request is 422 with the field, and creates nothing."""
    answer = await own_service.admin.post(KEYS, json=body)
    assert (answer.status_code, slug(answer), answer.json()["field"]) == (422, "invalid-poll", field)
    assert (await own_service.admin.get(KEYS)).json()["items"] == []


async def test_list_api_keys_pages_contain_every_key(own_service: Service) -> None:
    """Check that pages together have every key, and that an invalid cursor or limit is 422."""
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


async def test_api_key_unknown_scope_is_ignored(service: Service) -> None:
    """Check that an unknown scope of a later release is ignored, and that the key's other scopes work."""
    made = await make(service, READ)
    registry = service.store.api_keys
    document = msgspec.json.decode((await registry.read_fresh(0))[made["id"]])
    await registry.put(made["id"], msgspec.json.encode(document | {"scopes": ["moon:write", READ]}))
    assert (await service.http.get(POLLS, headers=bearing(made))).status_code == 200
    assert (await service.http.post(POLLS, json=LUNCH, headers=bearing(made))).status_code == 403
