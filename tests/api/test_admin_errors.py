"""Errors of the admin API, and the order of its checks."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.api.conftest import LUNCH, Service

POLLS = "/v1/admin/polls"
JSON = {"Content-Type": "application/json"}
ADDRESSES = [
    ("GET", POLLS),
    ("POST", POLLS),
    ("GET", f"{POLLS}/x"),
    ("PATCH", f"{POLLS}/x"),
    ("DELETE", f"{POLLS}/x"),
    ("POST", f"{POLLS}/x/open"),
    ("POST", f"{POLLS}/x/close"),
    ("POST", f"{POLLS}/x/reopen"),
    ("GET", f"{POLLS}/x/results"),
    ("PUT", POLLS),
    ("GET", "/v1/admin/nothing"),
    ("GET", "/v1/admin"),
]


def slug(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem = answer.json()
    assert problem["status"] == answer.status_code
    return str(problem["type"].removeprefix("/problems/"))


@pytest.mark.parametrize(("method", "path"), ADDRESSES)
async def test_admin_api_without_valid_key_returns_401_everywhere(
    service: Service, method: str, path: str
) -> None:
    """Check that without a valid key nothing is returned, not even whether a poll exists."""
    without = await service.http.request(method, path)
    assert (without.status_code, slug(without)) == (401, "api-key-required")
    assert without.headers["www-authenticate"].startswith("Bearer")
    wrong = await service.http.request(method, path, headers={"Authorization": "Bearer wrong"})
    assert (wrong.status_code, slug(wrong)) == (401, "api-key-invalid")


@pytest.mark.parametrize(
    "authorization", ["Basic YTpi", "Bearer", "bearer x", "x", "Bearer \u00e4", "Bearer a b"]
)
async def test_malformed_authorization_returns_401(service: Service, authorization: str) -> None:
    answer = await service.http.get(POLLS, headers=[(b"Authorization", authorization.encode("latin-1"))])
    assert answer.status_code == 401
    assert slug(answer) in ("api-key-required", "api-key-invalid")


async def test_authorization_scheme_is_case_insensitive(service: Service) -> None:
    """Check that the scheme is case-insensitive (RFC 9110, section 11.1)."""
    headers = {"Authorization": f"bearer {service.settings.admin_key}"}
    assert (await service.http.get(POLLS, headers=headers)).status_code == 200


async def test_unknown_poll_returns_404_before_body_checks(service: Service) -> None:
    """Check that 404 comes before checks of type, size or form."""
    for method, path in (("PATCH", "nope"), ("DELETE", "nope"), ("POST", "nope/open"), ("PATCH", "N%20pe")):
        answer = await service.admin.request(method, f"{POLLS}/{path}", content=b"x" * 300_000)
        assert (answer.status_code, slug(answer)) == (404, "poll-not-found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "", {"GET", "HEAD", "POST", "OPTIONS"}),
        ("POST", "/{poll}", {"GET", "HEAD", "PATCH", "DELETE", "OPTIONS"}),
        ("GET", "/{poll}/close", {"POST", "OPTIONS"}),
        ("HEAD", "/{poll}/close", {"POST", "OPTIONS"}),
        ("DELETE", "/{poll}/results", {"GET", "HEAD", "OPTIONS"}),
    ],
)
async def test_unsupported_method_returns_405_with_allow(
    service: Service, method: str, path: str, allowed: set[str]
) -> None:
    """Check that 405 lists the address's methods, and that an unknown poll is 404."""
    poll = (await service.create_poll())["id"]
    answer = await service.admin.request(method, POLLS + path.format(poll=poll), content=b"not json")
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == allowed
    if path:
        nowhere = await service.admin.request(method, POLLS + path.format(poll="nope"))
        assert nowhere.status_code == 404


async def test_wrong_media_type_returns_415_before_413(service: Service) -> None:
    """Check that 415 comes before 413."""
    answer = await service.admin.post(POLLS, content=b"x" * 300_000, headers={"Content-Type": "text/csv"})
    assert (answer.status_code, slug(answer)) == (415, "unsupported-media-type")
    assert (await service.admin.post(POLLS, content=b"{}")).status_code == 415


async def test_media_type_parameters_and_case_are_ignored(service: Service) -> None:
    """Check that parameters and case of the media type are ignored."""
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    answer = await service.admin.post(POLLS, content=json.dumps(LUNCH).encode(), headers=headers)
    assert answer.status_code == 201


