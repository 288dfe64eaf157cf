"""``OPTIONS``: the methods of each address."""

from __future__ import annotations

import pytest

from tests.api.conftest import Service

POLL = "/v1/polls/{poll}"
OPERATED = "/v1/admin/polls"
OFFERS = [
    (OPERATED, "GET, HEAD, OPTIONS, POST"),
    (f"{OPERATED}/{{poll}}", "DELETE, GET, HEAD, OPTIONS, PATCH"),
    (f"{OPERATED}/{{poll}}/close", "OPTIONS, POST"),
    (POLL, "GET, HEAD, OPTIONS"),
    (f"{POLL}/votes", "OPTIONS, POST"),
    (f"{POLL}/votes/mine", "DELETE, GET, HEAD, OPTIONS"),
    ("/v1/voters", "OPTIONS, POST"),
    ("/v1/admin/keys", "GET, HEAD, OPTIONS, POST"),
    ("/openapi.json", "GET, HEAD, OPTIONS"),
]


@pytest.mark.parametrize(("path", "methods"), OFFERS)
async def test_options_lists_every_method(service: Service, path: str, methods: str) -> None:
    """Check that OPTIONS lists all methods of the address, and none that it rejects."""
    poll = (await service.create_poll())["id"]
    answer = await service.admin.request("OPTIONS", path.format(poll=poll))
    assert (answer.status_code, answer.headers["allow"], answer.content) == (204, methods, b"")
