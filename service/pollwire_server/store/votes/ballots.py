"""Votes as they are kept: judged and counted by the store, many in one round trip.

This is the hot path. A ballot crosses as one short blob, its outcome comes
back as one letter (``functions/cast_ballots.lua``), and what this module does per
ballot is to join the one and look up the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import Any, Final

import msgspec

from pollwire_server.domain.errors import PollNotFound, PollwireError, VoteNotFound
from pollwire_server.domain.rate_limit import RateLimit
from pollwire_server.store.keys import (
    BUCKETS,
    FIRST_BUCKET,
    RANKINGS,
    RECOUNT_SAVED,
    TAGS,
    TIMELINE,
    changes_channel,
)
from pollwire_server.store.polls.cache import PollRecord
from pollwire_server.store.results.positions import PositionTracker
from pollwire_server.store.transport.connection import FunctionCall, StoreConnection
from pollwire_server.store.transport.function_library import OUTCOMES, BallotStatus, ReplyCode
from pollwire_server.telemetry.metrics import VOTES

__all__ = ["BallotInput", "BallotOutcome", "BallotStatus", "Ballots", "CastReply"]

_NAMES_NONE: Final = bytes(3)
_NO_NETWORK: Final = bytes(8)
_NO_TAG: Final = bytes(4)
_ALLOWED: Final = Struct(">II")
_LARGEST_NAMED: Final = 2**24 - 2
_STATUS: Final = {letter: status for letter, (_, status) in OUTCOMES.items()}
_TOLD: Final = {letter: VOTES.labels(status) for letter, status in _STATUS.items()}
_GONE, _STALE = ReplyCode.GONE.encode(), ReplyCode.STALE.encode()
_COUNTED: Final = BallotStatus.COUNTED


class BallotInput(msgspec.Struct, frozen=True, gc=False):
    """A ballot on its way: the voter's 16 bytes, the choice's code, the revision it replaces if any."""

    voter: bytes
    code: str
    revision: int | None = None
    network: bytes = b""
    """8 bytes that stand for where it comes from; empty where that is not known, or does not matter."""
    tag: bytes = b""
    """4 bytes to be kept beside it, in a poll with ``network_tags``; empty where they are not known."""


class BallotOutcome(msgspec.Struct, frozen=True, gc=False):
    """What became of a ballot, and the choice that stands after it (``code`` empty: none).

    For ``option-full`` the code is that of the option without a place; for ``rate-limited`` it is empty.
    """

    status: BallotStatus
    code: str
    at: int
    """When the standing choice was counted; for ``not-open`` and ``closed`` the instant of the refusal, and
    for ``rate-limited`` that from which the network has a vote again."""
    revision: int
    """Of the standing choice, from 1; 0 where none ever stood, and for ``not-open`` and ``closed``."""
    seq: int
    """The poll's, right after this ballot."""


class CastReply(msgspec.Struct, frozen=True):
    """The store's answer to one batch of ballots."""

    now: int
    epoch: str
    outcomes: list[BallotOutcome] | None
    """In the order of the ballots. None: judged by a version that no longer stands; nothing was written."""
    closed_at: int | None = None


_STALE_REPLY: Final = CastReply(now=0, epoch="", outcomes=None)


