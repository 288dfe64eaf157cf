"""Liveness probe (``/livez``) and readiness probe (``/readyz``).

``/readyz`` answers 200 with ``degraded`` if the store is unreachable. Other nodes would fail in the same way,
so removing this one from the load balancer gains nothing. It keeps its WebSockets, serves pages, and recovers
by itself. The same holds for a store that rejects writes. 503 means that the service is still starting or is
draining.

``notes`` about weak settings are for requests with an API key only. They would also help an attacker.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Final, Literal

import msgspec
from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from msgspec import UNSET, UnsetType

from pollwire_server.auth.api_keys import ApiKeyAuthenticator
from pollwire_server.auth.client_address import ClientAddressResolver
from pollwire_server.domain.errors import PollwireError, StoreUnavailable
from pollwire_server.store import Store

PING_INTERVAL_S: Final = 0.5
"""Pings keep the state of the connection current on an idle service, so that probes need not wait."""


class HealthReport(msgspec.Struct, frozen=True):
    """Response of the probes."""

    status: Literal["alive", "ready", "degraded", "draining", "starting"]
    degraded: bool | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    notes: tuple[str, ...] | UnsetType = UNSET
    """Warnings about settings. Only for requests with an API key."""


class Health:
    """The state that the probes report. ``run`` keeps it current."""

    def __init__(self, store: Store, client_addresses: ClientAddressResolver) -> None:
        self._connection = store.connection
        self._durability = store.durability_monitor
        self._client_addresses = client_addresses
        self.is_draining = False

    async def run(self) -> None:
        """Ping the store until cancelled. The connection records the outcome."""
        while True:
            with contextlib.suppress(StoreUnavailable):
                await self._connection.ping()
            await asyncio.sleep(PING_INTERVAL_S)

    def report(self) -> tuple[int, HealthReport]:
        """Return the status and the body of ``/readyz``."""
        if self.is_draining:
            return 503, HealthReport("draining")
        if not self._connection.has_answered:
            return 503, HealthReport("starting", reason=self._start_reason())
        if not self._connection.is_up:
            return 200, HealthReport("degraded", True, "The store is not responding.")
        if (code := self._connection.write_refusal) is not None:
            reason = f"The store rejects writes ({code}). Results can be read, and votes get 503."
            return 200, HealthReport("degraded", True, reason)
        return 200, HealthReport("ready", False)

    def notes(self) -> list[str]:
        """Return the warnings for operators, one sentence each."""
        address_note = self._client_addresses.proxy_warning
        return [*([address_note] if address_note else ()), *self._durability.notes]

    def _start_reason(self) -> str:
        code = self._connection.write_refusal
        if code is None:
            return "The store has not responded yet."
        return f"The store rejects writes ({code}), and does not have the function library yet."


def handlers(health: Health, api_keys: ApiKeyAuthenticator) -> list[HTTPRouteHandler]:
    """Return the route handlers of the probes."""

    def is_operator(request: Request[Any, Any, Any]) -> bool:
        try:
            api_keys.require_operator(request.headers.get("authorization"))
        except PollwireError:  # the probe answers also while keys cannot be checked
            return False
        return True

    @get("/livez", summary="Liveness check")
    async def livez() -> Response[bytes]:
        return _encoded(200, HealthReport("alive"))

    @get("/readyz", summary="Readiness check")
    async def readyz(request: Request[Any, Any, Any]) -> Response[bytes]:
        status, report = health.report()
        notes = health.notes() if status == 200 and is_operator(request) else []
        return _encoded(status, msgspec.structs.replace(report, notes=tuple(notes) or UNSET))

    return [livez, readyz]


def _encoded(status: int, report: HealthReport) -> Response[bytes]:
    headers = {"cache-control": "no-store"} | ({"retry-after": "1"} if status == 503 else {})
    return Response(
        msgspec.json.encode(report), status_code=status, media_type="application/json", headers=headers
    )
