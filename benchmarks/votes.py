"""(a) Votes: cost of one counted vote, compared with peers and with hello world.

Every subject gets the same requests (a phone's 13 headers, a different voter each), the same load and the
same store, which calls fsync before it replies. The service checks token, origin and limits and signs a
receipt. The peers check nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from benchmarks import browser
from benchmarks.load import Load, LoadResult
from benchmarks.peers import starting
from benchmarks.processes import BenchmarkError, Process
from benchmarks.run import Run
from benchmarks.service import OPTIONS, Service, a_service, asgi_service, write_tokens
from benchmarks.store import PrivateStore, a_store

PART: Final = "votes"
CPU: Final = "CPU a vote"
OURS, ORDINARY, HELLO = (
    "this service",
    "its ordinary route, without the lane",
    "hello world, raw ASGI on uvicorn",
)
FASTIFY, FASTAPI = "Fastify + ioredis", "FastAPI + redis-py"


class Subject(ABC):
    """A server that accepts votes; ``per_second`` is its estimated speed, from which the load size
    follows."""

    def __init__(self, name: str, process: Process, port: int, per_second: int) -> None:
        self.name = name
        self.process = process
        self.port = port
        self.per_second = per_second

    @abstractmethod
    def add_poll(self, poll: str) -> None:
        """Create a poll."""

    @abstractmethod
    def check(self, poll: str, votes: int) -> None:
        """Check that every vote was counted once. Raises ``BenchmarkError``."""

    def vote(self, run: Run, poll: str, count: int, tokens: Path) -> LoadResult:
        """Send ``count`` votes of different voters, and check that all are counted."""
        self.add_poll(poll)
        requests = [browser.vote(self.port, poll, choice) for choice in OPTIONS]
        answers = Load(run, self.port, requests, tokens=tokens).send(count)
        self.check(poll, count)
        return answers


class Ours(Subject):
    """This service, or its application on another server."""

    def __init__(self, name: str, service: Service, per_second: int) -> None:
        super().__init__(name, service.process, service.port, per_second)
        self._service = service

    def add_poll(self, poll: str) -> None:
        self._service.add_poll(poll)

    def check(self, poll: str, votes: int) -> None:
        self._service.check_votes(poll, votes)


class Theirs(Subject):
    """A peer that uses the peers' Lua function."""

    def __init__(self, name: str, peer: starting.Peer, store: PrivateStore, per_second: int) -> None:
        super().__init__(name, peer.process, peer.port, per_second)
        self._store = store

    def add_poll(self, poll: str) -> None:
        self._store.add_peer_poll(poll)

    def check(self, poll: str, votes: int) -> None:
        found = self._store.peer_votes(poll)
        if found != (votes, votes):
            raise BenchmarkError(f"{self.name} counted {found} of {votes} votes.")


class Hello(Subject):
    """Hello world, which counts nothing."""

    def add_poll(self, poll: str) -> None: ...

    def check(self, poll: str, votes: int) -> None: ...


def measure(run: Run) -> None:
    """Measure all subjects in turn on one store."""
    with a_store(run) as store, ExitStack() as serving:
        subjects = _subjects(run, store, serving)
        tokens = write_tokens(run, int(max(each.per_second for each in subjects) * run.scale.load_s))
        for number, subject in enumerate(subjects):
            subject.vote(run, f"warm-{number}", int(subject.per_second * run.scale.load_s / 3), tokens)
        for number in run.rounds(PART):
            for place, subject in enumerate(subjects):
                _measure_one(run, subject, f"round-{number}-{place}", tokens, store)
    for peer, limit in ((FASTIFY, 0.55), (FASTAPI, 0.08), (HELLO, 0.7)):
        run.record.hold_ratio(PART, CPU, OURS, peer, limit)


def _subjects(run: Run, store: PrivateStore, serving: ExitStack) -> list[Subject]:
    hello = serving.enter_context(starting.python_peer(run, "hello"))
    return [
        Ours(OURS, serving.enter_context(a_service(run, store)), 22_000),
        Ours(ORDINARY, serving.enter_context(asgi_service(run, store)), 4_000),
        Theirs(FASTIFY, serving.enter_context(starting.fastify(run, store)), store, 15_000),
        Theirs(FASTAPI, serving.enter_context(starting.fastapi(run, store)), store, 2_500),
        Hello(HELLO, hello.process, hello.port, 20_000),
    ]


def _measure_one(run: Run, subject: Subject, poll: str, tokens: Path, store: PrivateStore) -> None:
    count = int(subject.per_second * run.scale.load_s)
    cpu_s, store_s = subject.process.cpu_s(), store.process.cpu_s()
    answers = subject.vote(run, poll, count, tokens)
    spent_s, stored_s = subject.process.cpu_s() - cpu_s, store.process.cpu_s() - store_s
    add = run.record.add
    add(PART, subject.name, CPU, "us", spent_s / count * 1e6)
    add(PART, subject.name, "votes a second", "/s", count / answers.seconds)
    add(PART, subject.name, "latency p99", "ms", answers.p99_ms)
    if not isinstance(subject, Hello):
        add(PART, subject.name, "CPU of the store a vote", "us", stored_s / count * 1e6)
