"""Webhooks to sites on this machine, in a hurry."""

from __future__ import annotations

from typing import Any, Final

from tests.api.conftest import Service
from tests.webhook_receiver import Site

HOOKS: Final = "/v1/admin/webhooks"
LOCAL: Final = ("127.0.0.1", "::1")
QUICK: Final[dict[str, Any]] = {"webhook_allow": LOCAL, "webhook_speedup": 100}
"""Waits a hundredth of what it does in earnest."""


async def hook(service: Service, site: Site, **wishes: object) -> dict[str, Any]:
    """A webhook to the site, with its secret."""
    answer = await service.admin.post(HOOKS, json={"url": site.url, **wishes})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made
