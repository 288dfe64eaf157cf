"""Retention: automatic archiving of polls that ended more than ``POLLWIRE_RETENTION_DAYS`` ago.

Archiving destroys the ballots of a poll and the key that identifies its voters, and keeps its results. The
setting serves deployments that must delete voter data after a fixed time. The exact hour does not matter, so
one worker at a time checks all polls periodically. Each poll is archived atomically at the version that was
read, so a poll that was reopened meanwhile is not archived. The next check continues after a failed one.
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

INTERVAL_S: Final = 600.0
BY: Final = "retention"
"""The author of the action in the audit log."""
DAY_MS: Final = 24 * 3600 * 1000
_PAGE: Final = 100
_ENDED: Final = (Phase.CLOSED, Phase.RESOLVED, Phase.CANCELED)


class Retention:
    """Background task that archives polls ``days`` after their end. None disables it."""

    def __init__(self, store: Store, days: int | None, *, interval_s: float = INTERVAL_S) -> None:
        self._store = store
        self._days = days
        self._interval_s = interval_s

    async def run(self) -> None:
        """Check all polls periodically, until cancelled."""
        while self._days is not None:
            try:
                if await self._store.voter_rate_limiter.use_once(b"retention", int(self._interval_s * 900)):
                    await self.archive_expired()
            except StoreUnavailable:
                log.info("Store unavailable; expired polls are archived later")
            await asyncio.sleep(self._interval_s)
        await asyncio.Event().wait()

    async def archive_expired(self) -> int:
        """Archive all expired polls. Return their number. Raises ``StoreUnavailable``."""
        polls, cursor, archived = self._store.polls, None, 0
        until = await polls.now() - (self._days or 0) * DAY_MS
        while True:
            page, cursor = await polls.list(cursor=cursor, limit=_PAGE)
            for record in page:
                archived += is_expired(record.poll, until) and await self._archive(record.poll)
            if cursor is None:
                break
        if archived:
            self._store.aof_rewriter.begin()
            log.info("%d polls archived that ended more than %s days ago", archived, self._days)
        return archived

    async def _archive(self, poll: Poll) -> bool:
        try:
            await self._store.polls.act(poll.id, LifecycleAction.ARCHIVE, version=poll.version, by=BY)
        except StoreUnavailable:
            raise
        except PollwireError as error:  # edited, reopened or deleted since it was read
            log.info("Poll %s not archived: %s", poll.id, error.detail)
            return False
        return True


def is_expired(poll: Poll, until: int) -> bool:
    """Return True if voting ended before ``until`` (ms) and the poll is not archived yet."""
    ended_at = poll.closes_at if poll.closed_at is None else poll.closed_at
    return ended_at is not None and ended_at < until and poll.phase(until) in _ENDED
