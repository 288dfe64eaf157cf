"""Subscribers and updates for tests: a subscriber that records its calls, and made-up results."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import Any

from pollwire_server.domain.ballot import BallotCodec
from pollwire_server.domain.errors import PollwireError
from pollwire_server.domain.poll import Poll
from pollwire_server.domain.tally import Tally
from pollwire_server.live.result_frames import ResultFrame, ResultUpdate
from pollwire_server.store.polls.cache import PollRecord
from pollwire_server.store.results.reader import PollReading

from tests.factories import LONG_AGO, a_poll

NOW = LONG_AGO + 1_000
EPOCH = "018bcfe56800"


class RecordingSubscriber:
    """Subscriber that records its calls."""

    def __init__(self) -> None:
        self.frames: list[ResultFrame] = []
        self.times: list[float] = []
        self.deleted: list[str] = []
        self.reconnects: list[int] = []
        self.access_errors: list[PollwireError] = []

    def send_latest(self, poll_id: str, frame: ResultFrame) -> None:
        """Record the frame and its time."""
        self.frames.append(frame)
        self.times.append(perf_counter())

    def poll_deleted(self, poll_id: str) -> None:
        """Record the poll."""
        self.deleted.append(poll_id)

    def ask_to_reconnect(self, after_ms: int) -> None:
        """Record the delay."""
        self.reconnects.append(after_ms)

    def end_access(self, error: PollwireError) -> None:
        """Record the error."""
        self.access_errors.append(error)

    @property
    def voters(self) -> list[object]:
        """Return the number of voters in each frame. None for hidden totals."""
        return [None if frame.results.hidden else frame.results.voters for frame in self.frames]


def a_record(poll: Poll | None = None) -> PollRecord:
    """Return a poll record like the store's, without a store."""
    poll = poll or a_poll()
    return PollRecord(poll, BallotCodec(poll), b"k" * 32, voted=False, stamp=b"", incarnation=b"", keys=())


def an_update(
    poll: Poll,
    *,
    seq: int = 0,
    batch: int = 1,
    now: int = NOW,
    epoch: str = EPOCH,
    counts: Mapping[str, int] | None = None,
) -> ResultUpdate:
    """Return one read of ``poll`` with ``seq`` votes, all for the first option."""
    tally = Tally(epoch=epoch, seq=seq, voters=seq, counts=counts or {"A": seq}, now=now)
    return ResultUpdate(PollReading(a_record(poll), tally), batch)


def event_fields(event: bytes) -> dict[str, Any]:
    """Return the fields of a server-sent event by name."""
    lines = event.decode().strip().split("\n")
    return dict(line.split(": ", 1) for line in lines)
