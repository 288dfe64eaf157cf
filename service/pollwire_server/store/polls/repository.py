"""Repository of polls: create, edit by version, apply lifecycle actions, delete, and list newest first."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from pollwire_server.domain.audit import diff_polls
from pollwire_server.domain.errors import (
    EditRefused,
    InvalidPoll,
    PhaseConflict,
    PollExists,
    PollNotFound,
    PollwireError,
    StoreUnavailable,
    VersionMismatch,
)
from pollwire_server.domain.poll import Kind, Poll
from pollwire_server.domain.window import LifecycleAction, Phase
from pollwire_server.store.keys import changes_channel
from pollwire_server.store.polls.audit_log import BY_SERVICE
from pollwire_server.store.polls.cache import PollCache, PollRecord, document_of, snapshot_from
from pollwire_server.store.polls.index import Cursor, PollIndex
from pollwire_server.store.polls.location import PollLocations
from pollwire_server.store.results.positions import PositionTracker
from pollwire_server.store.results.reader import PollReading, ResultReader
from pollwire_server.store.transport.connection import StoreConnection
from pollwire_server.store.transport.function_library import ReplyCode
from pollwire_server.store.transport.notifications import ChangeNotification
from pollwire_server.store.transport.single_flight import SingleFlight
from pollwire_server.store.webhooks.outbox import Outbox

__all__ = ["PollRecord", "Polls"]

_VOTER_KEY_BYTES: Final = 32
_INCARNATION_BYTES: Final = 6
_LIST_BATCH: Final = 100
"""Polls that a list reads in one round trip while it filters."""
_MAX_SCANNED: Final = 2_000
"""Polls that one page may read. A page that reaches this bound has a cursor and possibly few items."""


class Polls:
    """All polls of the namespace."""

    def __init__(
        self,
        connection: StoreConnection,
        positions: PositionTracker,
        cache: PollCache,
        results: ResultReader,
        *,
        outbox: Outbox,
        locations: PollLocations,
    ) -> None:
        self._connection = connection
        self._positions = positions
        self._cache = cache
        self.cached: Final = cache.get
        """Return the cached poll, without I/O. It may be stale: never reject a request because of it
        alone."""
        self._results = results
        self._outbox = outbox
        self._locations = locations
        self._index = PollIndex(connection)
        self._channel = changes_channel(connection.namespace)
        self._reads = SingleFlight(results.read)

    async def now(self) -> int:
        """Return the time of the store's clock, in milliseconds since the epoch."""
        return await self._connection.now()

    async def get(self, poll_id: str) -> PollRecord:
        """Return the poll from a read that starts after this call; callers share it.

        Raises ``PollNotFound``.
        """
        return (await self._reads.run(poll_id)).record

    async def create(
        self, poll: Poll, digest: str | bytes, *, by: str = BY_SERVICE
    ) -> tuple[PollRecord, bool]:
        """Create the poll. Return the stored poll, and True if this call created it.

        ``digest`` identifies the request. With it the store distinguishes a repeated request from another
        poll with the same id, which raises ``PollExists``. ``by`` is the actor in the audit log.
        """
        epoch = self._positions.highest(poll.id).epoch
        incarnation = secrets.token_hex(_INCARNATION_BYTES)
        change = msgspec.json.encode(diff_polls(None, poll))
        fields = (*_fields(poll), poll.series or "")
        args = [poll.id, epoch, digest, _new_voter_key(), incarnation, by, change, *fields]
        reply = await self._create(poll, incarnation, args)
        record = self._cache_reply(poll.id, reply)
        if poll.series is not None:
            await self._locations.claim(poll.id, poll.series, record.incarnation)
        # After the poll, and again for a repeat: every existing poll gets listed, whatever was interrupted.
        await self._index.add(poll.id, record.poll.created_at)
        return record, reply[0] == ReplyCode.DONE.encode()

    async def _create(self, poll: Poll, incarnation: str, args: Sequence[Any]) -> Any:
        """Claim the id if the poll has a series, and call ``create_poll`` at the poll's location."""
        self._cache.set_location(poll.id, None)
        if poll.series is not None:
            await self._locations.claim(poll.id, poll.series, incarnation)
        reply = await self.call("create_poll", poll.id, args)
        if reply[0] != ReplyCode.MOVED.encode():
            return reply
        await self._locations.release_stale_claim(poll.id, *reply[1:])
        return await self.call("create_poll", poll.id, args)

    async def edit(
        self, record: PollRecord, after: Poll, *, assumes_unvoted: bool, by: str = BY_SERVICE
    ) -> PollRecord:
        """Replace the version in ``record`` by ``after``.

        Raises ``VersionMismatch`` if the record is stale: there is another version, a first vote (if the edit
        ``assumes_unvoted``), or the clock has opened or closed a window that the edit moves. The caller then
        reads the poll and validates again. Raises ``EditRefused`` if an option has more votes than its new
        capacity.
        """
        unvoted = "1" if assumes_unvoted else "0"
        change = msgspec.json.encode(diff_polls(record.poll, after))
        args = [after.id, record.stamp, unvoted, by, change, *_fields(after)]
        reply = await self.call("edit_poll", after.id, args)
        if reply[0] == ReplyCode.OVER_CAPACITY.encode():
            raise _over_capacity_error(after, reply[1].decode(), reply[2])
        return self._cache_reply(after.id, reply)

    async def act(
        self,
        poll_id: str,
        action: LifecycleAction,
        *,
        closes_at: int | None = None,
        version: int | None = None,
        by: str = BY_SERVICE,
    ) -> PollRecord:
        """Apply a lifecycle action and return the poll. Applying it twice changes nothing.

        ``closes_at`` is the new closing time for ``reopen`` (ms; None: open until closed again). Raises
        ``PollNotFound``, ``VersionMismatch``, ``PhaseConflict``, and ``InvalidPoll`` for a past
        ``closes_at``.
        """
        epoch = self._positions.highest(poll_id).epoch
        args = [poll_id, action.value, by, _text(closes_at), _text(version), epoch, _new_voter_key()]
        return self._cache_reply(poll_id, await self.call("apply_action", poll_id, args), action)

    async def delete(self, poll_id: str, *, by: str = BY_SERVICE) -> None:
        """Delete the poll and its votes; its audit log expires later. Raises ``PollNotFound``."""
        # Unlist first: a new poll under the same id is listed after its creation, so its entry stays.
        await self._index.remove(poll_id)
        reply = await self.call("delete_poll", poll_id, [poll_id, by])
        self._cache.discard(poll_id)
        answer = ReplyCode(reply[0].decode())
        if answer is not ReplyCode.DONE:
            await self._relist(poll_id)
            raise _error_for_reply(answer, poll_id, reply, None)
        await self._locations.release(poll_id, reply[1])

    async def _relist(self, poll_id: str) -> None:
        """List a poll again after a failed deletion. Raises ``PollNotFound`` if it does not exist."""
        record = await self.get(poll_id)
        await self._index.add(poll_id, record.poll.created_at)

    async def list(
        self,
        *,
        cursor: str | None = None,
        limit: int = 50,
        phase: Phase | None = None,
        kind: Kind | None = None,
        series: str | None = None,
        q: str | None = None,
        visible_only: bool = False,
        covers: Callable[[str, str | None], bool] | None = None,
    ) -> tuple[list[PollRecord], str | None]:
        """Return at most ``limit`` matching polls, newest first, and the next page's cursor (None: last
        page).

        ``q`` is a substring of the question or the id, ignoring case. ``covers`` gets the id and the series
        of a poll, and returns False to leave it out. Polls created meanwhile do not shift pages. If few of
        many polls match, a page can be short and still have a cursor. Raises ``InvalidPoll`` for a malformed
        cursor, and ``StoreUnavailable``.
        """
        matches = _Filter(phase, kind, series, (q or "").casefold(), visible_only, covers)
        position, found, scanned = Cursor.parse(cursor), list[PollRecord](), 0
        while scanned < _MAX_SCANNED:
            entries = await self._index.after(position, _LIST_BATCH)
            readings = await self._results.read_many(entry.poll_id for entry in entries)
            for entry in entries:
                position = entry
                reading = readings[entry.poll_id]
                if isinstance(reading, StoreUnavailable):
                    raise reading
                if isinstance(reading, PollReading) and matches(reading):
                    found.append(reading.record)
                if len(found) == limit:
                    return found, await self._cursor_if_more(position)
            if len(entries) < _LIST_BATCH:
                return found, None
            scanned += len(entries)
        return found, str(position)

    def on_change(self, change: ChangeNotification) -> None:
        """Evict the poll if the notification has another version (0: deleted)."""
        record = self._cache.get(change.poll_id)
        if record is not None and record.poll.version != change.version:
            self._cache.discard(change.poll_id)

    def on_gap(self) -> None:
        """Evict all polls, because notifications may have been missed."""
        self._cache.forget_all()

    async def _cursor_if_more(self, position: Cursor | None) -> str | None:
        return str(position) if await self._index.after(position, 1) else None

    async def call(self, function: str, poll_id: str, args: Sequence[Any]) -> Any:
        """Call an admin function at the poll's location and return its reply. ``args`` omit the channel.

        Also marks the poll as due for the outbox relay. Raises ``StoreUnavailable``, and ``PollNotFound`` if
        the poll is nowhere.
        """
        # Marked first, so that the relay finds the events even if this process dies after the step.
        await self._outbox.mark_due(poll_id)
        keys, words = self._locations.keys_of(poll_id), [self._channel, *args]
        reply = await self._connection.call(function, keys, words)
        if reply[0] == ReplyCode.GONE.encode():
            await self._results.read(poll_id)  # updates the cached location; raises PollNotFound
            if keys != (current_keys := self._locations.keys_of(poll_id)):
                return await self._connection.call(function, current_keys, words)
        return reply

    def _cache_reply(self, poll_id: str, reply: Any, action: LifecycleAction | None = None) -> PollRecord:
        answer = ReplyCode(reply[0].decode())
        if answer not in (ReplyCode.DONE, ReplyCode.NO_CHANGE):
            raise _error_for_reply(answer, poll_id, reply, action)
        snapshot = snapshot_from(reply[1])
        self._positions.observe(poll_id, snapshot.tally.epoch, snapshot.tally.seq)
        return self._cache.update(poll_id, snapshot, None)


