"""Which polls there are, newest first: a list of where to look, never the truth.

It lies in a slot of its own, so a poll and its entry are not written in one
step in a cluster. The order of writing keeps every poll listed; an entry
whose poll is gone is passed over by whoever reads the list.
"""

from __future__ import annotations

from typing import NamedTuple

from pollwire_server.domain.errors import InvalidPoll
from pollwire_server.store.keys import index_key
from pollwire_server.store.transport.connection import StoreConnection


class Cursor(NamedTuple):
    """An entry of the list, and so a place in it: what follows was created earlier, or has a smaller id."""

    created_at: int
    poll_id: str

    def __str__(self) -> str:
        return f"{self.created_at}.{self.poll_id}"

    @classmethod
    def parse(cls, text: str | None) -> Cursor | None:
        """The place that a page's cursor names; ``InvalidPoll`` for what is no cursor."""
        if text is None:
            return None
        created_at, _, poll_id = text.partition(".")
        if not (created_at.isascii() and created_at.isdigit() and len(created_at) <= 16 and poll_id):
            raise InvalidPoll("cursor", "cursor must be the next of an earlier page.")
        return cls(int(created_at), poll_id)


class PollIndex:
    """The list of a namespace."""

    def __init__(self, connection: StoreConnection) -> None:
        self._connection = connection
        self._key = index_key(connection.namespace)

    async def add(self, poll_id: str, created_at: int) -> None:
        """List a poll; harmless where it is listed."""
        await self._connection.command("ZADD", self._key, created_at, poll_id)

    async def remove(self, poll_id: str) -> None:
        """List it no longer."""
        await self._connection.command("ZREM", self._key, poll_id)

    async def after(self, place: Cursor | None, count: int) -> list[Cursor]:
        """Up to ``count`` entries after the place (None: the newest); fewer only at the end of the list."""
        found: list[Cursor] = []
        skipped, highest = 0, "+inf" if place is None else str(place.created_at)
        while len(found) < count:
            page = await self._page(highest, skipped, count)
            found += [entry for entry in page if place is None or entry < place]
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
