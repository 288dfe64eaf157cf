"""Events on their way out of the polls' slots, and when to look for more.

How. Steps that change a poll write what happened into an outbox in the poll's
own slot (``includes/outbox.lua``): a cluster has no step over two slots, so
they cannot write into the queues of the sites that are to be told. Whoever
looks at a poll (``look``) gets what lies there, hands it on, and takes it out
(``handed``). Looking is also what writes down what the clock did and how the
vote goes on; a step by itself, so any number may look at one time.

When to look. ``dues`` is one sorted set: polls by the instant at which there
will be something to see. Before every operator's step its poll is marked as
due at once, and looked at twice, ``LOOK_AGAIN_MS`` apart, because the step may
come after the first look. A notice, heard by chance, only makes it quicker.
``walk`` marks every poll there is, for what may have got lost all the same.

So no event depends on a worker that lives, on a notice, or on anybody who
watches; a poll whose hour comes while all workers are down is told of when
one is back, with the instant at which it happened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from pollwire_server.domain.events import Event, EventKind
from pollwire_server.domain.poll import Poll
from pollwire_server.domain.tally import Tally
from pollwire_server.store.keys import OUTBOX, keys_of, outbox_scan_keys, relay_key, schedule_key
from pollwire_server.store.polls.cache import PollCache, poll_of
from pollwire_server.store.polls.index import PollIndex
from pollwire_server.store.polls.location import PollLocations
from pollwire_server.store.transport.connection import FunctionCall, StoreConnection

AT_ONCE: Final = 0
ENTRIES_OF_LOOK: Final = 50
LOOK_AGAIN_MS: Final = 5_000
"""Longer than any step that was begun before the first look can still be on its way."""
_DUE_AT_ONCE: Final = 100
_WALKED_AT_ONCE: Final = 1_000
_TOMBSTONE: Final = b"gone"


class DuePoll(NamedTuple):
    """A poll, and the instant at which it was to be looked at (the score of its entry)."""

    place: str
    """The poll's id, and after a blank the series with which it lies, if it does."""
    at: int

    @property
    def poll_id(self) -> str:
        """The poll's id."""
        return self.place.partition(" ")[0]


class OutboxScan(msgspec.Struct, frozen=True):
    """What was found in one poll's outbox, the oldest first."""

    now: int
    next_at: int | None
    events: list[Event]
    entries: list[bytes]
    """What to take out once all events were handed on; also what is no event (any more)."""

    is_there: bool
    """Whether there is a poll at the place."""

    scoring: bytes | None
    """Where scores that are being given or taken back stand; None where none are."""

    @property
    def is_full(self) -> bool:
        """Whether there may be more than one look can tell (``scan_outbox.lua``)."""
        return len(self.entries) >= ENTRIES_OF_LOOK


