"""Who watches what: the latest frame to each, never a queue.

A room is one watched poll: its newest change and its members. Delivering is a
round through the members that offers each the newest frame of its class,
unless it was shown the same content already. Rounds run in slices of at most
``SLICE_S`` and give way to each other and to the loop in between, so that a
room of a hundred thousand delays nobody's vote; whoever a round has not
reached yet gets what is newest by then, and a change that arrives during a
round costs one more round, not one per change.

A reader who came (or whose right to see grew) at some moment must be shown
nothing that was read before: ``since`` is the turn of the first read that is
fresh enough, and until a change of that turn is noted the member is passed
over.

The hub knows no store, no clock on the wall and no transport: a ``Subscriber``
keeps at most the newest frame of each poll and writes it when it can.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Final, Protocol

from pollwire_server.domain.visibility import ReaderRole
from pollwire_server.live.result_frames import ROLE_INDEX, ResultFrame, ResultUpdate
from pollwire_server.telemetry.metrics import FRAMES

log = logging.getLogger("pollwire.live")

SLICE_S: Final = 0.005
"""The longest that delivering may hold the loop: below what anybody notices, far above a switch's cost."""
MEMBERS_PER_CLOCK_CHECK: Final = 32
"""Members served between two glances at the clock; they take a third of a millisecond."""
DRAIN_TIMEOUT_S: Final = 3.0
"""How long a drain waits for readers to be told; one that does not read is not waited for."""


class Subscriber(Protocol):
    """One reader's stream. All calls are synchronous and must not raise or block."""

    def send_latest(self, poll_id: str, frame: ResultFrame) -> None:
        """The newest frame of a poll, in place of any that was not sent yet."""

    def poll_deleted(self, poll_id: str) -> None:
        """The poll does not exist (any more) for this reader, who watches it no longer."""

    def ask_to_reconnect(self, after_ms: int) -> None:
        """The service stops: tell the reader to come back after so long, and end."""


class _Subscription:
    """One subscriber in one room."""

    __slots__ = ("rank", "shown", "since", "subscriber")

    def __init__(self, subscriber: Subscriber, reader: ReaderRole, since: int) -> None:
        self.subscriber: Subscriber | None = subscriber
        self.rank = ROLE_INDEX[reader]
        self.since = since
        self.shown: bytes | None = None


class _PollTopic:
    """One watched poll."""

    __slots__ = ("delivering", "ended", "members", "newcomers", "newest", "once_more", "poll_id", "turn")

    def __init__(self, poll_id: str) -> None:
        self.poll_id = poll_id
        self.members: dict[Subscriber, _Subscription] = {}
        self.newcomers: list[_Subscription] = []
        self.newest: ResultUpdate | None = None
        self.turn = 0
        self.delivering = False
        self.once_more = False
        self.ended = False


class _Broadcast:
    """A walk through some members of a room that can be interrupted; ``is_full``: through all of them."""

    __slots__ = ("is_full", "members", "room")

    def __init__(self, room: _PollTopic, members: Iterable[_Subscription], *, is_full: bool) -> None:
        self.room = room
        self.is_full = is_full
        self.members = iter(list(members))


