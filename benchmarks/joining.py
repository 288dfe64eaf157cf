"""(d) Cost of joining, and memory of an idle subscriber and of a stored voter.

Each round uses a new server, so that its memory growth comes from its subscribers. 500 subscribers join and
leave first, so that caches are warm and code is compiled. The service checks origin and visibility and sends
the totals with the handshake. The peers check nothing and send a frame of the same length.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final

import msgspec

from benchmarks.crowd import SETTLE_S
from benchmarks.load import Readers
from benchmarks.peers import starting
from benchmarks.peers.starting import Peer
from benchmarks.processes import BenchmarkError
from benchmarks.run import Run
from benchmarks.service import a_service, write_tokens
from benchmarks.store import a_store
from benchmarks.votes import Ours

PART: Final = "joining"
CPU: Final = "CPU a handshake"
MEMORY: Final = "memory a quiet subscriber"
OURS, WS, LITESTAR, NCHAN = "this service", "ws (Node)", "Litestar handler", "nchan (nginx)"
POLL: Final = "quiet"
STORED: Final = "memory in the store"
VOTER: Final = "a voter, all keys"
WARM_UP: Final = 500

Start = Callable[[Run, int], AbstractContextManager[Peer]]


def measure(run: Run) -> None:
    """Measure subscribers, then stored voters."""
    size = _frame_bytes(run)
    for _ in run.rounds(PART):
        for name, start, path in SUBJECTS:
            with start(run, size) as peer:
                _join(run, name, peer, path)
    run.record.hold_ratio(PART, CPU, OURS, WS, 0.9)
    run.record.hold_ratio(PART, CPU, OURS, LITESTAR, 0.3)
    run.record.hold_median(PART, OURS, MEMORY, 3.0)
    _measure_voters(run)


@contextmanager
def _ours(run: Run, _: int) -> Iterator[Peer]:
    with a_store(run) as store, a_service(run, store) as service:
        service.add_poll(POLL)
        yield Peer(service.process, service.port)


SUBJECTS: Final[tuple[tuple[str, Start, str], ...]] = (
    (OURS, _ours, f"/v1/polls/{POLL}/live"),
    (WS, lambda run, size: starting.node_peer(run, "ws_join", size), "/"),
    (LITESTAR, lambda run, size: starting.python_peer(run, "litestar_sockets", size, 1), "/join"),
    (NCHAN, lambda run, size: starting.nchan(run, size, 0), "/live"),
)


def _frame_bytes(run: Run) -> int:
    with a_store(run) as store, a_service(run, store) as service:
        return len(msgspec.json.encode(service.results(service.add_poll(POLL))))


def _join(run: Run, name: str, peer: Peer, path: str) -> None:
    with Readers(peer.port, WARM_UP, path):
        time.sleep(SETTLE_S / 2)
    time.sleep(SETTLE_S / 2)
    cpu_s, memory = peer.process.cpu_s(), peer.process.memory_bytes()
    with Readers(peer.port, run.scale.joiners, path, rate=0) as readers:
        spent_s = peer.process.cpu_s() - cpu_s
        time.sleep(SETTLE_S)
        grown = peer.process.memory_bytes() - memory
        readers.check_all_there()
        if readers.stats().frames != readers.count or len(readers.newest()) != 1:
            raise BenchmarkError(f"{name}: not every reader has its first frame, and that alone.")
    run.record.add(PART, name, CPU, "us", spent_s / readers.count * 1e6)
    run.record.add(PART, name, "handshakes a second", "/s", readers.count / readers.seconds)
    run.record.add(PART, name, MEMORY, "KB", grown / readers.count / 1024)


def _measure_voters(run: Run) -> None:
    count = run.scale.stored_voters
    with a_store(run) as store, a_service(run, store) as service:
        ours = Ours(OURS, service, 1)
        tokens = write_tokens(run, count)
        before = store.used_bytes()
        ours.vote(run, "weighed", count, tokens)
        run.record.add(
            STORED, VOTER, "keys as the store weighs them", "bytes", store.bytes_of("pw:*") / count
        )
        grown = store.used_bytes() - before
        run.record.add(STORED, VOTER, "growth of the whole store", "bytes", grown / count)
    run.record.hold_median(STORED, VOTER, "keys as the store weighs them", 64)
