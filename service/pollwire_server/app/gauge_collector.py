"""Gauges that are read once a second, so that no other code has to update them."""

from __future__ import annotations

import asyncio
from typing import Final

from pollwire_server.live.hub import Hub
from pollwire_server.store import Store
from pollwire_server.telemetry.metrics import STORE_UP, SUBSCRIBERS, VOTES_QUEUE_SIZE
from pollwire_server.voting.vote_batcher import VoteBatcher

COLLECT_INTERVAL_S: Final = 1.0


class GaugeCollector:
    """Background task that copies the state of the services to the gauges."""

    def __init__(self, hub: Hub, batcher: VoteBatcher, store: Store) -> None:
        self._hub = hub
        self._batcher = batcher
        self._connection = store.connection

    async def run(self) -> None:
        """Update the gauges once a second until cancelled."""
        while True:
            SUBSCRIBERS.set(self._hub.streams)
            VOTES_QUEUE_SIZE.set(self._batcher.waiting)
            STORE_UP.set(self._connection.is_up)
            await asyncio.sleep(COLLECT_INTERVAL_S)
