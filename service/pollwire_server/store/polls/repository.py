"""Polls as they are kept: made once, edited by version, moved by acts, listed newest first."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
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
from pollwire_server.store.keys import notice_channel
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
_BIRTH_BYTES: Final = 6
_LISTED_AT_ONCE: Final = 100
"""Polls read in one round trip while a list looks for those that fit."""
_MOST_LOOKED_AT: Final = 2_000
"""Polls that one page may look at; a page that ends for this has a cursor, and maybe few items."""


class Polls:
    """Every poll of the namespace."""

    def __init__(
        self,
        connection: StoreConnection,
        positions: PositionTracker,
        records: PollCache,
        results: ResultReader,
        *,
        outbox: Outbox,
        homes: PollLocations,
    ) -> None:
        self._connection = connection
        self._positions = positions
        self._records = records
        self.cached: Final = records.get
        """The poll as last seen by this process, at no cost; nothing may be refused on this alone."""
        self._results = results
        self._outbox = outbox
        self._homes = homes
        self._index = PollIndex(connection)
        self._channel = notice_channel(connection.namespace)
        self._turns = SingleFlight(results.read)

    async def now(self) -> int:
        """The store's clock, in milliseconds since the epoch."""
        return await self._connection.now()

    async def get(self, poll_id: str) -> PollRecord:
        """The poll, from a read that began after this call, which callers share. ``PollNotFound``."""
        return (await self._turns.run(poll_id)).record

    async def create(
        self, poll: Poll, digest: str | bytes, *, by: str = BY_SERVICE
    ) -> tuple[PollRecord, bool]:
        """The poll that is there now, and whether this call made it; ``by`` whom, for the audit log.

        ``digest`` names the request: its repeat is told from another poll of the same id (``PollExists``).
        """
        epoch = self._positions.highest(poll.id).epoch
        birth = secrets.token_hex(_BIRTH_BYTES)
        told = msgspec.json.encode(diff_polls(None, poll))
        fields = (*_fields(poll), poll.series or "")
        args = [poll.id, epoch, digest, _new_voter_key(), birth, by, told, *fields]
        reply = await self._create(poll, birth, args)
        record = self._cache_reply(poll.id, reply)
        if poll.series is not None:
            await self._homes.claim(poll.id, poll.series, record.incarnation)
        # After the poll, and again for a repeat: a poll that is there is listed, whatever was interrupted.
        await self._index.add(poll.id, record.poll.created_at)
        return record, reply[0] == ReplyCode.DONE.encode()

    async def _create(self, poll: Poll, birth: str, args: Sequence[Any]) -> Any:
        """The reply of ``create`` in the slot where the poll is to lie, its id claimed for it."""
        self._records.set_location(poll.id, None)
        if poll.series is not None:
            await self._homes.claim(poll.id, poll.series, birth)
        reply = await self.call("create", poll.id, args)
        if reply[0] != ReplyCode.MOVED.encode():
            return reply
        await self._homes.release_stale_claim(poll.id, *reply[1:])
        return await self.call("create", poll.id, args)

    async def edit(
        self, record: PollRecord, after: Poll, *, assumes_unvoted: bool, by: str = BY_SERVICE
    ) -> PollRecord:
        """``after`` stands in the place of what ``record`` holds.

        Raises ``VersionMismatch`` where that was overtaken: by another version, by the first vote (if the
        edit ``assumes_unvoted``), or by the clock (it has turned a window that was to move). Then read the
        poll and judge again. Raises ``EditRefused`` for a capacity that more have chosen already.
        """
        unvoted = "1" if assumes_unvoted else "0"
        told = msgspec.json.encode(diff_polls(record.poll, after))
        args = [after.id, record.stamp, unvoted, by, told, *_fields(after)]
        reply = await self.call("edit", after.id, args)
        if reply[0] == ReplyCode.OVERFILLED.encode():
            raise _overfilled(after, reply[1].decode(), reply[2])
        return self._cache_reply(after.id, reply)

    async def act(
        self,
        poll_id: str,
        act: LifecycleAction,
        *,
        closes_at: int | None = None,
        version: int | None = None,
        by: str = BY_SERVICE,
    ) -> PollRecord:
        """The poll after the act, or as it is where the act stands already.

        ``closes_at`` is the new end for ``reopen`` (None: until closed again). Raises ``PollNotFound``,
        ``VersionMismatch``, ``PhaseConflict``, and ``InvalidPoll`` for an end that is past.
        """
        epoch = self._positions.highest(poll_id).epoch
        args = [poll_id, act.value, by, _text(closes_at), _text(version), epoch, _new_voter_key()]
        return self._cache_reply(poll_id, await self.call("act", poll_id, args), act)

    async def delete(self, poll_id: str, *, by: str = BY_SERVICE) -> None:
        """The poll and its votes are gone; its audit log stays for a while. ``PollNotFound`` if they were."""
        # Out of the list first: a poll made anew under the id is listed once it is there, so it stays.
        await self._index.remove(poll_id)
        reply = await self.call("delete", poll_id, [poll_id, by])
        self._records.forget(poll_id)
        answer = ReplyCode(reply[0].decode())
        if answer is not ReplyCode.DONE:
            await self._relist(poll_id)
            raise _refusal(answer, poll_id, reply, None)
        await self._homes.release(poll_id, reply[1])

    async def _relist(self, poll_id: str) -> None:
        """A poll that is there after all is listed again; ``PollNotFound`` where it is not."""
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
    ) -> tuple[list[PollRecord], str | None]:
        """Newest first: at most ``limit`` polls that fit, and where to go on (None: nowhere).

        ``q``: words of the question or the id, in any case. Polls made meanwhile move nothing. A page may be
        short, and still have a cursor, where few of many fit. Raises ``InvalidPoll`` for a broken cursor.
        """
        fits = _Filter(phase, kind, series, (q or "").casefold(), visible_only)
        place, found, looked_at = Cursor.parse(cursor), list[PollRecord](), 0
        while looked_at < _MOST_LOOKED_AT:
            entries = await self._index.after(place, _LISTED_AT_ONCE)
            readings = await self._results.read_many(entry.poll_id for entry in entries)
            for entry in entries:
                place = entry
                reading = readings[entry.poll_id]
                if isinstance(reading, StoreUnavailable):
                    raise reading
                if isinstance(reading, PollReading) and fits(reading):
                    found.append(reading.record)
                if len(found) == limit:
                    return found, await self._cursor_if_more(place)
            if len(entries) < _LISTED_AT_ONCE:
                return found, None
            looked_at += len(entries)
        return found, str(place)

    def on_notice(self, notice: ChangeNotification) -> None:
        """Let go of a poll that is held in another version than the notice tells (0, where it is gone)."""
        record = self._records.get(notice.poll_id)
        if record is not None and record.poll.version != notice.version:
            self._records.forget(notice.poll_id)

    def on_gap(self) -> None:
        """Let go of every poll: notices may have been missed."""
        self._records.forget_all()

    async def _cursor_if_more(self, place: Cursor | None) -> str | None:
        return str(place) if await self._index.after(place, 1) else None

    async def call(self, function: str, poll_id: str, args: Sequence[Any]) -> Any:
        """The reply of an operators' function, asked where the poll lies; ``args`` without the channel."""
        await self._outbox.mark_due(poll_id)  # before the step, so that nothing it tells is left lying
        keys, words = self._homes.keys_of(poll_id), [self._channel, *args]
        reply = await self._connection.call(function, keys, words)
        if reply[0] == ReplyCode.GONE.encode():
            await self._results.read(poll_id)  # finds out where it lies, if anywhere
            if keys != (now_at := self._homes.keys_of(poll_id)):
                return await self._connection.call(function, now_at, words)
        return reply

    def _cache_reply(self, poll_id: str, reply: Any, act: LifecycleAction | None = None) -> PollRecord:
        answer = ReplyCode(reply[0].decode())
        if answer not in (ReplyCode.DONE, ReplyCode.STANDS):
            raise _refusal(answer, poll_id, reply, act)
        snapshot = snapshot_from(reply[1])
        self._positions.observe(poll_id, snapshot.tally.epoch, snapshot.tally.seq)
        return self._records.update(poll_id, snapshot, None)


