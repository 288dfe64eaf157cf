"""Readers and readings for tests: a subscriber that remembers what it was told, and totals made up."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import Any

from pollwire_server.domain.ballot import BallotCodec
from pollwire_server.domain.poll import Poll
from pollwire_server.domain.tally import Tally
from pollwire_server.live.result_frames import ResultFrame, ResultUpdate
from pollwire_server.store.polls.cache import PollRecord
from pollwire_server.store.results.reader import PollReading

from tests.factories import LONG_AGO, a_poll

NOW = LONG_AGO + 1_000
EPOCH = "018bcfe56800"


class Listener:
    """A subscriber that remembers."""

    def __init__(self) -> None:
        self.frames: list[ResultFrame] = []
        self.times: list[float] = []
        self.lost: list[str] = []
        self.retired: list[int] = []

    def send_latest(self, poll_id: str, frame: ResultFrame) -> None:
        """Remembers the frame, and when it came."""
        self.frames.append(frame)
        self.times.append(perf_counter())

    def poll_deleted(self, poll_id: str) -> None:
        """Remembers the poll."""
        self.lost.append(poll_id)

    def ask_to_reconnect(self, after_ms: int) -> None:
        """Remembers the time."""
        self.retired.append(after_ms)

    @property
    def voters(self) -> list[object]:
        """The number of voters of each frame, None where the totals were hidden."""
        return [None if frame.results.hidden else frame.results.voters for frame in self.frames]


def a_record(poll: Poll | None = None) -> PollRecord:
    """A poll as the store would hand it out, without a store."""
    poll = poll or a_poll()
    return PollRecord(poll, BallotCodec(poll), b"k" * 32, voted=False, stamp=b"", incarnation=b"", keys=())


def a_change(
    poll: Poll,
    *,
    seq: int = 0,
    turn: int = 1,
    now: int = NOW,
    epoch: str = EPOCH,
    counts: Mapping[str, int] | None = None,
) -> ResultUpdate:
    """One read of ``poll`` at which ``seq`` people have voted, all for the first option."""
    tally = Tally(epoch=epoch, seq=seq, voters=seq, counts=counts or {"A": seq}, now=now)
    return ResultUpdate(PollReading(a_record(poll), tally), turn)


def event_fields(event: bytes) -> dict[str, Any]:
    """A server-sent event's fields by name."""
    lines = event.decode().strip().split("\n")
    return dict(line.split(": ", 1) for line in lines)
