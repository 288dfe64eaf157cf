"""Webhooks to receivers on this machine, with short retry delays."""

from __future__ import annotations

from typing import Any, Final

from tests.api.conftest import Service
from tests.webhook_receiver import Site

HOOKS: Final = "/v1/admin/webhooks"
LOCAL: Final = ("127.0.0.1", "::1")
QUICK: Final[dict[str, Any]] = {"webhook_allow": LOCAL, "webhook_speedup": 100}
"""All delays are divided by 100."""


async def hook(service: Service, site: Site, **fields: object) -> dict[str, Any]:
    """Create a webhook to the receiver and return it with its secret."""
    answer = await service.admin.post(HOOKS, json={"url": site.url, **fields})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made