class _Filter(msgspec.Struct, frozen=True):
    phase: Phase | None
    kind: Kind | None
    series: str | None
    words: str
    visible_only: bool

    def __call__(self, reading: PollReading) -> bool:
        poll, now = reading.record.poll, reading.tally.now
        return (
            (self.phase is None or poll.phase(now) is self.phase)
            and (self.kind is None or poll.kind is self.kind)
            and (self.series is None or poll.series == self.series)
            and (not self.words or self.words in poll.question.casefold() or self.words in poll.id)
            and (not self.visible_only or poll.is_visible(now))
        )


def _fields(poll: Poll) -> list[Any]:
    capacity = "".join(f"{option.code}{option.capacity}" for option in poll.options if option.capacity)
    ranked = "1" if poll.kind is Kind.RANKED else ""
    policies = (poll.revote.value, poll.identity.value, poll.results.value, capacity, ranked)
    return [document_of(poll), poll.opens_at, _text(poll.closes_at), *policies, _text(poll.resolve_by)]


def _new_voter_key() -> bytes:
    return secrets.token_bytes(_VOTER_KEY_BYTES)


def _text(number: int | None) -> str:
    """A number as functions take it; empty for none."""
    return "" if number is None else str(number)


def _overfilled(poll: Poll, letter: str, voters: int) -> EditRefused:
    position = next(place for place, option in enumerate(poll.options) if option.code == letter)
    return EditRefused(
        f"options[{position}].capacity",
        f"The option {poll.options[position].id!r} was chosen by {voters}; its capacity cannot be less.",
    )


def _refusal(answer: ReplyCode, poll_id: str, reply: Any, act: LifecycleAction | None) -> PollwireError:
    """The one table between answers that refuse and what they mean to an operator."""
    match answer:
        case ReplyCode.EXISTS:
            return PollExists(poll_id)
        case ReplyCode.VERSION_MOVED:
            return VersionMismatch(reply[1])
        case ReplyCode.CONFLICT:
            return PhaseConflict(act.value if act is not None else "delete", reply[1].decode())
        case ReplyCode.PAST:
            return InvalidPoll("closes_at", "closes_at must lie in the future, and before resolve_by.")
        case ReplyCode.UNDER_WAY:
            return scoring_in_progress_error(act.value if act is not None else "delete", reply[3], reply[4])
        case _:
            return PollNotFound(poll_id)


def scoring_in_progress_error(act: str, done: int, total: int) -> PhaseConflict:
    """Nothing else is done to a prediction whose voters are being scored, or unscored."""
    return PhaseConflict(
        act,
        Phase.CLOSED,
        f"Scores are being given or taken back ({done} of {total} votes); try again once that is done.",
    )
