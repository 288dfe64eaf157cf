"""Ballots: the store validates and counts them, many in one round trip.

This is the hot path. A ballot travels as one short byte string, and its outcome returns as one letter
(``functions/cast_ballots.lua``). The work per ballot here is one concatenation and one lookup.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import Any, Final

import msgspec

from pollwire_server.domain.errors import PollNotFound, PollwireError, VoteNotFound
from pollwire_server.domain.poll import Kind
from pollwire_server.domain.rate_limit import RateLimit
from pollwire_server.domain.vote_history import PastVote, decode_history
from pollwire_server.store.keys import (
    BUCKETS,
    FIRST_BUCKET,
    HISTORY,
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

_ANY_REVISION: Final = bytes(3)
_NO_NETWORK: Final = bytes(8)
_NO_TAG: Final = bytes(4)
_RATE_LIMIT: Final = Struct(">II")
_LARGEST_REVISION: Final = 2**24 - 2
_STATUS: Final = {letter: status for letter, (_, status) in OUTCOMES.items()}
_VOTES_BY_OUTCOME: Final = {letter: VOTES.labels(status) for letter, status in _STATUS.items()}
_GONE, _STALE = ReplyCode.GONE.encode(), ReplyCode.STALE.encode()
_COUNTED: Final = BallotStatus.COUNTED


class BallotInput(msgspec.Struct, frozen=True, gc=False):
    """Ballot to cast: the voter id (16 bytes), the code of the choice, and the expected revision, if any."""

    voter: bytes
    code: str
    revision: int | None = None
    network: bytes = b""
    """Hash of the voter's network, 8 bytes; empty if unknown, or if no rate limit applies."""
    tag: bytes = b""
    """Network tag to store, 4 bytes, for polls with ``network_tags``; empty if unknown."""


class BallotOutcome(msgspec.Struct, frozen=True, gc=False):
    """Outcome of a ballot, and the voter's current choice after it (``code`` empty: none).

    For ``option-full`` the code is that of the full option. For ``rate-limited`` it is empty.
    """

    status: BallotStatus
    code: str
    at: int
    """Time of the current choice (ms). For ``not-open`` and ``closed``: time of the rejection. For
    ``rate-limited``: time from which the network can vote again."""
    revision: int
    """Revision of the current choice, from 1; 0 without a vote, and for ``not-open`` and ``closed``."""
    seq: int
    """Sequence number of the poll directly after this ballot."""
    history: tuple[PastVote, ...] = ()
    """Replaced votes of the voter, oldest first. Only for the current vote in a prediction."""


class CastReply(msgspec.Struct, frozen=True):
    """The store's reply to one batch of ballots."""

    now: int
    epoch: str
    outcomes: list[BallotOutcome] | None
    """In the order of the ballots. None: the caller's version of the poll is stale; nothing was written."""
    closed_at: int | None = None


_STALE_REPLY: Final = CastReply(now=0, epoch="", outcomes=None)


