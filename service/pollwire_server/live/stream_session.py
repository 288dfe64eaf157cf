"""Session of one stream: which polls it watches, and with which credentials.

All four kinds of streams share this class: WebSockets and server-sent events, on the ASGI path and on the
fast path. They differ in how they send. Access and subscriptions are handled here.
"""

from __future__ import annotations

from types import TracebackType
from typing import Generic, NamedTuple, Protocol, Self, TypeVar

import msgspec

from pollwire_server.http_protocol.refusal_limiter import RefusalLimiter
from pollwire_server.live.connection_limits import ConnectionLimiter, ConnectionLimitExceeded
from pollwire_server.live.hub import Hub
from pollwire_server.live.poll_topic import Subscriber
from pollwire_server.live.read_access import ReadAccess, ReadGrant, StreamCredentials
from pollwire_server.live.result_feed import ResultFeed
from pollwire_server.live.timeouts import StreamTimeouts


class LiveContext(NamedTuple):
    """Objects that all streams of this process share."""

    access: ReadAccess
    feed: ResultFeed
    hub: Hub
    timeouts: StreamTimeouts
    connection_limiter: ConnectionLimiter = ConnectionLimiter()
    refusals: RefusalLimiter = RefusalLimiter(None)


class StreamSubscriber(Subscriber, Protocol):
    """A subscriber that can drop unsent frames."""

    def discard(self, poll_id: str) -> None:
        """Drop the unsent frame of a poll, because the client unsubscribed."""


Kind = TypeVar("Kind", bound=StreamSubscriber)


class StreamSession(Generic[Kind]):
    """Subscriptions and credentials of one stream. As a context manager it unsubscribes from all polls."""

    __slots__ = ("_check_origin", "_credentials", "_live", "_slot_address", "polls", "subscriber")

    def __init__(
        self, live: LiveContext, credentials: StreamCredentials, subscriber: Kind, *, check_origin: bool
    ) -> None:
        self.subscriber = subscriber
        self.polls: set[str] = set()
        self._live = live
        self._credentials = live.access.with_verified_ticket(credentials)
        self._check_origin = check_origin
        self._slot_address = b""

    def __enter__(self) -> Self:
        self._live.hub.join(self.subscriber)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for poll_id in self.polls:
            self._live.feed.unwatch(poll_id, self.subscriber)
        self._live.hub.remove_subscriber(self.subscriber)
        self._live.connection_limiter.release(self._slot_address)

    def acquire_slot(self) -> None:
        """Take a connection slot of the client's address. Enter the session at once, so that it is released.

        Raises ``ConnectionLimitExceeded``.
        """
        address = self._credentials.client.address
        if not self._live.connection_limiter.acquire(address):
            raise ConnectionLimitExceeded
        self._slot_address = address

    async def authorize(self, poll_id: str) -> ReadGrant:
        """Return the client's access to a poll. Raises like ``ReadAccess.authorize``."""
        grant = self._live.access.authorize_cached(poll_id, self._credentials)
        if grant is None:
            grant = await self._live.access.authorize(
                poll_id, self._credentials, check_origin=self._check_origin
            )
        return grant

    def watch(self, poll_id: str, grant: ReadGrant) -> None:
        """Subscribe to a poll. The first frame has the complete results."""
        self._live.hub.revocable.add(grant.reader, self.subscriber)
        self.subscriber.discard(poll_id)
        self.polls.add(poll_id)
        self._live.feed.watch(poll_id, self.subscriber, grant.role)

    def unwatch(self, poll_id: str) -> None:
        """Unsubscribe from a poll and drop its unsent frame."""
        if poll_id in self.polls:
            self.polls.discard(poll_id)
            self._live.feed.unwatch(poll_id, self.subscriber)
        self.subscriber.discard(poll_id)

    def authenticate(self, ticket: str) -> None:
        """Use this ticket for the rest of the stream. Raises ``TicketInvalid``."""
        verified = self._live.access.open_ticket(ticket)
        self._credentials = msgspec.structs.replace(self._credentials, verified_ticket=verified)