class _Filter(msgspec.Struct, frozen=True):
    phase: Phase | None
    kind: Kind | None
    series: str | None
    words: str
    visible_only: bool
    covers: Callable[[str, str | None], bool] | None

    def __call__(self, reading: PollReading) -> bool:
        poll, now = reading.record.poll, reading.tally.now
        return (
            (self.phase is None or poll.phase(now) is self.phase)
            and (self.kind is None or poll.kind is self.kind)
            and (self.series is None or poll.series == self.series)
            and (not self.words or self.words in poll.question.casefold() or self.words in poll.id)
            and (not self.visible_only or poll.is_visible(now))
            and (self.covers is None or self.covers(poll.id, poll.series))
        )


def _fields(poll: Poll) -> list[Any]:
    capacity = "".join(f"{option.code}{option.capacity}" for option in poll.options if option.capacity)
    ranked = "1" if poll.kind is Kind.RANKED else ""
    policies = (poll.revote.value, poll.identity.value, poll.results.value, capacity, ranked)
    forecast = "".join(poll.codes.values()) if poll.forecast else ""
    last = (_text(poll.resolve_by), forecast, "1" if poll.ordered else "")
    return [document_of(poll), poll.opens_at, _text(poll.closes_at), *policies, *last]


def _new_voter_key() -> bytes:
    return secrets.token_bytes(_VOTER_KEY_BYTES)