class Outbox:
    """The outboxes of a namespace."""

    def __init__(self, connection: StoreConnection, records: PollCache, homes: PollLocations) -> None:
        self._connection = connection
        self._records = records
        self._homes = homes
        self._index = PollIndex(connection)
        self._dues = schedule_key(connection.namespace)
        self._turn = relay_key(connection.namespace)

    async def acquire_lease(self, name: str, lasts_ms: int) -> bool:
        """Whether it is the turn of the worker of this name, and so for so long. ``StoreUnavailable``."""
        held = await self._connection.command("GET", self._turn)
        if held == name.encode():
            return bool(await self._connection.command("SET", self._turn, name, "XX", "PX", lasts_ms))
        return bool(await self._connection.command("SET", self._turn, name, "NX", "PX", lasts_ms))

    async def release_lease(self, name: str) -> None:
        """The turn is anybody's, if it is this worker's. ``StoreUnavailable``: it ends by itself."""
        if await self._connection.command("GET", self._turn) == name.encode():
            await self._connection.command("DEL", self._turn)

    async def mark_due(self, poll_id: str) -> None:
        """The poll is about to change: it is looked at as soon as may be, and again. ``StoreUnavailable``."""
        await self._connection.command("ZADD", self._dues, AT_ONCE, self.place_of(poll_id))

    def place_of(self, poll_id: str) -> str:
        """Where this process knows the poll to lie."""
        series = self._records.series_of(poll_id)
        return poll_id if series is None else f"{poll_id} {series}"

    async def moved(self, place: str) -> str | None:
        """Where a poll lies that was not found in the slot of its id; marked there. ``StoreUnavailable``."""
        if " " in place or (series := await self._homes.series_of(place)) is None:
            return None
        self._records.set_location(place, series)
        await self.mark_due(place)
        return self.place_of(place)

    async def mark_all_due(self) -> int:
        """Marks every poll that is not marked; how many polls there are. ``StoreUnavailable``."""
        place, met = None, 0
        while True:
            entries = await self._index.after(place, _WALKED_AT_ONCE)
            if entries:
                words = (word for entry in entries for word in (AT_ONCE, entry.poll_id))
                await self._connection.command("ZADD", self._dues, "NX", *words)
            met += len(entries)
            if len(entries) < _WALKED_AT_ONCE:
                return met
            place = entries[-1]

    async def dues(self) -> list[DuePoll]:
        """The polls to be looked at next, the earliest first, also those ahead. ``StoreUnavailable``."""
        words = ("ZRANGE", self._dues, 0, _DUE_AT_ONCE - 1, "WITHSCORES")
        flat = await self._connection.command(*words)
        return [DuePoll(name.decode(), int(score)) for name, score in zip(flat[::2], flat[1::2], strict=True)]

    async def scan_many(self, places: Sequence[str], progress_ms: int | None) -> list[OutboxScan | Exception]:
        """What the poll at each place has to tell, ``StoreUnavailable`` in its place; one round trip.

        ``progress_ms``: the least pause between two events that tell how the vote goes on; None: none are.
        """
        pause = "" if progress_ms is None else progress_ms
        calls = [FunctionCall("scan_outbox", outbox_scan_keys(*self._where(place)), (pause,)) for place in places]
        replies = await self._connection.call_many(calls)
        return [reply if isinstance(reply, Exception) else _look_from(reply) for reply in replies]

    async def acknowledge(self, place: str, entries: Sequence[bytes]) -> None:
        """The entries were handed on. ``StoreUnavailable``: they are found again, and may be again."""
        await self._connection.call("ack_outbox", keys_of(*self._where(place))[OUTBOX : OUTBOX + 1], entries)

    def _where(self, place: str) -> tuple[str, str, str | None]:
        poll_id, _, series = place.partition(" ")
        return self._connection.namespace, poll_id, series or None

    async def reschedule(self, due: DuePoll, look: OutboxScan) -> None:
        """The poll was looked at; a mark that was made since stands."""
        next_at = look.next_at
        if due.at == AT_ONCE:
            again = look.now + LOOK_AGAIN_MS
            next_at = again if next_at is None else min(next_at, again)
        coming = "" if next_at is None else next_at
        await self._connection.call("reschedule_poll", (self._dues,), (due.place, due.at, coming))


def _look_from(reply: Any) -> OutboxScan:
    now, next_at, found, doc, scoring = reply
    entries = [(entry, dict(zip(flat[::2], flat[1::2], strict=True))) for entry, flat in found]
    is_there = doc is not None
    for _, fields in entries:
        if fields[b"type"] == _TOMBSTONE:
            doc = doc or fields[b"doc"]
    events = [_event(fields, doc) for _, fields in entries if doc and fields[b"type"] in _KINDS]
    taken = [entry for entry, _ in entries]
    return OutboxScan(now, None if next_at < 0 else next_at, events, taken, is_there, scoring)


_KINDS: Final = frozenset(kind.value.encode() for kind in EventKind)


def _event(fields: Mapping[bytes, bytes], doc: bytes) -> Event:
    life = msgspec.json.decode(fields[b"life"], type=dict[str, str])
    poll: Poll = poll_of(doc, {name.encode(): value.encode() for name, value in life.items()})
    flat = msgspec.json.decode(fields[b"totals"])
    held: dict[str, str] = dict(zip(flat[::2], flat[1::2], strict=True)) if flat else {}
    tally = Tally(
        epoch=held.pop("epoch", ""),
        seq=int(held.pop("seq", 0)),
        voters=int(held.pop("voters", 0)),
        counts={letter: int(count) for letter, count in held.items()},
        now=int(fields[b"now"]),
    )
    kind = EventKind(fields[b"type"].decode())
    return Event(fields[b"id"].decode(), kind, int(fields[b"at"]), poll, tally)
