"""Polls that ended long ago are archived by themselves: ``POLLWIRE_RETENTION_DAYS``.

Archiving destroys a poll's ballots and the key by which its voters are known, and keeps its results. Who is
to keep nothing of voters for longer than they said sets the days; nothing depends on the hour, so this is a
look now and then, by one worker at a time. Each poll is archived in one step of the store, at the version
that was looked at, so that one reopened meanwhile stays; a look that breaks off is made up for by the next.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from pollwire_server.domain.errors import PollwireError, StoreUnavailable
from pollwire_server.domain.poll import Poll
from pollwire_server.domain.window import LifecycleAction, Phase
from pollwire_server.store import Store

log = logging.getLogger("pollwire.admin")

LOOK_EVERY_S: Final = 600.0
BY: Final = "retention"
"""Who archived it, in the poll's log."""
DAY_MS: Final = 24 * 3600 * 1000
_PAGE: Final = 100
_ENDED: Final = (Phase.CLOSED, Phase.RESOLVED, Phase.CANCELED)


class Retention:
    """Archives what ended more than ``days`` ago; None: never."""

    def __init__(self, store: Store, days: int | None, *, look_every_s: float = LOOK_EVERY_S) -> None:
        self._store = store
        self._days = days
        self._look_every_s = look_every_s

    async def run(self) -> None:
        """Looks again and again; never ends."""
        while self._days is not None:
            try:
                if await self._store.voter_rate_limiter.use_once(b"retention", int(self._look_every_s * 900)):
                    await self.archive_expired()
            except StoreUnavailable:
                log.info("The store is away; ended polls are looked at later.")
            await asyncio.sleep(self._look_every_s)
        await asyncio.Event().wait()

    async def archive_expired(self) -> int:
        """How many were archived now. Raises ``StoreUnavailable``."""
        polls, cursor, archived = self._store.polls, None, 0
        until = await polls.now() - (self._days or 0) * DAY_MS
        while True:
            page, cursor = await polls.list(cursor=cursor, limit=_PAGE)
            for record in page:
                archived += is_over(record.poll, until) and await self._archive(record.poll)
            if cursor is None:
                break
        if archived:
            self._store.aof_rewriter.begin()
            log.info("%d polls that ended more than %s days ago were archived.", archived, self._days)
        return archived

    async def _archive(self, poll: Poll) -> bool:
        try:
            await self._store.polls.act(poll.id, LifecycleAction.ARCHIVE, version=poll.version, by=BY)
        except StoreUnavailable:
            raise
        except PollwireError as error:  # edited, reopened or deleted since it was looked at
            log.info("%s was not archived: %s", poll.id, error.detail)
            return False
        return True


def is_over(poll: Poll, until: int) -> bool:
    """Whether voting ended before ``until`` (ms) and the poll is not archived yet."""
    ended_at = poll.closes_at if poll.closed_at is None else poll.closed_at
    return ended_at is not None and ended_at < until and poll.phase(until) in _ENDED