class Ballots:
    """Casts, reads and withdraws the votes of all polls."""

    def __init__(
        self, connection: StoreConnection, positions: PositionTracker, limit: RateLimit | None = None
    ) -> None:
        self._connection = connection
        self._rate_limit = b"" if limit is None else _RATE_LIMIT.pack(limit.count, limit.seconds)
        self._positions = positions
        self._channel = changes_channel(connection.namespace)

    def with_rate_limit(self, limit: RateLimit | None) -> Ballots:
        """Return ballots with this limit per network. Ballots without a network are not limited."""
        return Ballots(self._connection, self._positions, limit)

    async def cast_many(
        self, batches: Sequence[tuple[PollRecord, Sequence[BallotInput]]]
    ) -> list[CastReply | PollwireError]:
        """Cast the batches in one round trip. Return a reply, or an error in its place, for each batch.

        The errors are ``PollNotFound`` and ``StoreUnavailable``. A batch is counted as a whole or not at
        all. A batch without a reply may have been counted. If the caller sends it again, its ballots are
        then ``unchanged`` (in open polls only if the voter id comes from an idempotency key).
        """
        replies = await self._connection.call_many([self._call(record, casts) for record, casts in batches])
        return [
            self._reply(record, casts, reply) for (record, casts), reply in zip(batches, replies, strict=True)
        ]

    async def current_vote(
        self, record: PollRecord, voter: bytes, *, at: int | None = None
    ) -> BallotOutcome | None:
        """Return the voter's current vote (with status ``unchanged``), or None.

        ``at`` (ms) selects the vote of that time. It finds a vote in an open poll after its idempotency key
        was used again. To decode the choice, read the poll again: the option may be newer than ``record``.

        Raises ``PollNotFound`` and ``StoreUnavailable``.
        """
        keys = vote_keys(record, voter)
        args = (record.incarnation, voter, "" if at is None else at)
        answer, *rest = await self._connection.call("read_vote", keys, args)
        if answer == _GONE:
            raise PollNotFound(record.poll.id)
        seq, value, history = rest
        outcome = None if value is None else _outcome(BallotStatus.UNCHANGED, value, seq)
        if outcome is not None and history:
            outcome = msgspec.structs.replace(outcome, history=decode_history(history))
        return outcome if outcome is not None and outcome.code else None

    async def withdraw(self, record: PollRecord, voter: bytes, revision: int | None = None) -> BallotOutcome:
        """Withdraw the vote. Return the outcome: ``withdrawn`` (also for a repeat), or the reason against it.

        Raises ``VoteNotFound`` if this voter never voted, ``PollNotFound`` and ``StoreUnavailable``.
        """
        epoch, seq = self._positions.highest(record.poll.id)
        keys = (
            *record.keys[:2],
            _bucket(record, voter),
            *(record.keys[place] for place in (RANKINGS, RECOUNT_SAVED, TIMELINE, TAGS, HISTORY)),
        )
        args = (
            self._channel,
            record.poll.id,
            record.incarnation,
            epoch,
            seq,
            voter,
            _encode_expected_revision(revision),
            _prediction_flag(record),
        )
        answer, *rest = await self._connection.call("withdraw_vote", keys, args)
        if answer == _GONE:
            raise PollNotFound(record.poll.id)
        _, new_epoch, new_seq, _, letter, *values = rest
        self._positions.observe(record.poll.id, new_epoch.decode(), new_seq)
        if not letter:
            raise VoteNotFound(record.poll.id)
        _VOTES_BY_OUTCOME[letter.decode()].inc()
        return _outcome(_STATUS[letter.decode()], values[0], new_seq)

    def _call(self, record: PollRecord, casts: Sequence[BallotInput]) -> FunctionCall:
        poll_id = record.poll.id
        epoch, seq = self._positions.highest(poll_id)
        networks = b"" if not self._rate_limit else self._networks(casts)
        tags = b"".join([cast.tag or _NO_TAG for cast in casts]) if record.poll.network_tags else b""
        args: list[bytes | str | int] = [self._channel, poll_id, record.stamp, epoch, seq, networks, tags]
        args.append(_prediction_flag(record))
        args += [
            cast.voter
            + (_ANY_REVISION if cast.revision is None else _encode_expected_revision(cast.revision))
            + cast.code.encode("latin-1")
            for cast in casts
        ]
        return FunctionCall("cast_ballots", record.keys, args)

    def _networks(self, casts: Sequence[BallotInput]) -> bytes:
        """Encode the rate limit and the ballots' networks; empty if no ballot has a network."""
        networks = [cast.network for cast in casts]
        if not any(networks):
            return b""
        return self._rate_limit + b"".join([network or _NO_NETWORK for network in networks])

    def _reply(
        self, record: PollRecord, casts: Sequence[BallotInput], reply: Any
    ) -> CastReply | PollwireError:
        if isinstance(reply, PollwireError):
            return reply
        if reply[0] == _STALE:
            return _STALE_REPLY
        if reply[0] == _GONE:
            return PollNotFound(record.poll.id)
        _, now, raw_epoch, seq, closed_at, letters, *values = reply
        text = letters.decode()
        for letter in set(text):
            _VOTES_BY_OUTCOME[letter].inc(text.count(letter))
        outcomes = _outcomes(casts, text, values, now, seq)
        epoch = raw_epoch.decode()
        self._positions.observe(record.poll.id, epoch, outcomes[-1].seq if outcomes else seq)
        return CastReply(now, epoch, outcomes, None if closed_at < 0 else closed_at)


def _outcomes(
    casts: Sequence[BallotInput], letters: str, values: list[bytes], now: int, seq: int
) -> list[BallotOutcome]:
    if not values and letters.count("c") == len(letters):  # the common case
        return [
            BallotOutcome(_COUNTED, cast.code, now, 1, place) for place, cast in enumerate(casts, seq + 1)
        ]
    outcomes = []
    current_values = iter(values)
    for cast, letter in zip(casts, letters, strict=True):
        if letter == "c":
            seq += 1
            outcomes.append(BallotOutcome(_COUNTED, cast.code, now, 1, seq))
        elif letter in "nx":
            outcomes.append(BallotOutcome(_STATUS[letter], "", now, 0, seq))
        else:
            seq += letter in "Ch"
            outcomes.append(_outcome(_STATUS[letter], next(current_values), seq))
    return outcomes


def _outcome(status: BallotStatus, value: bytes, seq: int) -> BallotOutcome:
    """Decode a stored value: revision (3 bytes), time (6 bytes), code
    (``functions/includes/ballots.lua``)."""
    return BallotOutcome(
        status,
        value[9:].decode("latin-1"),
        int.from_bytes(value[3:9], "big"),
        int.from_bytes(value[:3], "big"),
        seq,
    )


def _encode_expected_revision(revision: int | None) -> bytes:
    """Encode the expected revision. An impossible one becomes the largest, which no vote ever has."""
    if revision is None:
        return _ANY_REVISION
    expected = revision if 0 <= revision <= _LARGEST_REVISION else _LARGEST_REVISION
    return (expected + 1).to_bytes(3, "big")


def vote_keys(record: PollRecord, voter: bytes) -> tuple[bytes, ...]:
    """Return the keys that ``functions/read_vote.lua`` expects."""
    keys = (*record.keys[:2], _bucket(record, voter))
    return (*keys, record.keys[HISTORY]) if record.poll.kind is Kind.PREDICTION else keys


def _prediction_flag(record: PollRecord) -> str:
    return "1" if record.poll.kind is Kind.PREDICTION else ""


def _bucket(record: PollRecord, voter: bytes) -> bytes:
    return record.keys[FIRST_BUCKET + voter[0] % BUCKETS]
