"""Where a poll lies: in the slot of its id, or, with a home there that says so, in the slot of its series.

How. A poll of a series is made in three steps, since two slots may be two
servers: its id is claimed (a home is written where no poll and no other home
is), the poll is made with its series, and the claim is made fast for the poll
that is there now. Each step may be repeated, so a creation that broke off is
finished by sending it again. Reads look in the slot of the id first; finding
no poll but a home, they are told so in that very step, look in the series'
slot, and remember it. Whoever remembers wrongly finds nothing and begins again
at the id, so memory is never trusted. A poll without a series pays for none of
this.

Deleting goes the other way: the poll first, then its home, and only where the
home was claimed for that very poll (its birth), so that one made anew
meanwhile keeps its own. A claim whose poll was never made gives way to another
claim once no creation can still be about to make it.

Alternatives. A list of all ids in one slot would make every first read of any
poll ask two slots. Letting the id name its series would put the operators'
series into every address, and could never be changed.
"""

from __future__ import annotations

from typing import Final

from pollwire_server.domain.errors import PollExists
from pollwire_server.store.keys import audit_key, keys_of, location_key, scored_voters_key, series_keys
from pollwire_server.store.polls.cache import PollCache
from pollwire_server.store.transport.connection import StoreConnection
from pollwire_server.store.transport.function_library import ReplyCode

CLAIM_LIVES_MS: Final = 30_000
"""A claim without a poll holds for so long; a creation that takes longer has been given up by its caller."""
_TRIES: Final = 3


class PollLocations:
    """Who lies where, as the store has it."""

    def __init__(self, connection: StoreConnection, records: PollCache) -> None:
        self._connection = connection
        self._records = records

    def keys_of(self, poll_id: str) -> tuple[bytes, ...]:
        """As operators' functions take them: a poll's keys, its home or what its series keeps, its log."""
        namespace, series = self._connection.namespace, self._records.series_of(poll_id)
        beside = (location_key(namespace, poll_id),) if series is None else self._of_series(poll_id, series)
        return (*keys_of(namespace, poll_id, series), *beside, audit_key(namespace, poll_id, series))

    def _of_series(self, poll_id: str, series: str) -> tuple[bytes, ...]:
        namespace = self._connection.namespace
        return (*series_keys(namespace, series), scored_voters_key(namespace, poll_id, series))

    async def claim(self, poll_id: str, series: str, birth: str | bytes) -> None:
        """The id is to lie with the series. ``PollExists`` where a poll of it lies elsewhere."""
        namespace = self._connection.namespace
        keys = (keys_of(namespace, poll_id)[0], location_key(namespace, poll_id))
        for _ in range(_TRIES):
            answer, *claimed = await self._connection.call("claim", keys, (series, birth))
            if answer == ReplyCode.DONE.encode():
                self._records.set_location(poll_id, series)
                return
            if answer == ReplyCode.EXISTS.encode():
                break
            await self.release_stale_claim(poll_id, *claimed)
        raise PollExists(poll_id)

    async def release_stale_claim(self, poll_id: str, series: bytes, birth: bytes, at: int, now: int) -> None:
        """Gives up another claim of the id, whose poll was never made; else ``PollExists``."""
        keys = keys_of(self._connection.namespace, poll_id, series.decode())[:2]
        (answer, *_) = await self._connection.call("read", keys, (b"", b"", 0))
        if answer != ReplyCode.GONE.encode() or now - at < CLAIM_LIVES_MS:
            raise PollExists(poll_id)
        await self.release(poll_id, birth)

    async def release(self, poll_id: str, birth: bytes) -> None:
        """The poll of this birth is gone from its series; the id is free unless it was claimed since."""
        await self._connection.call("leave", (location_key(self._connection.namespace, poll_id),), (birth,))

    async def series_of(self, poll_id: str) -> str | None:
        """The series that the poll lies with, or lay with until it was deleted; None for all others."""
        known = self._records.series_of(poll_id)
        if known is not None or self._records.get(poll_id) is not None:
            return known
        key = location_key(self._connection.namespace, poll_id)
        held = await self._connection.command("HGET", key, "series")
        return None if held is None else held.decode()
