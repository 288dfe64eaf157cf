"""What stands at this moment, looked at once a second: figures that nobody has to keep meanwhile."""

from __future__ import annotations

import asyncio
from typing import Final

from pollwire_server.live.hub import Hub
from pollwire_server.store import Store
from pollwire_server.telemetry.metrics import STORE_UP, SUBSCRIBERS, VOTES_WAITING
from pollwire_server.voting.vote_batcher import VoteBatcher

LOOK_EVERY_S: Final = 1.0


class GaugeCollector:
    """Tells the metrics what the rooms hold; ``run`` it beside them."""

    def __init__(self, hub: Hub, recorder: VoteBatcher, store: Store) -> None:
        self._hub = hub
        self._recorder = recorder
        self._connection = store.connection

    async def run(self) -> None:
        """Looks for ever."""
        while True:
            SUBSCRIBERS.set(self._hub.streams)
            VOTES_WAITING.set(self._recorder.waiting)
            STORE_UP.set(self._connection.is_up)
            await asyncio.sleep(LOOK_EVERY_S)