def _text(number: int | None) -> str:
    """Format an optional number as a function argument; empty for None."""
    return "" if number is None else str(number)


def _over_capacity_error(poll: Poll, letter: str, voters: int) -> EditRefused:
    position = next(place for place, option in enumerate(poll.options) if option.code == letter)
    return EditRefused(
        f"options[{position}].capacity",
        f"The option {poll.options[position].id!r} was chosen by {voters}; its capacity cannot be less.",
    )


def _error_for_reply(
    answer: ReplyCode, poll_id: str, reply: Any, action: LifecycleAction | None
) -> PollwireError:
    """Map an error reply to the exception that the caller gets."""
    match answer:
        case ReplyCode.EXISTS:
            return PollExists(poll_id)
        case ReplyCode.VERSION_MOVED:
            return VersionMismatch(reply[1])
        case ReplyCode.CONFLICT:
            return PhaseConflict(action.value if action is not None else "delete", reply[1].decode())
        case ReplyCode.NOT_IN_FUTURE:
            return InvalidPoll("closes_at", "closes_at must lie in the future, and before resolve_by.")
        case ReplyCode.IN_PROGRESS:
            return scoring_in_progress_error(
                action.value if action is not None else "delete", reply[3], reply[4]
            )
        case _:
            return PollNotFound(poll_id)


def scoring_in_progress_error(action: str, done: int, total: int) -> PhaseConflict:
    """Return the error for an action on a prediction while its scores are being given or taken back."""
    return PhaseConflict(
        action,
        Phase.CLOSED,
        f"Scores are being given or taken back ({done} of {total} votes); try again once that is done.",
    )
