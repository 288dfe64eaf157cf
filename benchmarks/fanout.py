"""(b) Fan-out: cost of one frame to one socket.

Votes arrive twice as fast as frames are sent, so that every tick has a change. Their cost counts as cost of
the service. The peers send meaningless frames of the same size at the same rate. Frames are counted where
they arrive.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

import msgspec

from benchmarks import crowd
from benchmarks.load import Readers
from benchmarks.peers import starting
from benchmarks.processes import BenchmarkError
from benchmarks.run import Run
from benchmarks.service import a_service
from benchmarks.store import a_store

CPU: Final = "CPU a delivery"
OURS, FLOOR, NCHAN = "this service", "C, one send() a socket", "nchan (nginx)"
CHANNELS, BROADCAST = "Litestar channels", "websockets broadcast()"
UNCERTAIN_FRAMES: Final = 2
"""Allowed spread of a peer's stream: a frame just sent, and one that arrived between two queries."""

Start = Callable[[Run, int, int], AbstractContextManager[starting.Peer]]

PEERS: Final[tuple[tuple[str, Start, str], ...]] = (
    (FLOOR, starting.floor, "/"),
    (NCHAN, starting.nchan, "/live"),
    (
        CHANNELS,
        lambda run, size, hz: starting.python_peer(run, "litestar_sockets", size, hz),
        "/channel/results",
    ),
    (BROADCAST, lambda run, size, hz: starting.python_peer(run, "broadcast", size, hz), "/"),
)


def measure(run: Run) -> None:
    """Measure all subjects in turn for each number of sockets."""
    for sockets, hz in run.scale.crowds:
        part = part_of(sockets)
        for _ in run.rounds(part):
            size = measure_ours(run, sockets, hz, part)
            for name, start, path in PEERS:
                _measure_peer(run, (name, start, path), sockets, hz, size)
        run.record.hold_ratio(part, CPU, OURS, FLOOR, 1.1)
        run.record.hold_ratio(part, CPU, OURS, NCHAN, 0.9)
        run.record.hold_ratio(part, CPU, OURS, CHANNELS, 0.25)


def part_of(sockets: int) -> str:
    """Return the name of the part for this number of sockets."""
    return f"fan-out, {sockets:,} sockets"


def measure_ours(run: Run, sockets: int, hz: int, part: str, name: str = OURS) -> int:
    """Measure one round of this service. Return the size of its frames in bytes."""
    seconds = run.scale.fanout_s
    with a_store(run) as store, a_service(run, store, stream_hz=hz) as service:
        poll = service.add_poll("crowd")
        with Readers(service.port, sockets, f"/v1/polls/{poll}/live") as readers:
            time.sleep(crowd.SETTLE_S)
            with crowd.voting(run, service, poll, rate=2 * hz, seconds=seconds + 1):
                frames, spent_s = crowd.deliveries(service.process, readers, seconds)
            crowd.check_truth(service, poll, readers)
        size = len(msgspec.json.encode(service.results(poll)))
    _note(run, part, name, frames, spent_s)
    return size


def _measure_peer(run: Run, peer: tuple[str, Start, str], sockets: int, hz: int, size: int) -> None:
    name, start, path = peer
    with start(run, size, hz) as (process, port), Readers(port, sockets, path) as readers:
        time.sleep(crowd.SETTLE_S)
        frames, spent_s = crowd.deliveries(process, readers, run.scale.fanout_s)
        readers.check_all_there()
        if len(readers.newest()) > UNCERTAIN_FRAMES:
            raise BenchmarkError(f"{name}: readers are behind by more than a frame.")
    _note(run, part_of(sockets), name, frames, spent_s)


def _note(run: Run, part: str, name: str, frames: int, spent_s: float) -> None:
    run.record.add(part, name, CPU, "us", spent_s / frames * 1e6)
    run.record.add(part, name, "frames a second", "/s", frames / run.scale.fanout_s)
