"""What the store that was given promises, read from itself and told where it is less than this service does.

An answered vote is kept if the store writes it to disk before it answers
(append-only, fsync always) and never evicts it. The private store is set so;
one that was given is somebody else's to set, so it is asked: at first, after
each outage (another server may answer then), and every minute, for settings
change while a server runs. Each weakness is a sentence that says what can be
lost and what to set. It is logged once, when it appears, and stands on
``/readyz`` until it is gone. Nothing is refused for it: a poll in a classroom
may well do without.

Clocks are compared as well. Windows go by the store's alone, so that a skew
falsifies nothing; but people compare what pages say with their own clocks, tokens expire by
this machine's, and the polls of a cluster lie on servers with clocks of their own.
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

AGAIN_AFTER_S: Final = 5.0
"""Three small commands."""
GLANCE_S: Final = 0.5
"""Between two looks at whether the store was away meanwhile; no call."""
MOST_SKEW_S: Final = 5.0
"""Far above what NTP leaves, far below what a person would notice in a closing time."""
MOST_SKEW_BETWEEN_NODES_S: Final = 2.0
NEWER_THAN: Final = (7, 2)
"""Redis 7.0 runs the functions, and gets no more mends."""

_ASKED: Final = ("maxmemory-policy", "appendonly", "appendfsync")


class DurabilityMonitor:
    """What is weaker than promised, as it was last found; ``run`` keeps it true."""

    def __init__(self, connection: StoreConnection) -> None:
        self._connection = connection
        self.notes: tuple[str, ...] = ()

    async def run(self) -> None:
        """Look, tell, and look again; never ends."""
        seen, due = -1, 0.0
        while True:
            connection = self._connection
            await connection.wait_up()
            if connection.reconnect_count != seen or time.monotonic() >= due:
                opening = connection.reconnect_count
                try:
                    self._tell(await self.check())
                except StoreUnavailable:
                    await asyncio.sleep(GLANCE_S)
                    continue
                seen, due = opening, time.monotonic() + AGAIN_AFTER_S
            await asyncio.sleep(GLANCE_S)

    async def check(self) -> tuple[str, ...]:
        """The weaknesses of every master, one sentence each; ``StoreUnavailable``."""
        return (*await self._settings(), *await self._versions(), *await self._clocks())

    def _tell(self, notes: tuple[str, ...]) -> None:
        for note in notes:
            if note not in self.notes:
                log.warning("%s", note)
        if self.notes and not notes:
            log.info("The store promises now what this service does.")
        self.notes = notes

    async def _settings(self) -> tuple[str, ...]:
        try:
            answers = reply_per_master(await self._connection.on_all_masters("CONFIG", "GET", *_ASKED))
        except ResponseError:
            return (
                "The store does not tell its settings (CONFIG GET is not allowed), so whether it keeps every "
                "answered vote is not known; it should have appendonly yes, appendfsync always and "
                "maxmemory-policy noeviction.",
            )
        return tuple(dict.fromkeys(note for answer in answers for note in _weaknesses(_pairs(answer))))

    async def _versions(self) -> tuple[str, ...]:
        answers = reply_per_master(await self._connection.on_all_masters("INFO", "server"))
        versions = {info_field(answer, "redis_version") for answer in answers}
        return tuple(
            f"The store is Redis {version}, which gets no more mends; take Valkey, or Redis 7.2 or later."
            for version in sorted(versions)
            if _is_old(version)
        )

    async def _clocks(self) -> tuple[str, ...]:
        began = time.time()
        answers = reply_per_master(await self._connection.on_all_masters("TIME"))
        ours = (began + time.time()) / 2
        clocks = [int(seconds) + int(micros) / 1e6 for seconds, micros in answers]
        notes = []
        if max(abs(clock - ours) for clock in clocks) > MOST_SKEW_S:
            notes.append(
                f"The clocks of the store and of this machine are more than {MOST_SKEW_S:.0f} s apart. Polls "
                "open and close by the store's; set both by NTP."
            )
        if max(clocks) - min(clocks) > MOST_SKEW_BETWEEN_NODES_S:
            notes.append(
                f"The clocks of the store's servers are more than {MOST_SKEW_BETWEEN_NODES_S:.0f} s apart, "
                "and each poll goes by that of its own server; set them by NTP."
            )
        return tuple(notes)


def _weaknesses(settings: Mapping[str, str]) -> Iterator[str]:
    policy = settings.get("maxmemory-policy", "noeviction")
    if policy != "noeviction":
        yield (
            f"The store may forget votes when its memory is full (maxmemory-policy {policy}); "
            "set maxmemory-policy noeviction."
        )
    if settings.get("appendonly") == "no":
        yield (
            "The store writes no append-only file: its end loses all answered votes since its last snapshot; "
            "set appendonly yes."
        )
    elif (fsync := settings.get("appendfsync", "always")) != "always":
        lost = "up to one second of" if fsync == "everysec" else "the last half minute of"
        yield (
            f"The end of the store's machine may lose {lost} answered votes (appendfsync {fsync}); "
            "set appendfsync always."
        )


def _pairs(answer: Any) -> dict[str, str]:
    """CONFIG GET's answer: a flat list, or already a mapping."""
    if isinstance(answer, dict):
        return {_text(name): _text(value) for name, value in answer.items()}
    return {_text(name): _text(value) for name, value in zip(answer[::2], answer[1::2], strict=True)}


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _is_old(version: str) -> bool:
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    return bool(numbers) and numbers < NEWER_THAN
