"""Sentinels, which tell who is the master: all are asked at once, and the newest that is told is believed.

A machine that fails takes the master and a Sentinel with it as like as not.
Asked one after the other, as the client does it, one that is silent uses up
nearly all the time that a call has, and two of them more than that, each time
anew. And one that was cut off goes on telling what was; each failover has a
higher ``config-epoch``, so the highest among those who answer within
``OTHERS_WITHIN_S`` is the latest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from redis.asyncio import Redis
from redis.asyncio.sentinel import MasterNotFoundError, Sentinel
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from pollwire_server.store.transport.fan_out import gather_replies

OTHERS_WITHIN_S: Final = 0.2
"""How long those who have told wait for the others."""

_SILENT: Final = (RedisConnectionError, RedisTimeoutError, ResponseError)


class SentinelGroup(Sentinel):
    """The Sentinels at ``hosts``."""

    def __init__(self, hosts: Sequence[tuple[str, int]], settings: Mapping[str, Any]) -> None:
        super().__init__(hosts, sentinel_kwargs=dict(settings))  # type: ignore[no-untyped-call]

    def master(self, service: str, settings: Mapping[str, Any]) -> Redis:
        """A client for whichever server is the master of the service at the time."""
        client: Redis = self.master_for(service, **settings)
        return client

    async def discover_master(self, service_name: str) -> tuple[str, int]:
        """Where the master listens, asked before each new connection; ``MasterNotFoundError``."""
        asked = [asyncio.create_task(self._told_by(one, service_name)) for one in self.sentinels]
        told = await gather_replies(asked, asked, OTHERS_WITHIN_S)
        newest = max(told, key=lambda state: int(state["config-epoch"]))
        return newest["ip"], newest["port"]

    async def _told_by(self, sentinel: Redis, service: str) -> Mapping[str, Any]:
        """What one Sentinel knows of the master; ``MasterNotFoundError`` where it knows none that is up, or
        says nothing."""
        try:
            masters: Any = await sentinel.sentinel_masters()  # by service; its stub allows for RESP3 too
        except _SILENT as silence:
            raise MasterNotFoundError(f"no Sentinel names a master for {service!r}") from silence
        state: dict[str, Any] | None = masters.get(service)
        if not state or not self.check_master_state(state, service):
            raise MasterNotFoundError(f"no Sentinel names a master for {service!r}")
        return state