class Ballots:
    """The votes of every poll."""

    def __init__(
        self, connection: StoreConnection, positions: PositionTracker, limit: RateLimit | None = None
    ) -> None:
        self._connection = connection
        self._allowed = b"" if limit is None else _ALLOWED.pack(limit.count, limit.seconds)
        self._positions = positions
        self._channel = changes_channel(connection.namespace)

    def with_rate_limit(self, limit: RateLimit | None) -> Ballots:
        """The same votes, of which each network casts only so many; ballots without one are not limited."""
        return Ballots(self._connection, self._positions, limit)

    async def cast_many(
        self, batches: Sequence[tuple[PollRecord, Sequence[BallotInput]]]
    ) -> list[CastReply | PollwireError]:
        """Each batch's reply, or ``PollNotFound`` or ``StoreUnavailable`` in its place; one round trip.

        A batch counts whole or not at all. One without a reply may have been counted; sent again, its ballots
        are ``unchanged`` then (those of open polls only with a voter made from an idempotency key).
        """
        replies = await self._connection.call_many([self._call(record, casts) for record, casts in batches])
        return [
            self._reply(record, casts, reply) for (record, casts), reply in zip(batches, replies, strict=True)
        ]

    async def current_vote(
        self, record: PollRecord, voter: bytes, *, at: int | None = None
    ) -> BallotOutcome | None:
        """The voter's standing choice (as ``unchanged``), or None; ``PollNotFound``, ``StoreUnavailable``.

        ``at`` asks for the vote of that instant, which finds votes on open polls whose key was used anew.
        Read the poll afresh to name the choice: the option may be newer than the record at hand.
        """
        keys = (*record.keys[:2], _bucket(record, voter))
        args = (record.incarnation, voter, "" if at is None else at)
        answer, *rest = await self._connection.call("read_vote", keys, args)
        if answer == _GONE:
            raise PollNotFound(record.poll.id)
        seq, held = rest
        outcome = None if held is None else _outcome(BallotStatus.UNCHANGED, held, seq)
        return outcome if outcome is not None and outcome.code else None

    async def withdraw(self, record: PollRecord, voter: bytes, revision: int | None = None) -> BallotOutcome:
        """The outcome of taking a vote back: ``withdrawn`` (also for a repeat), or why not.

        Raises ``VoteNotFound`` where this voter never voted, ``PollNotFound`` and ``StoreUnavailable``.
        """
        epoch, seq = self._positions.highest(record.poll.id)
        keys = (
            *record.keys[:2],
            _bucket(record, voter),
            *(record.keys[place] for place in (RANKINGS, RECOUNT_SAVED, TIMELINE, TAGS)),
        )
        args = (
            self._channel,
            record.poll.id,
            record.incarnation,
            epoch,
            seq,
            voter,
            _encode_expected_revision(revision),
        )
        answer, *rest = await self._connection.call("withdraw_vote", keys, args)
        if answer == _GONE:
            raise PollNotFound(record.poll.id)
        _, new_epoch, new_seq, _, letter, *held = rest
        self._positions.observe(record.poll.id, new_epoch.decode(), new_seq)
        if not letter:
            raise VoteNotFound(record.poll.id)
        _TOLD[letter.decode()].inc()
        return _outcome(_STATUS[letter.decode()], held[0], new_seq)

    def _call(self, record: PollRecord, casts: Sequence[BallotInput]) -> FunctionCall:
        poll_id = record.poll.id
        epoch, seq = self._positions.highest(poll_id)
        networks = b"" if not self._allowed else self._networks(casts)
        tags = b"".join([cast.tag or _NO_TAG for cast in casts]) if record.poll.network_tags else b""
        args: list[bytes | str | int] = [self._channel, poll_id, record.stamp, epoch, seq, networks, tags]
        args += [
            cast.voter
            + (_NAMES_NONE if cast.revision is None else _encode_expected_revision(cast.revision))
            + cast.code.encode()
            for cast in casts
        ]
        return FunctionCall("cast_ballots", record.keys, args)

    def _networks(self, casts: Sequence[BallotInput]) -> bytes:
        """What the networks of the ballots may, and which they are; empty where none is limited."""
        networks = [cast.network for cast in casts]
        if not any(networks):
            return b""
        return self._allowed + b"".join([network or _NO_NETWORK for network in networks])

    def _reply(
        self, record: PollRecord, casts: Sequence[BallotInput], reply: Any
    ) -> CastReply | PollwireError:
        if isinstance(reply, PollwireError):
            return reply
        if reply[0] == _STALE:
            return _STALE_REPLY
        if reply[0] == _GONE:
            return PollNotFound(record.poll.id)
        _, now, raw_epoch, seq, closed_at, letters, *held = reply
        text = letters.decode()
        for letter in set(text):
            _TOLD[letter].inc(text.count(letter))
        outcomes = _outcomes(casts, text, held, now, seq)
        epoch = raw_epoch.decode()
        self._positions.observe(record.poll.id, epoch, outcomes[-1].seq if outcomes else seq)
        return CastReply(now, epoch, outcomes, None if closed_at < 0 else closed_at)


def _outcomes(
    casts: Sequence[BallotInput], letters: str, held: list[bytes], now: int, seq: int
) -> list[BallotOutcome]:
    if not held and letters.count("c") == len(letters):  # as nearly always
        return [
            BallotOutcome(_COUNTED, cast.code, now, 1, place) for place, cast in enumerate(casts, seq + 1)
        ]
    outcomes = []
    standing = iter(held)
    for cast, letter in zip(casts, letters, strict=True):
        if letter == "c":
            seq += 1
            outcomes.append(BallotOutcome(_COUNTED, cast.code, now, 1, seq))
        elif letter in "nx":
            outcomes.append(BallotOutcome(_STATUS[letter], "", now, 0, seq))
        else:
            seq += letter in "Ch"
            outcomes.append(_outcome(_STATUS[letter], next(standing), seq))
    return outcomes


def _outcome(status: BallotStatus, held: bytes, seq: int) -> BallotOutcome:
    """From a stored value: revision (3 bytes), at (6 bytes), code (``includes/ballots.lua``)."""
    return BallotOutcome(
        status, held[9:].decode(), int.from_bytes(held[3:9], "big"), int.from_bytes(held[:3], "big"), seq
    )


def _encode_expected_revision(revision: int | None) -> bytes:
    """A revision as ballots name it. One that cannot exist names the largest, which never stands."""
    if revision is None:
        return _NAMES_NONE
    named = revision if 0 <= revision <= _LARGEST_NAMED else _LARGEST_NAMED
    return (named + 1).to_bytes(3, "big")


def _bucket(record: PollRecord, voter: bytes) -> bytes:
    return record.keys[FIRST_BUCKET + voter[0] % BUCKETS]
