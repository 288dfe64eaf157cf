"""Origin rules for routes that are not tied to a single poll.

Voter tokens, tickets and multi-poll streams belong to the service. A site that only a poll's own ``origins``
allow needs these routes to use that poll. It therefore names the poll (``?poll=a``), and the poll's rule
applies. Of several polls, one that allows the site is enough. This reveals nothing of the other polls,
because every action on a poll and every result checks that poll's own rule again. Without an existing poll,
the rule of the service applies.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qs

from pollwire_server.auth.origins import OriginPolicy
from pollwire_server.domain.errors import PollwireError
from pollwire_server.domain.identifiers import IDENTIFIER
from pollwire_server.store import Store

Rule = tuple[str, ...] | None
"""The origins of a poll. None means the origins that the service allows."""

MAX_POLLS_IN_QUERY: Final = 100
"""The maximum number of polls of one stream."""


def poll_ids_in_query(query: bytes, limit: int = MAX_POLLS_IN_QUERY) -> tuple[str, ...]:
    """Return the first ``limit`` valid poll ids of the ``poll`` parameters of a query string."""
    if b"poll=" not in query:
        return ()
    polls = parse_qs(query.decode("latin-1")).get("poll", ())
    return tuple(poll for poll in dict.fromkeys(polls) if IDENTIFIER.fullmatch(poll))[:limit]


class PollOriginPolicy:
    """Combines the service's origin policy with the origins of polls."""

    __slots__ = ("_polls", "_results", "origins")

    def __init__(self, origins: OriginPolicy, store: Store) -> None:
        self.origins = origins
        self._polls = store.polls
        self._results = store.results

    def allows_now(self, origin: str | None, host: str | None, polls: Sequence[str]) -> bool:
        """Return True if the cached polls allow the origin.

        False can also mean that a poll is not cached. The caller then awaits ``allowed_origins``.
        """
        if origin is None or not polls:
            return self.origins.allows(origin, host)
        records = filter(None, map(self._polls.cached, polls))
        return any(self.origins.allows(origin, host, record.poll.origins) for record in records)

    async def allowed_origins(self, origin: str | None, host: str | None, polls: Sequence[str]) -> Rule:
        """Return the rule of the first poll that allows the origin, or else of the last existing poll.

        Polls that are not cached are read in one round trip. If the store is unavailable, they count as
        unknown.
        """
        if origin is None:
            return None
        with contextlib.suppress(PollwireError):
            await self._load_polls([poll for poll in polls if self._polls.cached(poll) is None])
        return self.cached_origins(origin, host, polls, None)

    def cached_origins(self, origin: str, host: str | None, polls: Sequence[str], default: Rule) -> Rule:
        """Return the rule like ``allowed_origins``, from the cache, or ``default`` if no poll is cached."""
        rule = default
        for record in filter(None, map(self._polls.cached, polls)):
            rule = record.poll.origins
            if self.origins.allows(origin, host, rule):
                break
        return rule

    async def _load_polls(self, polls: Sequence[str]) -> None:
        if len(polls) == 1:
            await self._polls.get(polls[0])  # concurrent callers share one read
        elif polls:
            await self._results.read_many(polls)
