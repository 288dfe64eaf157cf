"""Sans-I/O delivery policy of one stream: what to send next, and what is overdue.

Both kinds of streams use this policy: the sender task of the ASGI path and the socket object of the fast
path. They only move bytes. They report when the transport blocks, and they ask what to send once it is
writable again.

Nothing is queued. Each poll has one slot, and a newer frame replaces an unsent one. So a slow client receives
the newest frame only, and its memory depends on the number of polls it watches, not on the number of votes.
A deletion takes the same slot, because an older frame of a deleted poll is worthless.

At any moment exactly one thing can become overdue:

- The stream is closing: the close timeout. The connection is aborted.
- The transport is blocked: the send timeout. The stream is closed as too slow.
- Otherwise: the heartbeat.

The policy reads no clock. Instants are seconds of one monotonic clock that the caller chooses. The fast path
uses the coarse clock of its timer wheel, because it has thousands of sockets.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final, NamedTuple

from pollwire_server.live.result_frames import ResultFrame
from pollwire_server.live.timeouts import StreamTimeouts


class CloseReason(NamedTuple):
    """Close code of a WebSocket, and its reason in short ASCII."""

    code: int
    reason: str


POLL_DELETED: Final = CloseReason(4404, "there is no such poll")
ACCESS_REVOKED: Final = CloseReason(4401, "the API key or issuer is gone")
TOO_SLOW: Final = CloseReason(4408, "the reader is too slow")
RESTARTING: Final = CloseReason(1012, "the service restarts")
"""Code 1012 is "Service Restart" in the registry of RFC 6455. Clients reconnect."""


class Overdue(Enum):
    """Action to take when the deadline of a stream passes."""

    SEND_HEARTBEAT = auto()
    CLOSE_AS_TOO_SLOW = auto()
    ABORT = auto()


class Deadline(NamedTuple):
    """The next instant (s) at which something is overdue, and the action to take then."""

    at: float
    action: Overdue


class DeliveryPolicy:
    """Delivery state of one stream: unsent frames, and the instants that its deadline depends on."""

    __slots__ = ("_pending", "blocked_since", "closes_at", "last_sent_at")

    def __init__(self, now: float) -> None:
        self._pending: dict[str, ResultFrame | None] | None = (
            None  # created when needed: most sockets keep up
        )
        self.blocked_since: float | None = None
        """Since when (s) the transport accepts no more data. None while it is writable."""
        self.closes_at: float | None = None
        """When (s) the closing stream is aborted. None while it is open."""
        self.last_sent_at = now
        """When (s) the client was last sent a message that it can see."""

    def put_frame(self, poll_id: str, frame: ResultFrame) -> None:
        """Store the newest frame of a poll, replacing an unsent one."""
        if self._pending is None:
            self._pending = {poll_id: frame}
        else:
            self._pending[poll_id] = frame

    def put_deletion(self, poll_id: str) -> None:
        """Store that a poll was deleted, replacing an unsent frame."""
        if self._pending is None:
            self._pending = {poll_id: None}
        else:
            self._pending[poll_id] = None

    def discard(self, poll_id: str) -> None:
        """Drop the unsent frame or deletion of a poll."""
        if self._pending is not None:
            self._pending.pop(poll_id, None)

    def discard_all(self) -> None:
        """Drop everything that is unsent."""
        self._pending = None

    def next_pending(self) -> tuple[str, ResultFrame | None] | None:
        """Remove and return the poll that waited longest and its frame. The frame is None for a deletion."""
        if not self._pending:
            return None
        poll_id = next(iter(self._pending))
        frame = self._pending.pop(poll_id)
        if not self._pending:
            self._pending = None
        return poll_id, frame

    def begin_close(self, now: float, timeouts: StreamTimeouts) -> None:
        """Start the close timeout. Nothing that is unsent is sent any more."""
        self._pending = None
        self.closes_at = now + timeouts.close_timeout_s

    def deadline(self, timeouts: StreamTimeouts) -> Deadline:
        """Return when the next thing is overdue, and what to do then."""
        if self.closes_at is not None:
            return Deadline(self.closes_at, Overdue.ABORT)
        if self.blocked_since is not None:
            return Deadline(self.blocked_since + timeouts.send_timeout_s, Overdue.CLOSE_AS_TOO_SLOW)
        return Deadline(self.last_sent_at + timeouts.heartbeat_s, Overdue.SEND_HEARTBEAT)
