"""State of one watched poll: the newest results, the subscriptions, and the pace of its reads.

The hub owns the topics. ``result_feed`` keeps its timers for a poll in the poll's topic, so that everything
about a watched poll is created and dropped together.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from pollwire_server.domain.errors import PollwireError
from pollwire_server.domain.visibility import ReaderRole
from pollwire_server.live.result_frames import ROLE_INDEX, ResultFrame, ResultUpdate


class Subscriber(Protocol):
    """One client's stream. All calls are synchronous and must not raise or block."""

    def send_latest(self, poll_id: str, frame: ResultFrame) -> None:
        """Send the newest frame of a poll, or store it in place of an unsent one."""

    def poll_deleted(self, poll_id: str) -> None:
        """Handle that the poll does not exist, or no longer exists, for this client. It is unsubscribed."""

    def ask_to_reconnect(self, after_ms: int) -> None:
        """Ask the client to reconnect after this time, and end the stream. The service stops."""

    def end_access(self, error: PollwireError) -> None:
        """Send the error and end the stream. The API key or issuer that the client reads by is gone."""


class Subscription:
    """Subscription of one stream to one poll."""

    __slots__ = ("min_batch", "role_index", "sent_key", "subscriber")

    def __init__(self, subscriber: Subscriber, role: ReaderRole, min_batch: int) -> None:
        self.subscriber: Subscriber | None = subscriber
        """None once the subscription has ended, because a running broadcast may still reach it."""
        self.role_index = ROLE_INDEX[role]
        self.min_batch = min_batch
        """The first read batch that is fresh enough for this subscription."""
        self.sent_key: bytes | None = None
        """``dedup_key`` of the last frame that was sent."""


class PollTopic:
    """One watched poll."""

    __slots__ = (
        "broadcast_again",
        "has_unsent_update",
        "is_broadcasting",
        "is_deleted",
        "new_subscriptions",
        "newest",
        "newest_batch",
        "next_delivery_at",
        "notified_at",
        "poll_id",
        "read_timer",
        "subscriptions",
        "transition_timer",
    )

    def __init__(self, poll_id: str) -> None:
        self.poll_id = poll_id
        self.subscriptions: dict[Subscriber, Subscription] = {}
        self.new_subscriptions: list[Subscription] = []
        """Subscriptions that wait for their first frame."""
        self.newest: ResultUpdate | None = None
        self.newest_batch = 0
        """The newest read batch that contained this poll."""
        self.is_broadcasting = False
        self.broadcast_again = False
        self.is_deleted = False
        self.has_unsent_update = False
        """True if ``newest`` has changed since the last broadcast began."""
        self.next_delivery_at = 0.0
        """Earliest instant (s, the loop's clock) of the next broadcast."""
        self.notified_at: float | None = None
        """When (s, the loop's clock) the oldest change that is not delivered yet was notified."""
        self.read_timer: asyncio.TimerHandle | None = None
        """Requests a read once the pace allows it."""
        self.transition_timer: asyncio.TimerHandle | None = None
        """Requests a read when time alone changes the poll, for example at ``closes_at``."""

    def cancel_timers(self) -> None:
        """Cancel everything that is scheduled for the poll."""
        for timer in (self.read_timer, self.transition_timer):
            if timer is not None:
                timer.cancel()