async def test_body_over_256_kib_returns_413_before_parsing(service: Service) -> None:
    """Check that more than 256 KiB is 413, with or without a length, before the JSON is parsed."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(300):
            yield b"x" * 1024

    for content in (b"x" * (256 * 1024 + 1), chunks()):
        answer = await service.admin.post(POLLS, content=content, headers=JSON)
        assert (answer.status_code, slug(answer)) == (413, "body-too-large")
        assert answer.json()["limit_bytes"] == 256 * 1024


async def test_body_of_256_kib_is_accepted(service: Service) -> None:
    """Check that a body of exactly 256 KiB is read and validated."""
    body = json.dumps({**LUNCH, "description": ""}).encode()
    padded = body.replace(b'""', b'"' + b"x" * (256 * 1024 - len(body)) + b'"')
    assert len(padded) == 256 * 1024
    answer = await service.admin.post(POLLS, content=padded, headers=JSON)
    assert (answer.status_code, answer.json()["field"]) == (422, "description")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b'{"question": "\xff"}',
        b"[" * 200_000,
        b'{"a":' * 40_000,
        b'{"question": "\\ud800"}',
        b'{"question": 1e999}',
        b"NaN",
    ],
)
async def test_body_not_a_json_object_returns_400(service: Service, body: bytes) -> None:
    """Check that a body that is not a JSON object is 400."""
    answer = await service.admin.post(POLLS, content=body, headers=JSON)
    assert (answer.status_code, slug(answer)) == (400, "malformed-body")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"question": "x" * 301}, "question"),
        ({"question": 5}, "question"),
        ({"kind": "essay"}, "kind"),
        ({"id": "No Spaces"}, "id"),
        ({"id": "a" * 65}, "id"),
        ({"options": []}, "options"),
        ({"options": [{"id": "a", "label": "A"}, {"id": "b"}]}, "options[1].label"),
        (
            {"options": [{"id": "a", "label": "A"}, {"id": "b", "label": "B", "capacity": 0}]},
            "options[1].capacity",
        ),
        ({"opens_at": "2026-01-01T00:00"}, "opens_at"),
        ({"closes_at": "2026-03-29T02:30", "timezone": "Europe/Berlin"}, "closes_at"),
        ({"closes_at": "2026-10-25T02:30", "timezone": "Europe/Berlin"}, "closes_at"),
        ({"opens_at": "2026-02-01T00:00:00Z", "closes_at": "2026-01-01T00:00:00Z"}, "closes_at"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"timezone": "../etc/passwd"}, "timezone"),
        ({"results": "sometimes"}, "results"),
        ({"shards": 2}, "shards"),
        ({"series": "cup"}, "series"),
        ({"colour": "red"}, "colour"),
        ({"origins": ["not an origin"]}, "origins[0]"),
        ({"choices": {"min": 1}}, "choices"),
    ],
)
async def test_invalid_field_returns_422_with_its_path(
    service: Service, changes: dict[str, object], field: str
) -> None:
    """Check that 422 has the path of the field, so that a form can show the error next to it."""
    answer = await service.admin.post(POLLS, json={**LUNCH, **changes})
    assert answer.status_code == 422, answer.text
    assert (slug(answer), answer.json()["field"]) == ("invalid-poll", field)


async def test_missing_field_returns_422_with_its_name(service: Service) -> None:
    answer = await service.admin.post(POLLS, json={"kind": "single"})
    assert answer.json()["field"] == "question"


@pytest.mark.parametrize(
    ("action", "field"),
    [("resolve", "outcome"), ("purge", "confirm"), ("erase", "receipt"), ("reset", "confirm")],
)
async def test_lifecycle_action_without_body_returns_the_missing_field(
    service: Service, action: str, field: str
) -> None:
    """Check that an action without a body gets the missing field, and no error about the media type."""
    poll = (await service.create_poll())["id"]
    answer = await service.admin.post(f"{POLLS}/{poll}/{action}")
    assert (answer.status_code, slug(answer), answer.json().get("field")) == (422, "invalid-poll", field)


async def test_admin_api_sends_no_cors_headers(service: Service) -> None:
    """Check that the admin API answers no preflight and sends no CORS headers."""
    headers = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    preflight = await service.http.options(POLLS, headers=headers)
    assert preflight.status_code == 401
    answer = await service.admin.get(POLLS, headers={"Origin": "https://elsewhere.example"})
    assert "access-control-allow-origin" not in answer.headers
