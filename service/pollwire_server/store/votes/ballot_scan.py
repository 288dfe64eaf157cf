"""Every ballot of a poll, a page at a time: for exports, which need no one instant and hold up no votes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from itertools import repeat
from typing import Final, NamedTuple

from pollwire_server.domain.errors import PollNotFound
from pollwire_server.store.keys import BUCKETS, FIRST_BUCKET, TAGS
from pollwire_server.store.results.reader import PollReading
from pollwire_server.store.transport.connection import StoreConnection
from pollwire_server.store.transport.function_library import ReplyCode

_END: Final = b"0"


class StoredBallot(NamedTuple):
    """A choice as it is kept."""

    voter: bytes
    """16 bytes; longer for a vote in an open poll whose idempotency key was used anew."""
    code: str
    """Empty where the choice was taken back."""
    at: int
    revision: int
    tag: bytes = b""
    """Of the network that it came from, 4 bytes; empty where none is kept, or nobody knows."""


class BallotScan:
    """Reads ballots, bucket by bucket."""

    def __init__(self, connection: StoreConnection) -> None:
        self._connection = connection

    async def pages(self, reading: PollReading) -> AsyncGenerator[list[StoredBallot]]:
        """Some 1,000 ballots at a time, each ballot once; a bucket's voters are remembered meanwhile.

        Raises ``PollNotFound`` where the poll was deleted or reset since the reading, and
        ``StoreUnavailable``: then what has come is not the whole.
        """
        record, epoch = reading.record, reading.tally.epoch
        beside = (record.keys[TAGS],) if record.poll.network_tags else ()
        for bucket in record.keys[FIRST_BUCKET : FIRST_BUCKET + BUCKETS]:
            met: set[bytes] = set()
            cursor = _END
            while True:
                keys = (*record.keys[:2], bucket, *beside)
                answer, *rest = await self._connection.call("scan_ballots", keys, (record.incarnation, epoch, cursor))
                if answer == ReplyCode.GONE.encode():
                    raise PollNotFound(record.poll.id)
                cursor, flat, tags = rest
                yield _without_duplicates(flat, tags, met)
                if cursor == _END:
                    break


def _without_duplicates(flat: Sequence[bytes], tags: Sequence[bytes], met: set[bytes]) -> list[StoredBallot]:
    """HSCAN may give a field twice while a hash grows or shrinks."""
    page = []
    for voter, value, tag in zip(flat[::2], flat[1::2], tags or repeat(b"", len(flat) // 2), strict=True):
        if voter not in met:
            met.add(voter)
            page.append(decode_ballot(voter, value, tag))
    return page


def decode_ballot(voter: bytes, value: bytes, tag: bytes = b"") -> StoredBallot:
    """A choice out of its stored value: revision (3 bytes), at (6 bytes), code (``includes/ballots.lua``)."""
    at, revision = int.from_bytes(value[3:9], "big"), int.from_bytes(value[:3], "big")
    return StoredBallot(voter, value[9:].decode(), at, revision, tag)
