"""Outbox of each poll, and the schedule of outbox scans.

How. A step that changes a poll appends an event to an outbox in the poll's own
slot (``includes/outbox.lua``). It cannot append to the queues of the webhooks,
because a cluster has no step over two slots. A worker scans the outbox, adds the
events to the queues, and acknowledges them. A scan also appends the events of the
clock and of progress. Each scan is one step, so several workers may scan at once.

When to scan. The schedule is one sorted set: polls by the time of their next scan.
Every admin action first marks its poll as due at once. The poll is then scanned
twice, ``LOOK_AGAIN_MS`` apart, because the action may complete after the first
scan. Change notifications only make the scan faster. ``mark_all_due`` marks every
poll, in case a mark was lost.

So no event depends on a live worker, a notification or a subscriber. If all
workers are down when a poll opens, its event is sent after the next start, with
the time at which the poll opened.
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
"""Longer than an action that began before the first scan can take."""
_DUE_AT_ONCE: Final = 100
_WALKED_AT_ONCE: Final = 1_000
_TOMBSTONE: Final = b"gone"


class DuePoll(NamedTuple):
    """A scheduled poll and the time of its scan (the score of its entry)."""

    place: str
    """The poll id, followed by a blank and the series if the poll has one."""
    at: int

    @property
    def poll_id(self) -> str:
        """Return the poll id."""
        return self.place.partition(" ")[0]


class OutboxScan(msgspec.Struct, frozen=True):
    """Result of scanning the outbox of one poll, oldest event first."""

    now: int
    next_at: int | None
    events: list[Event]
    entries: list[bytes]
    """Stream ids to acknowledge after the events are queued, including entries that are not events."""

    is_there: bool
    """True if the poll exists at this location."""

    scoring: bytes | None
    """Progress of a running scoring; None if none is running."""

    @property
    def is_full(self) -> bool:
        """Return True if the outbox may have more entries than one scan returns (``scan_outbox.lua``)."""
        return len(self.entries) >= ENTRIES_OF_LOOK


class Outbox:
    """Outboxes and scan schedule of a namespace."""

    def __init__(self, connection: StoreConnection, polls: PollCache, locations: PollLocations) -> None:
        self._connection = connection
        self._polls = polls
        self._locations = locations
        self._index = PollIndex(connection)
        self._schedule = schedule_key(connection.namespace)
        self._lease = relay_key(connection.namespace)

    async def acquire_lease(self, name: str, lasts_ms: int) -> bool:
        """Acquire or extend the relay lease.

        Return True if this worker has it. Raises ``StoreUnavailable``.
        """
        holder = await self._connection.command("GET", self._lease)
        if holder == name.encode():
            return bool(await self._connection.command("SET", self._lease, name, "XX", "PX", lasts_ms))
        return bool(await self._connection.command("SET", self._lease, name, "NX", "PX", lasts_ms))

    async def release_lease(self, name: str) -> None:
        """Release the relay lease if this worker has it.

        Raises ``StoreUnavailable``; the lease then expires.
        """
        if await self._connection.command("GET", self._lease) == name.encode():
            await self._connection.command("DEL", self._lease)

    async def mark_due(self, poll_id: str) -> None:
        """Schedule a scan at once, and a second one, before a change of the poll.

        Raises ``StoreUnavailable``.
        """
        await self._connection.command("ZADD", self._schedule, AT_ONCE, self.place_of(poll_id))

    def place_of(self, poll_id: str) -> str:
        """Return the cached location of the poll, in the form of ``DuePoll.place``."""
        series = self._polls.series_of(poll_id)
        return poll_id if series is None else f"{poll_id} {series}"

    async def moved(self, place: str) -> str | None:
        """Return the new location of a poll that moved to a series, and mark it due there.

        Return None if it did not move. Raises ``StoreUnavailable``.
        """
        if " " in place or (series := await self._locations.series_of(place)) is None:
            return None
        self._polls.set_location(place, series)
        await self.mark_due(place)
        return self.place_of(place)

    async def mark_all_due(self) -> int:
        """Mark every poll that has no mark. Return the number of polls. Raises ``StoreUnavailable``."""
        place, polls = None, 0
        while True:
            entries = await self._index.after(place, _WALKED_AT_ONCE)
            if entries:
                words = (word for entry in entries for word in (AT_ONCE, entry.poll_id))
                await self._connection.command("ZADD", self._schedule, "NX", *words)
            polls += len(entries)
            if len(entries) < _WALKED_AT_ONCE:
                return polls
            place = entries[-1]

    async def dues(self) -> list[DuePoll]:
        """Return the next scheduled polls, earliest first, including future ones.

        Raises ``StoreUnavailable``.
        """
        words = ("ZRANGE", self._schedule, 0, _DUE_AT_ONCE - 1, "WITHSCORES")
        flat = await self._connection.command(*words)
        return [DuePoll(name.decode(), int(score)) for name, score in zip(flat[::2], flat[1::2], strict=True)]

    async def scan_many(self, places: Sequence[str], progress_ms: int | None) -> list[OutboxScan | Exception]:
        """Scan many outboxes in one round trip. A scan without a reply is returned as ``StoreUnavailable``.

        ``progress_ms`` is the minimum interval between two progress events; None adds none.
        """
        pause = "" if progress_ms is None else progress_ms
        calls = [
            FunctionCall("scan_outbox", outbox_scan_keys(*self._where(place)), (pause,)) for place in places
        ]
        replies = await self._connection.call_many(calls)
        return [reply if isinstance(reply, Exception) else _scan_from(reply) for reply in replies]

    async def acknowledge(self, place: str, entries: Sequence[bytes]) -> None:
        """Remove entries after their events were queued.

        Raises ``StoreUnavailable``; the entries are then found and queued again, which is harmless.
        """
        await self._connection.call("ack_outbox", keys_of(*self._where(place))[OUTBOX : OUTBOX + 1], entries)

    def _where(self, place: str) -> tuple[str, str, str | None]:
        poll_id, _, series = place.partition(" ")
        return self._connection.namespace, poll_id, series or None

    async def reschedule(self, due: DuePoll, scan: OutboxScan) -> None:
        """Set the next scan of the poll after a scan. A mark that was made since is kept."""
        next_at = scan.next_at
        if due.at == AT_ONCE:
            again = scan.now + LOOK_AGAIN_MS
            next_at = again if next_at is None else min(next_at, again)
        coming = "" if next_at is None else next_at
        await self._connection.call("reschedule_poll", (self._schedule,), (due.place, due.at, coming))


def _scan_from(reply: Any) -> OutboxScan:
    now, next_at, found, doc, scoring = reply
    entries = [(entry, dict(zip(flat[::2], flat[1::2], strict=True))) for entry, flat in found]
    is_there = doc is not None
    for _, fields in entries:
        if fields[b"type"] == _TOMBSTONE:
            doc = doc or fields[b"doc"]
    events = [_event(fields, doc) for _, fields in entries if doc and fields[b"type"] in _KINDS]
    entry_ids = [entry for entry, _ in entries]
    return OutboxScan(now, None if next_at < 0 else next_at, events, entry_ids, is_there, scoring)


_KINDS: Final = frozenset(kind.value.encode() for kind in EventKind)


def _event(fields: Mapping[bytes, bytes], doc: bytes) -> Event:
    life = msgspec.json.decode(fields[b"life"], type=dict[str, str])
    poll: Poll = poll_of(doc, {name.encode(): value.encode() for name, value in life.items()})
    flat = msgspec.json.decode(fields[b"totals"])
    totals: dict[str, str] = dict(zip(flat[::2], flat[1::2], strict=True)) if flat else {}
    tally = Tally(
        epoch=totals.pop("epoch", ""),
        seq=int(totals.pop("seq", 0)),
        voters=int(totals.pop("voters", 0)),
        counts={letter: int(count) for letter, count in totals.items()},
        now=int(fields[b"now"]),
    )
    kind = EventKind(fields[b"type"].decode())
    return Event(fields[b"id"].decode(), kind, int(fields[b"at"]), poll, tally)
