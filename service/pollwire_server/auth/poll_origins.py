"""Whose rule about ``Origin`` a request is judged by, where its address is of no one poll.

Tokens, tickets, and streams of many polls belong to the service. A site that
only a poll's own ``origins`` allow needs them all the same to use that poll,
so it names the poll (``?poll=a``), and is then judged by that poll's rule. Of
several it is enough that one allows the site: nothing of the others goes out
by that, for whatever is done in a poll or shown of it is judged by that
poll's own rule again. Without a poll, or with none that exists, the service's
own rule decides.
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
"""The sites that a poll names; None: those that the service allows."""

MOST_NAMED: Final = 100
"""Polls that one stream may carry, so more need not be named for it."""


def poll_ids_in_query(query: bytes, most: int = MOST_NAMED) -> tuple[str, ...]:
    """The first ``most`` polls that a query string names with ``poll=``, those left out that cannot exist."""
    if b"poll=" not in query:
        return ()
    named = parse_qs(query.decode("latin-1")).get("poll", ())
    return tuple(poll for poll in dict.fromkeys(named) if IDENTIFIER.fullmatch(poll))[:most]


class PollOriginPolicy:
    """The rule about sites, with what polls say of it."""

    __slots__ = ("_polls", "_results", "origins")

    def __init__(self, origins: OriginPolicy, store: Store) -> None:
        self.origins = origins
        self._polls = store.polls
        self._results = store.results

    def allows_now(self, origin: str | None, host: str | None, polls: Sequence[str]) -> bool:
        """Whether the site may, by what this process knows; False also means: ask for the ``rule``."""
        if origin is None or not polls:
            return self.origins.allows(origin, host)
        records = filter(None, map(self._polls.cached, polls))
        return any(self.origins.allows(origin, host, record.poll.origins) for record in records)

    async def allowed_origins(self, origin: str | None, host: str | None, polls: Sequence[str]) -> Rule:
        """What the site is to be judged by: the rule of a poll that allows it, else of the last there is.

        Polls that this process has not met are read, in one round trip; while
        the store is away they are as good as unknown.
        """
        if origin is None:
            return None
        with contextlib.suppress(PollwireError):
            await self._load_polls([poll for poll in polls if self._polls.cached(poll) is None])
        rule: Rule = None
        for record in filter(None, map(self._polls.cached, polls)):
            rule = record.poll.origins
            if self.origins.allows(origin, host, rule):
                break
        return rule

    async def _load_polls(self, polls: Sequence[str]) -> None:
        if len(polls) == 1:
            await self._polls.get(polls[0])  # one read for all who ask at this moment
        elif polls:
            await self._results.read_many(polls)
