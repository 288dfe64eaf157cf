"""What one reader watches, and as whom, from opening to end.

A ``Stream`` is the subscriber that the hub knows, the polls that it is shown,
and who the reader has proven to be. Sockets and event streams, on routes and
in the lane, differ in how they speak; what they watch is decided here.
"""

from __future__ import annotations

from types import TracebackType
from typing import Generic, NamedTuple, Protocol, Self, TypeVar

import msgspec

from pollwire_server.domain.visibility import ReaderRole
from pollwire_server.live.asgi.frame_sender import StreamTimeouts
from pollwire_server.live.connection_limits import ConnectionLimiter, ConnectionLimitExceeded
from pollwire_server.live.hub import Hub, Subscriber
from pollwire_server.live.read_access import ReadAccess, ReadGrant, StreamCredentials
from pollwire_server.live.result_feed import ResultFeed


class LiveContext(NamedTuple):
    """What every stream of this process works with."""

    door: ReadAccess
    feed: ResultFeed
    hub: Hub
    pace: StreamTimeouts
    seats: ConnectionLimiter = ConnectionLimiter()


class StreamSubscriber(Subscriber, Protocol):
    """A subscriber that can drop what waits in it."""

    def discard(self, poll_id: str) -> None:
        """The reader wants to hear of the poll no more."""


Kind = TypeVar("Kind", bound=StreamSubscriber)


class StreamSession(Generic[Kind]):
    """One reader's stream; a context manager, whose end leaves every room."""

    __slots__ = ("_by_origin", "_live", "_seat", "_visitor", "polls", "subscriber")

    def __init__(
        self, live: LiveContext, visitor: StreamCredentials, subscriber: Kind, *, by_origin: bool
    ) -> None:
        self.subscriber = subscriber
        self.polls: set[str] = set()
        self._live = live
        self._visitor = live.door.with_verified_ticket(visitor)
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
        self._live.seats.release(self._seat)

    def acquire_slot(self) -> None:
        """Takes a seat of the visitor's address; the stream must begin at once. Raises ``NoSeat``."""
        address = self._visitor.client.address
        if not self._live.seats.acquire(address):
            raise ConnectionLimitExceeded
        self._seat = address

    async def admit(self, poll_id: str) -> ReadGrant:
        """The reader's admission to a poll. Raises like ``Door.admit``."""
        admission = self._live.door.authorize_cached(poll_id, self._visitor)
        if admission is None:
            admission = await self._live.door.authorize(poll_id, self._visitor, by_origin=self._by_origin)
        return admission

    def watch(self, poll_id: str, reader: ReaderRole) -> None:
        """From now on the poll's results come to the subscriber, the whole first."""
        self.subscriber.discard(poll_id)
        self.polls.add(poll_id)
        self._live.feed.watch(poll_id, self.subscriber, reader)

    def unwatch(self, poll_id: str) -> None:
        """Nothing of the poll comes any more."""
        if poll_id in self.polls:
            self.polls.discard(poll_id)
            self._live.feed.unwatch(poll_id, self.subscriber)
        self.subscriber.discard(poll_id)

    def authenticate(self, ticket: str) -> None:
        """The reader is who the ticket says, for the rest of the stream. Raises ``TicketInvalid``."""
        proven = self._live.door.open_ticket(ticket)
        self._visitor = msgspec.structs.replace(self._visitor, proven=proven)
