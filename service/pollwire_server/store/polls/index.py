"""Index of all polls, newest first: a list of candidates, not the source of truth.

The index has a slot of its own. In a cluster, a poll and its index entry are therefore not written in one
step. The order of the writes guarantees that every poll is listed. Readers skip an entry without a poll.
"""

from __future__ import annotations

from typing import NamedTuple

from pollwire_server.domain.errors import InvalidPoll
from pollwire_server.store.keys import index_key
from pollwire_server.store.transport.connection import StoreConnection


class Cursor(NamedTuple):
    """Position in the index: an entry. The next entry was created earlier, or has a smaller id."""

    created_at: int
    poll_id: str

    def __str__(self) -> str:
        return f"{self.created_at}.{self.poll_id}"

    @classmethod
    def parse(cls, text: str | None) -> Cursor | None:
        """Parse the cursor of a page. Raises ``InvalidPoll`` for any other text."""
        if text is None:
            return None
        created_at, _, poll_id = text.partition(".")
        if not (created_at.isascii() and created_at.isdigit() and len(created_at) <= 16 and poll_id):
            raise InvalidPoll("cursor", "cursor must be the next of an earlier page.")
        return cls(int(created_at), poll_id)


class PollIndex:
    """Sorted set of the poll ids of a namespace, by creation time."""

    def __init__(self, connection: StoreConnection) -> None:
        self._connection = connection
        self._key = index_key(connection.namespace)

    async def add(self, poll_id: str, created_at: int) -> None:
        """Add a poll. Idempotent."""
        await self._connection.command("ZADD", self._key, created_at, poll_id)

    async def remove(self, poll_id: str) -> None:
        """Remove a poll. Idempotent."""
        await self._connection.command("ZREM", self._key, poll_id)

    async def after(self, cursor: Cursor | None, count: int) -> list[Cursor]:
        """Return ``count`` entries after the cursor (None: from the newest); fewer only at the end."""
        found: list[Cursor] = []
        skipped, highest = 0, "+inf" if cursor is None else str(cursor.created_at)
        while len(found) < count:
            page = await self._page(highest, skipped, count)
            found += [entry for entry in page if cursor is None or entry < cursor]
            if len(page) < count:
                break
            skipped += len(page)
        return found[:count]

    async def _page(self, highest: str, skipped: int, count: int) -> list[Cursor]:
        words = (
            "ZRANGE",
            self._key,
            highest,
            "-inf",
            "BYSCORE",
            "REV",
            "LIMIT",
            skipped,
            count,
            "WITHSCORES",
        )
        flat = await self._connection.command(*words)
        return [
            Cursor(int(score), poll_id.decode()) for poll_id, score in zip(flat[::2], flat[1::2], strict=True)
        ]
