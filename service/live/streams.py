"""What one reader watches, and as whom, from opening to end.

A ``Stream`` is the subscriber that the hub knows, the polls that it is shown,
and who the reader has proven to be. Sockets and event streams, on routes and
in the lane, differ in how they speak; what they watch is decided here.
"""

from __future__ import annotations

from types import TracebackType
from typing import Generic, NamedTuple, Protocol, Self, TypeVar

import msgspec

from service.domain.visibility import Reader
from service.live.door import Admission, Door, Visitor
from service.live.feed import Feed
from service.live.hub import Hub, Subscriber
from service.live.mailbox import Pace
from service.live.seats import NoSeat, Seats


class Live(NamedTuple):
    """What every stream of this process works with."""

    door: Door
    feed: Feed
    hub: Hub
    pace: Pace
    seats: Seats = Seats()


class Forgetful(Subscriber, Protocol):
    """A subscriber that can drop what waits in it."""

    def forget(self, poll_id: str) -> None:
        """The reader wants to hear of the poll no more."""


Kind = TypeVar("Kind", bound=Forgetful)


class Stream(Generic[Kind]):
    """One reader's stream; a context manager, whose end leaves every room."""

    __slots__ = ("_by_origin", "_live", "_seat", "_visitor", "polls", "subscriber")

    def __init__(self, live: Live, visitor: Visitor, subscriber: Kind, *, by_origin: bool) -> None:
        self.subscriber = subscriber
        self.polls: set[str] = set()
        self._live = live
        self._visitor = live.door.proven(visitor)
        self._by_origin = by_origin
        self._seat = b""

    def __enter__(self) -> Self:
        self._live.hub.join(self.subscriber)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for poll_id in self.polls:
            self._live.feed.unwatch(poll_id, self.subscriber)
        self._live.hub.leave(self.subscriber)
        self._live.seats.leave(self._seat)

    def sit(self) -> None:
        """Takes a seat of the visitor's address; the stream must begin at once. Raises ``NoSeat``."""
        address = self._visitor.client.address
        if not self._live.seats.take(address):
            raise NoSeat
        self._seat = address

    async def admit(self, poll_id: str) -> Admission:
        """The reader's admission to a poll. Raises like ``Door.admit``."""
        admission = self._live.door.glance(poll_id, self._visitor)
        if admission is None:
            admission = await self._live.door.admit(poll_id, self._visitor, by_origin=self._by_origin)
        return admission

    def watch(self, poll_id: str, reader: Reader) -> None:
        """From now on the poll's results come to the subscriber, the whole first."""
        self.subscriber.forget(poll_id)
        self.polls.add(poll_id)
        self._live.feed.watch(poll_id, self.subscriber, reader)

    def unwatch(self, poll_id: str) -> None:
        """Nothing of the poll comes any more."""
        if poll_id in self.polls:
            self.polls.discard(poll_id)
            self._live.feed.unwatch(poll_id, self.subscriber)
        self.subscriber.forget(poll_id)

    def prove(self, ticket: str) -> None:
        """The reader is who the ticket says, for the rest of the stream. Raises ``TicketInvalid``."""
        proven = self._live.door.open_ticket(ticket)
        self._visitor = msgspec.structs.replace(self._visitor, proven=proven)
