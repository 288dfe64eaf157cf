"""Small lists that every worker knows by heart: operators' keys, and the sites that vouch for voters.

How. A roster is one hash, read whole. Each process holds what it read last,
so that a member is looked up without waiting, and reads it again whenever a
notice says that it changed, and every ``LOOK_EVERY_S`` because notices may be
lost. Who must not go by an old list asks ``fresh`` how old it may be.

So a change made on one worker is known to all within the way of a notice,
within ``LOOK_EVERY_S`` where that is lost, and after ``MOST_STALE_S`` without
the store nobody is believed any more by what is remembered of them.

Cost. One read of a few kilobytes a second and process. Alternatives: asking
the store at each request puts a round trip before every one of them; a
time-to-live alone is a bound that everybody waits out.
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
MOST_STALE_S: Final = 2.0
"""Two looks: one may be slow, and a member struck off must not outlive an outage."""
USE_NOTED_EVERY_S: Final = 60.0
"""How exact the time of the last use is; between two notes of one member nothing is written."""


class CachedRegistry:
    """One list of documents by id, as this process knows it."""

    def __init__(self, connection: StoreConnection, notices: ChangeNotifications, name: str) -> None:
        self.members: Mapping[str, bytes] = {}
        """As last read; replaced as a whole, so it may be compared by identity."""
        self._connection = connection
        self._name = name
        self._key = registry_key(connection.namespace, name)
        self._channel = changes_channel(connection.namespace)
        self._read_began_s = self._changed_s = float("-inf")
        self._reading: asyncio.Task[None] | None = None
        self._woken = asyncio.Event()
        notices.on_registry_change(self._heard)
        notices.on_gap(self._wake)

    def is_fresh(self, within_s: float = MOST_STALE_S) -> bool:
        """Whether the members were read at most ``within_s`` ago, for who cannot wait until they are."""
        return self._read_began_s >= time.monotonic() - within_s

    async def fresh(self, within_s: float = MOST_STALE_S) -> Mapping[str, bytes]:
        """The members by a read that began at most ``within_s`` before this call, and after every change
        heard of until then. Raises ``StoreUnavailable``."""
        asked_s = time.monotonic()
        while self._read_began_s < max(self._changed_s, asked_s - within_s):
            if self._reading is None or self._reading.done():
                self._reading = asyncio.create_task(self._read(), name=f"read {self._name}")
                self._reading.add_done_callback(consume_exception)
            await asyncio.shield(self._reading)
        return self.members

    async def put(self, member: str, document: bytes) -> None:
        """The member is this from now on. ``StoreUnavailable``: perhaps, and it may be put again."""
        await self._connection.command("HSET", self._key, member, document)
        await self._tell()

    async def remove(self, member: str) -> bool:
        """The member is none from now on; whether it was one."""
        struck = await self._connection.command("HDEL", self._key, member)
        await self._tell()
        return int(struck) > 0

    async def run(self) -> None:
        """Keep the members known until cancelled."""
        while True:
            self._woken.clear()
            with contextlib.suppress(PollwireError):
                await self.fresh(0)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REFRESH_INTERVAL_S):
                    await self._woken.wait()

    async def _tell(self) -> None:
        self._wake()
        with contextlib.suppress(StoreUnavailable):  # it is done; the others look for themselves soon
            await self._connection.command("PUBLISH", self._channel, REGISTRY_PREFIX + self._name.encode())

    async def _read(self) -> None:
        began_s = time.monotonic()
        flat = await self._connection.command("HGETALL", self._key)
        members = {member.decode(): document for member, document in _pairs(flat)}
        if members != self.members:
            self.members = members
        self._read_began_s = began_s

    def _heard(self, roster: str) -> None:
        if roster == self._name:
            self._wake()

    def _wake(self) -> None:
        self._changed_s = time.monotonic()
        self._woken.set()


class LastUsedTracker:
    """When members of a roster were last used, to the minute, at one small write a minute and member."""

    def __init__(self, connection: StoreConnection, roster: str) -> None:
        self._connection = connection
        self._key = uses_key(connection.namespace, roster)
        self._used: set[str] = set()
        self._noted_s: dict[str, float] = {}

    def touch(self, member: str) -> None:
        """The member is used now; free."""
        if time.monotonic() - self._noted_s.get(member, float("-inf")) >= USE_NOTED_EVERY_S:
            self._used.add(member)

    async def flush(self) -> None:
        """Write down what was marked. ``StoreUnavailable``: it is tried again."""
        if not self._used:
            return
        used, now, noted_s = tuple(self._used), await self._connection.now(), time.monotonic()
        await self._connection.command("HSET", self._key, *(word for one in used for word in (one, now)))
        self._used.difference_update(used)
        self._noted_s.update(dict.fromkeys(used, noted_s))

    async def forget(self, member: str) -> None:
        """Nothing is known of the member's use any more."""
        self._used.discard(member)
        self._noted_s.pop(member, None)
        await self._connection.command("HDEL", self._key, member)

    async def all(self) -> dict[str, int]:
        """When each was last used, in milliseconds since the epoch; those never used are not there."""
        flat = await self._connection.command("HGETALL", self._key)
        return {member.decode(): int(at) for member, at in _pairs(flat)}

    async def run(self) -> None:
        """Write uses down until cancelled."""
        while True:
            await asyncio.sleep(REFRESH_INTERVAL_S)
            with contextlib.suppress(PollwireError):
                await self.flush()


def _pairs(flat: object) -> list[tuple[bytes, bytes]]:
    """A hash as the client gives it: pairs in a row, or a dict already."""
    if isinstance(flat, dict):
        return list(flat.items())
    assert isinstance(flat, list)
    return list(zip(flat[::2], flat[1::2], strict=True))