class Hub:
    """The rooms of one process. Everything is called from the loop's thread."""

    def __init__(self, *, slice_s: float = SLICE_S, clock: Callable[[], float] = time.perf_counter) -> None:
        self._slice_s = slice_s
        self._clock = clock
        self._rooms: dict[str, _PollTopic] = {}
        self._rounds: deque[_Broadcast] = deque()
        self._is_scheduled = False
        self._streams: set[Subscriber] = set()
        self._all_left = asyncio.Event()
        self.is_draining = False

    @property
    def watched(self) -> list[str]:
        """The polls that somebody watches."""
        return list(self._rooms)

    @property
    def streams(self) -> int:
        """How many streams are open."""
        return len(self._streams)

    def newest(self, poll_id: str) -> ResultUpdate | None:
        """The newest change of a watched poll that was noted."""
        room = self._rooms.get(poll_id)
        return None if room is None else room.newest

    def join(self, subscriber: Subscriber) -> None:
        """A stream was opened; it must ``leave`` at its end."""
        self._streams.add(subscriber)
        self._all_left.clear()

    def leave(self, subscriber: Subscriber) -> None:
        """A stream has ended; it must have left its rooms."""
        self._streams.discard(subscriber)
        if not self._streams:
            self._all_left.set()

    def watch(self, poll_id: str, subscriber: Subscriber, reader: ReaderRole, since: int) -> None:
        """``subscriber`` is to see the poll as ``reader``, from the first change of turn ``since`` on.

        Watching again begins anew: the whole results once more, as the reader is known now.
        """
        room = self._rooms.get(poll_id)
        if room is None:
            room = self._rooms[poll_id] = _PollTopic(poll_id)
        member = room.members.get(subscriber)
        if member is None:
            member = room.members[subscriber] = _Subscription(subscriber, reader, since)
        else:
            member.subscriber, member.rank, member.since, member.shown = (
                subscriber,
                ROLE_INDEX[reader],
                since,
                None,
            )
        room.newcomers.append(member)

    def unwatch(self, poll_id: str, subscriber: Subscriber) -> bool:
        """``subscriber`` is shown the poll no longer; whether nobody watches it now."""
        room = self._rooms.get(poll_id)
        if room is None:
            return True
        member = room.members.pop(subscriber, None)
        if member is not None:
            member.subscriber = None
        if room.members:
            return False
        del self._rooms[poll_id]
        return True

    def publish(self, change: ResultUpdate) -> bool:
        """Takes a change in, shows it to newcomers at once; whether it is news for the others.

        The first of a room is none: nobody is there but newcomers.
        A change that reads earlier than what the room has is not shown to
        anybody, but it proves that what the room has is not too old for those
        who waited for its turn.
        """
        room = self._rooms.get(change.poll.id)
        if room is None:
            return False
        before = room.newest
        room.turn = max(room.turn, change.turn)
        is_news = False
        if before is None or change.position >= before.position:
            is_news = before is not None and change.state != before.state
            room.newest = change
        self._send_initial(room)
        return is_news

    def broadcast(self, poll_id: str) -> None:
        """Shows every member the newest frame of its class; slices begin with the loop's next turn."""
        room = self._rooms.get(poll_id)
        if room is None:
            return
        if room.delivering:
            room.once_more = True
            return
        room.delivering = True
        self._begin(_Broadcast(room, room.members.values(), is_full=True))

    def end(self, poll_id: str) -> None:
        """The poll does not exist any more: every member is told, and the room is closed."""
        room = self._rooms.pop(poll_id, None)
        if room is not None:
            room.ended = True
            self._begin(_Broadcast(room, room.members.values(), is_full=True))

    async def drain(self, spread_ms: int) -> None:
        """Tells every stream to end and come back, each at its own moment within ``spread_ms``.

        Returns once all have ended, or after ``FAREWELL_S``. New streams are
        refused from now on (``is_draining``).
        """
        self.is_draining = True
        streams = list(self._streams)
        random.shuffle(streams)  # who came first is not let in first again
        for place, subscriber in enumerate(streams, start=1):
            subscriber.ask_to_reconnect(spread_ms * place // len(streams))
            if place % 100 == 0:
                await asyncio.sleep(0)
        if self._streams:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._all_left.wait(), DRAIN_TIMEOUT_S)

    def _send_initial(self, room: _PollTopic) -> None:
        """Begins a round for those who waited for a read as fresh as the newest."""
        if not room.newcomers:
            return
        ready = [member for member in room.newcomers if member.since <= room.turn]
        room.newcomers = [member for member in room.newcomers if member.since > room.turn]
        if ready:
            self._begin(_Broadcast(room, ready, is_full=False))

    def _begin(self, new_round: _Broadcast) -> None:
        self._rounds.append(new_round)
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._run)

    def _run(self) -> None:
        """One slice: rounds in turn, until all are done or the time is up."""
        deadline = self._clock() + self._slice_s
        while self._rounds:
            current = self._rounds[0]
            show = self._dismiss_all if current.room.ended else self._show_all
            while some := list(islice(current.members, MEMBERS_PER_CLOCK_CHECK)):
                show(current.room, some)
                if self._clock() >= deadline:
                    self._rounds.rotate(-1)
                    asyncio.get_running_loop().call_soon(self._run)
                    return
            self._rounds.popleft()
            self._finish(current)
        self._is_scheduled = False

    def _finish(self, done: _Broadcast) -> None:
        room = done.room
        if not done.is_full or room.ended:
            return
        if room.once_more:
            room.once_more = False
            self._rounds.append(_Broadcast(room, room.members.values(), is_full=True))
        else:
            room.delivering = False

    def _show_all(self, room: _PollTopic, members: Iterable[_Subscription]) -> None:
        """Written out, for it is all that a delivery costs here; a fault must not end the others' round."""
        newest, turn, poll_id = room.newest, room.turn, room.poll_id
        if newest is None:
            return
        frames, shown = newest.frames, 0
        for member in members:
            subscriber = member.subscriber
            if subscriber is None or member.since > turn:
                continue
            frame = frames[member.rank]
            if frame is None:
                self._remove(room, member)
            elif (content := frame.dedup_key) != member.shown:
                member.shown = content
                shown += 1
                try:
                    subscriber.send_latest(poll_id, frame)
                except Exception:
                    log.exception("A subscriber failed at a frame.")
        FRAMES.inc(shown)

    def _dismiss_all(self, room: _PollTopic, members: Iterable[_Subscription]) -> None:
        for member in members:
            self._remove(room, member)

    def _remove(self, room: _PollTopic, member: _Subscription) -> None:
        """The member is shown nothing more; its stream answers by unwatching, and rooms are emptied there."""
        subscriber, member.subscriber = member.subscriber, None
        if subscriber is None:
            return
        try:
            subscriber.poll_deleted(room.poll_id)
        except Exception:
            log.exception("A subscriber failed at the end of a poll.")
