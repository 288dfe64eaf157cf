"""Responses of a real service, compared with the schemas of its own OpenAPI document."""

from __future__ import annotations

import re
from typing import Any

import httpx
from openapi_schema_validator import OAS31Validator

from tests.api.conftest import Service


class ResponseChecker:
    """Validates each response by the schema of its operation and status."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
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
        schema_with_components = {**schema, "components": self._document["components"]}
        problems = [
            error.message for error in OAS31Validator(schema_with_components).iter_errors(response.json())
        ]
        assert problems == [], (method, template)

    def _template_of(self, path: str) -> str:
        """Return the template of a path. Templates without parameters win."""
        paths: list[str] = sorted(self._document["paths"], key=lambda one: one.count("{"))
        return next(one for one in paths if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", one), path))


async def test_responses_in_the_life_of_a_poll_match_the_document(service: Service) -> None:
    document = (await service.http.get("/openapi.json")).json()
    checker = ResponseChecker(document)
    for client in (service.http, service.admin):
        client.event_hooks = {"response": [checker.check]}
    public, poll = "/v1/polls/lunch", "/v1/admin/polls/lunch"
    options = [{"id": "rice", "label": "Rice"}, {"id": "yam", "label": "Yam"}]
    draft = {"id": "lunch", "kind": "single", "question": "Lunch?", "options": options, "revote": "withdraw"}
    for _ in range(2):
        await service.admin.post("/v1/admin/polls", json=draft)
    await service.admin.post("/v1/admin/polls", json={"kind": "single", "question": 3})
    token = (await service.http.post("/v1/voters")).json()["token"]
    voter = {"authorization": f"Bearer {token}"}
    await service.http.post("/v1/tickets", headers=voter)
    await service.http.get(f"{public}/votes/mine", headers=voter)
    vote = await service.http.post(f"{public}/votes", json={"choice": "rice"}, headers=voter)
    await service.http.post(f"{public}/votes", json={"choice": "soup"}, headers=voter)
    await service.http.get(f"{public}/votes/mine", headers=voter)
    await service.http.post(f"{public}/receipts", json={"receipt": vote.json()["receipt"]})
    for path in ("", "/results", "/timeline"):
        await service.http.get(public + path)
        await service.admin.get(poll + path)
    for path in ("/audit", "/report"):
        await service.admin.get(poll + path)
    await service.admin.post(f"{poll}/recount")
    await service.http.delete(f"{public}/votes/mine", headers=voter)
    await service.admin.post(f"{poll}/close")
    await service.http.post(f"{public}/votes", json={"choice": "yam"}, headers=voter)
    for path in ("polls", "keys", "issuers", "webhooks"):
        await service.admin.get(f"/v1/admin/{path}")
    await service.admin.request("DELETE", poll, json={"confirm": "lunch"})
    await service.http.get(public)
    statuses = {status for _, _, status in checker.checked}
    assert len(checker.checked) >= 25
    assert statuses >= {200, 201, 204, 403, 404, 422}
