"""Scan of all ballots of a poll, page by page. For exports, which need no snapshot and must not delay
votes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from itertools import repeat
from typing import Final, NamedTuple

from pollwire_server.domain.errors import PollNotFound
from pollwire_server.domain.vote_history import PastVote
from pollwire_server.store.keys import BUCKETS, FIRST_BUCKET, TAGS
from pollwire_server.store.results.reader import PollReading
from pollwire_server.store.transport.connection import StoreConnection
from pollwire_server.store.transport.function_library import ReplyCode

_END: Final = b"0"


class StoredBallot(NamedTuple):
    """Ballot as stored: the current choice of one voter."""

    voter: bytes
    """16 bytes; 22 for an older vote in an open poll, after its idempotency key was used again."""
    code: str
    """Empty if the vote was withdrawn."""
    at: int
    """Time of the last change, in milliseconds since the epoch."""
    revision: int
    """From 1."""
    tag: bytes = b""
    """Tag of the voter's network, 4 bytes; empty if unknown, or if the poll stores no tags."""
    history: tuple[PastVote, ...] = ()
    """Replaced votes, oldest first. Only where the reader asks for them."""


class BallotScan:
    """Reads the ballots of a poll, bucket by bucket."""

    def __init__(self, connection: StoreConnection) -> None:
        self._connection = connection

    async def pages(self, reading: PollReading) -> AsyncGenerator[list[StoredBallot]]:
        """Yield about 1,000 ballots at a time, each ballot once. Memory holds the voter ids of one bucket.

        Raises ``PollNotFound`` if the poll was deleted or reset since the reading, and ``StoreUnavailable``.
        In both cases the pages so far are incomplete.
        """
        record, epoch = reading.record, reading.tally.epoch
        tag_keys = (record.keys[TAGS],) if record.poll.network_tags else ()
        for bucket in record.keys[FIRST_BUCKET : FIRST_BUCKET + BUCKETS]:
            seen: set[bytes] = set()
            cursor = _END
            while True:
                keys = (*record.keys[:2], bucket, *tag_keys)
                args = (record.incarnation, epoch, cursor)
                answer, *rest = await self._connection.call("scan_ballots", keys, args)
                if answer == ReplyCode.GONE.encode():
                    raise PollNotFound(record.poll.id)
                cursor, flat, tags = rest
                yield _without_duplicates(flat, tags, seen)
                if cursor == _END:
                    break


def _without_duplicates(flat: Sequence[bytes], tags: Sequence[bytes], seen: set[bytes]) -> list[StoredBallot]:
    """Decode a page, skipping seen voters: HSCAN can return a field twice while a hash is resized."""
    page = []
    for voter, value, tag in zip(flat[::2], flat[1::2], tags or repeat(b"", len(flat) // 2), strict=True):
        if voter not in seen:
            seen.add(voter)
            page.append(decode_ballot(voter, value, tag))
    return page


def decode_ballot(voter: bytes, value: bytes, tag: bytes = b"") -> StoredBallot:
    """Decode a stored value: revision (3 bytes), time (6 bytes), code
    (``functions/includes/ballots.lua``)."""
    at, revision = int.from_bytes(value[3:9], "big"), int.from_bytes(value[:3], "big")
    return StoredBallot(voter, value[9:].decode("latin-1"), at, revision, tag)
