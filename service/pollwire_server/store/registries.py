"""Small replicated registries: API keys, issuers and webhooks.

How. A registry is one hash, which is always read completely. Each process caches
the last read, so a lookup never waits. It reads again after a change notification,
and every ``REFRESH_INTERVAL_S`` because notifications can be lost. A caller that
must not use an old copy passes its maximum age to ``read_fresh``.

So a change on one worker reaches all workers with a notification, or within
``REFRESH_INTERVAL_S`` if that is lost. After ``MAX_AGE_S`` without the store,
the cached members are no longer accepted.

Cost. Each process reads a few kilobytes a second. Alternatives: a read for each
request adds a round trip to every request; a time-to-live alone makes every change
wait for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from typing import Final

from pollwire_server.domain.errors import PollwireError, StoreUnavailable
from pollwire_server.store.keys import changes_channel, registry_key, uses_key
from pollwire_server.store.transport.connection import StoreConnection
from pollwire_server.store.transport.notifications import REGISTRY_PREFIX, ChangeNotifications
from pollwire_server.store.transport.single_flight import consume_exception

REFRESH_INTERVAL_S: Final = 1.0
MAX_AGE_S: Final = 2.0
"""Two refreshes, since one can be slow. A removed member must not stay valid through an outage."""
USE_PRECISION_S: Final = 60.0
"""Precision of the time of the last use. Each member is written at most once in this time."""


class CachedRegistry:
    """Cached registry: documents by id."""

    def __init__(self, connection: StoreConnection, notices: ChangeNotifications, name: str) -> None:
        self.members: Mapping[str, bytes] = {}
        """The last read. Every change replaces the mapping, so it can be compared by identity."""
        self._connection = connection
        self._name = name
        self._key = registry_key(connection.namespace, name)
        self._channel = changes_channel(connection.namespace)
        self._read_began_s = self._changed_s = float("-inf")
        self._reading: asyncio.Task[None] | None = None
        self._wake_event = asyncio.Event()
        notices.on_registry_change(self._on_change)
        notices.on_gap(self._wake)

    def is_fresh(self, within_s: float = MAX_AGE_S) -> bool:
        """Return True if the members were read at most ``within_s`` ago. Never waits."""
        return self._read_began_s >= time.monotonic() - within_s

    async def read_fresh(self, within_s: float = MAX_AGE_S) -> Mapping[str, bytes]:
        """Return members that are at most ``within_s`` old and include every change notified so far.

        Raises ``StoreUnavailable``.
        """
        asked_s = time.monotonic()
        while self._read_began_s < max(self._changed_s, asked_s - within_s):
            if self._reading is None or self._reading.done():
                self._reading = asyncio.create_task(self._read(), name=f"read {self._name}")
                self._reading.add_done_callback(consume_exception)
            await asyncio.shield(self._reading)
        return self.members

    async def put(self, member: str, document: bytes) -> None:
        """Store a member.

        Raises ``StoreUnavailable``; the member may be stored then, and a repeat is safe.
        """
        await self._connection.command("HSET", self._key, member, document)
        await self._notify()

    async def remove(self, member: str) -> bool:
        """Remove a member. Return True if it existed."""
        removed = await self._connection.command("HDEL", self._key, member)
        await self._notify()
        return int(removed) > 0

    async def run(self) -> None:
        """Refresh the members until cancelled."""
        while True:
            self._wake_event.clear()
            with contextlib.suppress(PollwireError):
                await self.read_fresh(0)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REFRESH_INTERVAL_S):
                    await self._wake_event.wait()

    async def _notify(self) -> None:
        self._wake()
        with contextlib.suppress(StoreUnavailable):  # the change is stored, and other workers refresh soon
            await self._connection.command("PUBLISH", self._channel, REGISTRY_PREFIX + self._name.encode())

    async def _read(self) -> None:
        began_s = time.monotonic()
        flat = await self._connection.command("HGETALL", self._key)
        members = {member.decode(): document for member, document in _pairs(flat)}
        if members != self.members:
            self.members = members
        self._read_began_s = began_s

    def _on_change(self, registry: str) -> None:
        if registry == self._name:
            self._wake()

    def _wake(self) -> None:
        self._changed_s = time.monotonic()
        self._wake_event.set()


class LastUsedTracker:
    """Times of last use of a registry's members, with a precision of one minute."""

    def __init__(self, connection: StoreConnection, registry: str) -> None:
        self._connection = connection
        self._key = uses_key(connection.namespace, registry)
        self._used: set[str] = set()
        self._written_s: dict[str, float] = {}

    def touch(self, member: str) -> None:
        """Mark the member as used now. Writes nothing yet."""
        if time.monotonic() - self._written_s.get(member, float("-inf")) >= USE_PRECISION_S:
            self._used.add(member)

    async def flush(self) -> None:
        """Write the marks. Raises ``StoreUnavailable``; the marks are kept for the next call."""
        if not self._used:
            return
        used, now, written_s = tuple(self._used), await self._connection.now(), time.monotonic()
        await self._connection.command("HSET", self._key, *(word for one in used for word in (one, now)))
        self._used.difference_update(used)
        self._written_s.update(dict.fromkeys(used, written_s))

    async def discard(self, member: str) -> None:
        """Delete the time of the member's last use."""
        self._used.discard(member)
        self._written_s.pop(member, None)
        await self._connection.command("HDEL", self._key, member)

    async def all(self) -> dict[str, int]:
        """Return the times of last use in milliseconds since the epoch. Unused members are absent."""
        flat = await self._connection.command("HGETALL", self._key)
        return {member.decode(): int(at) for member, at in _pairs(flat)}

    async def run(self) -> None:
        """Flush marks until cancelled."""
        while True:
            await asyncio.sleep(REFRESH_INTERVAL_S)
            with contextlib.suppress(PollwireError):
                await self.flush()


def _pairs(flat: object) -> list[tuple[bytes, bytes]]:
    """Return the pairs of a HGETALL reply, which is a flat list or a dict."""
    if isinstance(flat, dict):
        return list(flat.items())
    assert isinstance(flat, list)
    return list(zip(flat[::2], flat[1::2], strict=True))
