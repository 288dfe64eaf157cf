"""What one reader watches through an ordinary route, from opening to end.

A ``Stream`` is a mailbox that the hub knows, the polls that fill it, and who
the reader has proven to be. Sockets and event streams differ in how they
speak; what they watch, and as whom, is here.
"""

from __future__ import annotations

from types import TracebackType
from typing import NamedTuple, Self

import msgspec

from service.domain.visibility import Reader
from service.live.door import Admission, Door, Visitor
from service.live.feed import Feed
from service.live.hub import Hub
from service.live.mailbox import Mailbox, Pace


class Live(NamedTuple):
    """What every stream of this process works with."""

    door: Door
    feed: Feed
    hub: Hub
    pace: Pace


class Stream:
    """One reader's stream; a context manager, whose end leaves every room."""

    def __init__(self, live: Live, visitor: Visitor, *, by_origin: bool) -> None:
        self.mailbox = Mailbox()
        self.polls: set[str] = set()
        self._live = live
        self._visitor = live.door.proven(visitor)
        self._by_origin = by_origin

    def __enter__(self) -> Self:
        self._live.hub.join(self.mailbox)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for poll_id in self.polls:
            self._live.feed.unwatch(poll_id, self.mailbox)
        self._live.hub.leave(self.mailbox)

    async def admit(self, poll_id: str) -> Admission:
        """The reader's admission to a poll. Raises like ``Door.admit``."""
        admission = self._live.door.glance(poll_id, self._visitor)
        if admission is None:
            admission = await self._live.door.admit(poll_id, self._visitor, by_origin=self._by_origin)
        return admission

    def watch(self, poll_id: str, reader: Reader) -> None:
        """From now on the poll's results come to the mailbox, the whole first."""
        self.mailbox.forget(poll_id)
        self.polls.add(poll_id)
        self._live.feed.watch(poll_id, self.mailbox, reader)

    def unwatch(self, poll_id: str) -> None:
        """Nothing of the poll comes any more."""
        if poll_id in self.polls:
            self.polls.discard(poll_id)
            self._live.feed.unwatch(poll_id, self.mailbox)
        self.mailbox.forget(poll_id)

    def prove(self, ticket: str) -> None:
        """The reader is who the ticket says, for the rest of the stream. Raises ``TicketInvalid``."""
        proven = self._live.door.open_ticket(ticket)
        self._visitor = msgspec.structs.replace(self._visitor, proven=proven)
