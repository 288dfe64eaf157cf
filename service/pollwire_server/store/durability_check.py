"""Durability check of the store: reports settings that can lose answered votes.

An answered vote is safe if the store writes it to disk before it replies
(append-only, fsync always) and never evicts it. The embedded store is configured
so. An external store is configured by its owner, so its settings are read at the
start, after each outage (another server may reply then), and at intervals, since
settings can change at run time. Each weakness is one sentence: what can be lost,
and what to set. It is logged once when it appears, and ``/readyz`` shows it until
it is gone. No request is rejected for it: a classroom poll may accept the risk.

Clocks are compared as well. Voting windows use only the store's clock, so a skew
does not falsify results. But people compare pages with their own clocks, tokens
expire by this machine's clock, and the masters of a cluster have separate clocks.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from redis.exceptions import ResponseError

from pollwire_server.domain.errors import StoreUnavailable
from pollwire_server.store.transport.connection import StoreConnection
from pollwire_server.store.transport.function_library import info_field, reply_per_master

log = logging.getLogger("pollwire.store")

CHECK_INTERVAL_S: Final = 5.0
"""Each check is three small commands."""
POLL_INTERVAL_S: Final = 0.5
"""Interval between checks for a reconnect. These send nothing."""
MAX_SKEW_S: Final = 5.0
"""Far above what NTP leaves, far below what a person would notice in a closing time."""
MAX_NODE_SKEW_S: Final = 2.0
OLDEST_MAINTAINED: Final = (7, 2)
"""Redis 7.0 runs the functions, but gets no more fixes."""

_ASKED: Final = ("maxmemory-policy", "appendonly", "appendfsync")


class DurabilityMonitor:
    """Weaknesses found by the last check. ``run`` keeps them current."""

    def __init__(self, connection: StoreConnection) -> None:
        self._connection = connection
        self.notes: tuple[str, ...] = ()

    async def run(self) -> None:
        """Check and report until cancelled."""
        seen, due = -1, 0.0
        while True:
            connection = self._connection
            await connection.wait_up()
            if connection.reconnect_count != seen or time.monotonic() >= due:
                opening = connection.reconnect_count
                try:
                    self._report(await self.check())
                except StoreUnavailable:
                    await asyncio.sleep(POLL_INTERVAL_S)
                    continue
                seen, due = opening, time.monotonic() + CHECK_INTERVAL_S
            await asyncio.sleep(POLL_INTERVAL_S)

    async def check(self) -> tuple[str, ...]:
        """Return the weaknesses of all masters, one sentence each. Raises ``StoreUnavailable``."""
        return (*await self._settings(), *await self._versions(), *await self._clocks())

    def _report(self, notes: tuple[str, ...]) -> None:
        for note in notes:
            if note not in self.notes:
                log.warning("%s", note)
        if self.notes and not notes:
            log.info("Store durability: all weaknesses are fixed.")
        self.notes = notes

    async def _settings(self) -> tuple[str, ...]:
        try:
            answers = reply_per_master(await self._connection.on_all_masters("CONFIG", "GET", *_ASKED))
        except ResponseError:
            return (
                "The store does not allow CONFIG GET, so its durability is unknown; make sure that it has "
                "appendonly yes, appendfsync always and maxmemory-policy noeviction.",
            )
        return tuple(dict.fromkeys(note for answer in answers for note in _weaknesses(_pairs(answer))))

    async def _versions(self) -> tuple[str, ...]:
        answers = reply_per_master(await self._connection.on_all_masters("INFO", "server"))
        versions = {info_field(answer, "redis_version") for answer in answers}
        return tuple(
            f"The store is Redis {version}, which gets no more fixes; use Valkey, or Redis 7.2 or later."
            for version in sorted(versions)
            if _is_old(version)
        )

    async def _clocks(self) -> tuple[str, ...]:
        began = time.time()
        answers = reply_per_master(await self._connection.on_all_masters("TIME"))
        ours = (began + time.time()) / 2
        clocks = [int(seconds) + int(micros) / 1e6 for seconds, micros in answers]
        notes = []
        if max(abs(clock - ours) for clock in clocks) > MAX_SKEW_S:
            notes.append(
                f"The clocks of the store and of this machine are more than {MAX_SKEW_S:.0f} s apart. Polls "
                "open and close by the store's clock; synchronize both with NTP."
            )
        if max(clocks) - min(clocks) > MAX_NODE_SKEW_S:
            notes.append(
                f"The clocks of the store's servers are more than {MAX_NODE_SKEW_S:.0f} s apart, "
                "and each poll uses the clock of its own server; synchronize them with NTP."
            )
        return tuple(notes)


def _weaknesses(settings: Mapping[str, str]) -> Iterator[str]:
    policy = settings.get("maxmemory-policy", "noeviction")
    if policy != "noeviction":
        yield (
            f"The store may evict votes when its memory is full (maxmemory-policy {policy}); "
            "set maxmemory-policy noeviction."
        )
    if settings.get("appendonly") == "no":
        yield (
            "The store writes no append-only file. A crash loses all answered votes since its last snapshot; "
            "set appendonly yes."
        )
    elif (fsync := settings.get("appendfsync", "always")) != "always":
        lost = "up to one second of" if fsync == "everysec" else "the last half minute of"
        yield (
            f"A crash of the store's machine can lose {lost} answered votes (appendfsync {fsync}); "
            "set appendfsync always."
        )


def _pairs(answer: Any) -> dict[str, str]:
    """Return the pairs of a CONFIG GET reply, which is a flat list or a mapping."""
    if isinstance(answer, dict):
        return {_text(name): _text(value) for name, value in answer.items()}
    return {_text(name): _text(value) for name, value in zip(answer[::2], answer[1::2], strict=True)}


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _is_old(version: str) -> bool:
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    return bool(numbers) and numbers < OLDEST_MAINTAINED
