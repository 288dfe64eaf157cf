"""(g) Growth of cost with the voters of a poll, the number of polls and the number of subscribers."""

from __future__ import annotations

import asyncio
import os
from typing import Final

from pollwire_server.domain.errors import PollwireError
from pollwire_server.store import open_store
from pollwire_server.store.votes.ballots import BallotInput

from benchmarks import browser, fanout
from benchmarks.load import Load
from benchmarks.processes import BenchmarkError, Process
from benchmarks.run import Run
from benchmarks.service import OPTIONS, Service, a_service, write_tokens
from benchmarks.store import PrivateStore, a_store

VOTERS, POLLS, SUBSCRIBERS = "growth by voters in the poll before", "growth by polls", "growth by subscribers"
CPU: Final = "CPU a vote"
STORE_CPU: Final = "CPU of the store a vote"
PER_SECOND: Final = 5_000
"""A quarter of the capacity, so that a poll with few voters does not become a large one meanwhile."""
FILL_BATCH: Final = 1_000
BUSY_SUBSCRIBERS: Final = 2_000
"""Up to this number, subscribers get 10 frames a second, above it one; both need less than one core."""


def measure(run: Run) -> None:
    """The three kinds of growth."""
    with a_store(run) as store, a_service(run, store) as service:
        for _ in run.rounds(VOTERS):
            for voters in run.scale.voters:
                _with_voters(run, store, service, voters)
    with a_store(run) as store, a_service(run, store) as service:
        for number in range(max(run.scale.polls)):
            service.add_poll(_poll_id(number))
        for _ in run.rounds(POLLS):
            for polls in run.scale.polls:
                _with_polls(run, store, service, polls)
    for _ in run.rounds(SUBSCRIBERS):
        for sockets in run.scale.subscribers:
            hz = 10 if sockets <= BUSY_SUBSCRIBERS else 1
            fanout.measure_ours(run, sockets, hz, SUBSCRIBERS, f"{sockets:,}")


def _with_voters(run: Run, store: PrivateStore, service: Service, voters: int) -> None:
    poll = service.add_poll(f"voters-{voters}-{os.urandom(4).hex()}")
    asyncio.run(_fill(store.url, poll, voters))
    count = _count(run)
    requests = [browser.vote(service.port, poll, choice) for choice in OPTIONS]
    load = Load(run, service.port, requests, tokens=write_tokens(run, count))
    _measure(run, (service.process, store.process), (VOTERS, f"{voters:,}"), load)
    service.check_votes(poll, voters + count)


async def _fill(url: str, poll: str, voters: int) -> None:
    """Voters through the store's own door, many in one call: how they came does not matter."""
    store = await open_store(url)
    try:
        record = await store.polls.get(poll)
        for begin in range(0, voters, FILL_BATCH):
            casts = [BallotInput(os.urandom(16), "A") for _ in range(min(FILL_BATCH, voters - begin))]
            [reply] = await store.ballots.cast_many([(record, casts)])
            if isinstance(reply, PollwireError):
                raise BenchmarkError(f"{poll} could not be filled: {reply}")
    finally:
        await store.close()


def _with_polls(run: Run, store: PrivateStore, service: Service, polls: int) -> None:
    ids = run.path("polls")
    ids.write_text("".join(f"{_poll_id(number)}\n" for number in range(polls)))
    count = _count(run)
    requests = [browser.vote(service.port, browser.POLL, choice) for choice in OPTIONS]
    load = Load(run, service.port, requests, tokens=write_tokens(run, count), polls=ids)
    expected = service.results(_poll_id(0))["voters"] + -(
        -count // polls
    )  # every poll in turn, the first first
    _measure(run, (service.process, store.process), (POLLS, f"{polls:,}"), load)
    service.check_votes(_poll_id(0), expected)


def _measure(run: Run, charged: tuple[Process, Process], row: tuple[str, str], load: Load) -> None:
    """One load of votes, charged to the service and to the store."""
    count = _count(run)
    before = [process.cpu_s() for process in charged]
    answers = load.send(count)
    spent_s = [process.cpu_s() - then for process, then in zip(charged, before, strict=True)]
    run.record.add(*row, CPU, "us", spent_s[0] / count * 1e6)
    run.record.add(*row, STORE_CPU, "us", spent_s[1] / count * 1e6)
    run.record.add(*row, "latency p99", "ms", answers.p99_ms)


def _count(run: Run) -> int:
    return int(PER_SECOND * run.scale.load_s)


def _poll_id(number: int) -> str:
    return f"p{number:0{browser.POLL_CHARACTERS - 1}}"
