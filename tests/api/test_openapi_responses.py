"""Responses of a real service, compared with the schemas of its own OpenAPI document."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
from openapi_schema_validator import OAS31Validator
from pollwire_server.app.openapi.operations import OPERATIONS, TEXT_RESPONSES

from tests.api.conftest import Serve, Service
from tests.api.hooks import HOOKS, QUICK
from tests.api.json_schemas import closed
from tests.jwt_issuer import generate_key, public_pem
from tests.webhook_receiver import receiving

ADMIN = "/v1/admin/polls"
OPTIONS = [{"id": "rice", "label": "Rice"}, {"id": "yam", "label": "Yam"}]


class ResponseChecker:
    """Validates each response by the schema of its operation and status. Undocumented fields are errors."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = closed(document)
        self.checked: set[tuple[str, str, int]] = set()

    async def check(self, response: httpx.Response) -> None:
        """Raise ``AssertionError`` for a response that the document does not describe."""
        await response.aread()
        method, path = response.request.method.lower(), response.request.url.path
        template = self._template_of(path)
        documented = self._document["paths"][template][method]["responses"][str(response.status_code)]
        self.checked.add((method, template, response.status_code))
        if "content" not in documented:
            assert response.content == b""
            return
        media_type = response.headers["content-type"].partition(";")[0]
        schema = documented["content"][media_type]["schema"]
        if schema.get("type") == "string":
            return  # text in another format
        bodies = response.text.splitlines() if media_type == "application/x-ndjson" else [response.text]
        validator = OAS31Validator({**schema, "components": self._document["components"]})
        for body in bodies:
            problems = [error.message for error in validator.iter_errors(json.loads(body))]
            assert problems == [], (method, template)

    def _template_of(self, path: str) -> str:
        """Return the template of a path. Templates without parameters win."""
        paths: list[str] = sorted(self._document["paths"], key=lambda one: one.count("{"))
        return next(one for one in paths if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", one), path))


async def _voter(service: Service) -> dict[str, str]:
    return {"authorization": f"Bearer {await service.voter()}"}


async def _vote_and_read(service: Service) -> None:
    """Send the requests of voters and readers to a poll, from its creation to its deletion."""
    public, admin = "/v1/polls/lunch", f"{ADMIN}/lunch"
    draft = {"id": "lunch", "kind": "single", "question": "Lunch?", "options": OPTIONS, "revote": "withdraw"}
    for _ in range(2):
        await service.admin.post(ADMIN, json=draft)
    await service.admin.post(ADMIN, json={"kind": "single", "question": 3})
    voter = await _voter(service)
    await service.http.post("/v1/tickets", headers=voter)
    await service.http.get(f"{public}/votes/mine", headers=voter)
    vote = await service.http.post(f"{public}/votes", json={"choice": "rice"}, headers=voter)
    await service.http.post(f"{public}/votes", json={"choice": "soup"}, headers=voter)
    await service.http.post(f"{public}/votes", json={"choice": "rice"})
    await service.http.get(f"{public}/votes/mine", headers=voter)
    receipt = {"receipt": vote.json()["receipt"]}
    await service.http.post(f"{public}/receipts", json=receipt)
    for path in ("", "/results", "/timeline"):
        response = await service.http.get(public + path)
        await service.http.get(public + path, headers={"if-none-match": response.headers["etag"]})
        await service.admin.get(admin + path)
    for path in ("/audit", "/report", "/export", "/export?format=ndjson"):
        await service.admin.get(admin + path)
    await service.admin.post(f"{admin}/recount")
    await service.http.delete(f"{public}/votes/mine", headers=voter)
    await service.http.post(f"{public}/votes", json={"choice": "yam"}, headers=voter)
    await service.admin.post(f"{admin}/erase", json=receipt)
    await service.http.post(f"{public}/votes", json={"choice": "yam"}, headers=voter)
    await service.http.delete(f"{public}/voters/me", headers=voter)
    lines = b'{"voter": "a", "choice": "yam"}\n{"voter": "b", "choice": "soup"}\n'
    await service.admin.post(
        f"{admin}/votes", content=lines, headers={"content-type": "application/x-ndjson"}
    )
    span = {"from": "2020-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z"}
    await service.admin.post(f"{admin}/purge", json={**span, "confirm": "lunch"})
    await service.admin.patch(admin, json={"question": "Dinner?"})
    await service.admin.patch(admin, json={"question": "Supper?"}, headers={"if-match": '"99"'})
    for act in ("close", "reopen", "close", "publish"):
        await service.admin.post(f"{admin}/{act}")
    await service.http.post(f"{public}/votes", json={"choice": "yam"}, headers=voter)
    await service.admin.post(f"{admin}/reset", json={"confirm": "lunch"})
    for act in ("open", "cancel", "archive", "reopen"):
        await service.admin.post(f"{admin}/{act}")
    await service.admin.get("/v1/admin/polls")
    await service.admin.request("DELETE", admin, json={"confirm": "lunch"})
    await service.http.get(public)


async def _read_other_kinds(service: Service) -> None:
    """Read the results of a ranked poll, of a rating, and of a poll with hidden results."""
    for kind, choice, more in (
        ("ranked", ["yam", "rice"], {"options": OPTIONS}),
        ("rating", 4, {"options": []}),
        ("multiple", ["rice"], {"options": OPTIONS, "results": "after_close"}),
    ):
        poll = (await service.create_poll(kind=kind, **more))["id"]
        await service.vote(poll, choice, await service.voter())
        for path in ("", "/results", "/timeline"):
            await service.http.get(f"/v1/polls/{poll}{path}")
    poll = (await service.create_poll(network_tags=True, opens_at="2100-01-01T00:00:00Z"))["id"]
    await service.act(poll, "open")
    await service.vote(poll, "yam", await service.voter())
    await service.admin.get(f"{ADMIN}/{poll}/report")


async def _predict(service: Service) -> None:
    """Send the requests of a series of predictions."""
    voter = await service.voter()
    headers = {"authorization": f"Bearer {voter}"}
    for is_forecast, choice in ((False, "rice"), (True, {"rice": 0.7, "yam": 0.3})):
        changes = {"kind": "prediction", "forecast": is_forecast, "series": "cup"}
        poll = (await service.create_poll(**changes))["id"]
        await service.vote(poll, choice, voter)
        await service.http.get(f"/v1/polls/{poll}/distribution")
        await service.act(poll, "close")
        for act, body in (
            ("resolve", {"outcome": "rice"}),
            ("unresolve", {}),
            ("resolve", {"outcome": "yam"}),
        ):
            await service.act(poll, act, **body)
            for path in ("", "/results", "/timeline", "/votes/mine"):
                await service.http.get(f"/v1/polls/{poll}{path}", headers=headers)
    await service.admin.put("/v1/admin/series/cup", json={"title": "World Cup", "minimum": 2})
    await service.http.get("/v1/series/cup")
    await service.http.get("/v1/series/cup/calibration")
    await service.http.get("/v1/series/cup/leaderboard")
    await service.http.get("/v1/series/cup/mine", headers=headers)


async def _manage_credentials(service: Service) -> None:
    """Create, list and delete API keys and issuers."""
    key = await service.admin.post("/v1/admin/keys", json={"name": "desk", "scopes": ["polls:read"]})
    issuer = {"issuer": "https://news.example", "algorithm": "EdDSA", "audience": "polls"}
    for _ in range(2):
        body = {**issuer, "key": public_pem(generate_key("EdDSA"))}
        registered = await service.admin.post("/v1/admin/issuers", json=body)
    for path in ("keys", "keys/mine", "issuers", "audit", "keys?limit=0"):
        await service.admin.get(f"/v1/admin/{path}")
    for path in (f"keys/{key.json()['id']}", f"issuers/{registered.json()['id']}", "keys/none"):
        await service.admin.delete(f"/v1/admin/{path}")
    await service.http.get("/v1/admin/keys")


async def _manage_webhooks(service: Service) -> None:
    """Create, test, enable and delete a webhook."""
    async with receiving() as site:
        webhook = f"{HOOKS}/{(await service.admin.post(HOOKS, json={'url': site.url})).json()['id']}"
        await service.admin.post(f"{webhook}/test")
        await service.admin.post(f"{webhook}/enable")
        for path in (HOOKS, webhook, f"{webhook}/deliveries"):
            await service.admin.get(path)
        await service.admin.delete(webhook)
        await service.admin.get(webhook)


async def test_successes_of_every_operation_match_the_document(serve: Serve) -> None:
    async with serve(**QUICK) as service:
        checker = ResponseChecker((await service.http.get("/openapi.json")).json())
        for client in (service.http, service.admin):
            client.event_hooks = {"response": [checker.check]}
        for path in ("/livez", "/readyz"):
            await service.admin.get(path)
        await _vote_and_read(service)
        await _read_other_kinds(service)
        await _predict(service)
        await _manage_credentials(service)
        await _manage_webhooks(service)
    succeeded = {(method, path) for method, path, status in checker.checked if status < 300}
    streams = {route for route in TEXT_RESPONSES if route[1].endswith("/events")}
    assert OPERATIONS.keys() - succeeded == streams
    assert {status for _, _, status in checker.checked} >= {200, 201, 204, 304, 401, 403, 404, 409, 412, 422}


async def test_operations_have_unique_names_and_known_tags(service: Service) -> None:
    document = (await service.http.get("/openapi.json")).json()
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names)) == len(OPERATIONS)
    assert {tag for operation in operations for tag in operation["tags"]} == {
        tag["name"] for tag in document["tags"]
    }


async def test_every_body_has_examples_that_match_its_schema(service: Service) -> None:
    document = (await service.http.get("/openapi.json")).json()
    strict = closed(document)
    wrong = []
    for operation in (operation for path in strict["paths"].values() for operation in path.values()):
        for part in (operation.get("requestBody", {}), *operation["responses"].values()):
            for content in part.get("content", {}).values():
                values = [example["value"] for example in content.get("examples", {}).values()]
                values += [content["example"]] if "example" in content else []
                validator = OAS31Validator({**content["schema"], "components": strict["components"]})
                if not values or not all(map(validator.is_valid, values)):
                    wrong.append((operation["operationId"], values))
    assert wrong == []
