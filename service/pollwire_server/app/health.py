"""Whether the service lives (``/livez``) and whether to send it requests (``/readyz``).

A store that is away is no reason to send nobody here: sockets are kept, pages
are served, every other node would fail alike, and the service goes on by
itself once the store is back. So that is 200 with ``degraded``; 503 is for a
service that has not begun or is about to end.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

import msgspec
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from pollwire_server.auth.client_address import ClientAddressResolver
from pollwire_server.domain.errors import StoreUnavailable
from pollwire_server.store import Store

LOOK_EVERY_S: Final = 0.5
"""So that a probe says what is without waiting, though nobody else may be asking the store anything."""


class Health:
    """What the probes tell; ``run`` keeps it true."""

    def __init__(self, store: Store, clients: ClientAddressResolver) -> None:
        self._connection = store.connection
        self._durability = store.durability
        self._clients = clients
        self.is_draining = False

    async def run(self) -> None:
        """Looks at the store again and again; never ends. What it finds, the connection remembers."""
        while True:
            with contextlib.suppress(StoreUnavailable):
                await self._connection.ping()
            await asyncio.sleep(LOOK_EVERY_S)

    def report(self) -> tuple[int, dict[str, object]]:
        """The status and the body of ``/readyz``."""
        if self.is_draining:
            return 503, {"status": "draining"}
        if not self._connection.has_answered:
            return 503, {"status": "starting", "reason": "The store has not answered yet."}
        if not self._connection.is_up:
            return 200, {"status": "degraded", "degraded": True, "reason": "The store does not answer."}
        notes = [*((self._clients.note,) if self._clients.note else ()), *self._durability.notes]
        return 200, {"status": "ready", "degraded": False, **({"notes": notes} if notes else {})}


def handlers(health: Health) -> list[HTTPRouteHandler]:
    """The two probes."""

    @get("/livez", summary="Whether the process lives", tags=["probes"])
    async def livez() -> Response[bytes]:
        return _encoded(200, {"status": "alive"})

    @get("/readyz", summary="Whether to send requests here", tags=["probes"])
    async def readyz() -> Response[bytes]:
        return _encoded(*health.report())

    return [livez, readyz]


def _encoded(status: int, body: dict[str, object]) -> Response[bytes]:
    headers = {"cache-control": "no-store"} | ({"retry-after": "1"} if status == 503 else {})
    return Response(
        msgspec.json.encode(body), status_code=status, media_type="application/json", headers=headers
    )
