"""(h) First visit of a new voter from a page of another origin: cost of each request, and in total.

The page reads the poll and opens its stream. Then the voter votes: a preflight and a token, a preflight and
the vote. Browsers cache preflights for two hours, so only the first visit pays for them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks import browser
from benchmarks.load import Load, Readers
from benchmarks.run import Run
from benchmarks.service import OPTIONS, SITE, Service, a_service, write_tokens
from benchmarks.store import a_store

PART: Final = "a new reader's visit"
CPU: Final = "CPU"
WHOLE: Final = "the whole visit"


def measure(run: Run) -> None:
    """Measure the steps one after the other, each with the same number of voters."""
    with a_store(run) as store, a_service(run, store) as service:
        tokens = write_tokens(run, run.scale.visits)
        for round_ in run.rounds(PART):
            poll = service.add_poll(f"visited-{round_}")
            whole_us = 0.0
            for name, step in _steps(run, service, poll, tokens):
                cpu_s = service.process.cpu_s()
                step()
                spent_us = (service.process.cpu_s() - cpu_s) / run.scale.visits * 1e6
                run.record.add(PART, name, CPU, "us", spent_us)
                whole_us += spent_us
            run.record.add(PART, WHOLE, CPU, "us", whole_us)
            service.check_votes(poll, run.scale.visits)


def _steps(run: Run, service: Service, poll: str, tokens: Path) -> list[tuple[str, Callable[[], object]]]:
    port, count = service.port, run.scale.visits
    path = f"/v1/polls/{poll}"

    def sent(*requests: bytes, status: int = 200) -> Callable[[], object]:
        load = Load(run, port, requests, tokens=tokens)
        return lambda: load.send(count, status=status)

    votes = [browser.vote(port, poll, choice, SITE) for choice in OPTIONS]
    return [
        ("the poll", sent(browser.read_results(port, path, SITE))),
        ("the stream: handshake and first frame", lambda: _join(port, count, f"{path}/live")),
        ("preflight of the token", sent(browser.preflight(port, "/v1/voters", SITE), status=204)),
        ("the token", sent(browser.registration(port, SITE), status=201)),
        ("preflight of the vote", sent(browser.preflight(port, f"{path}/votes", SITE), status=204)),
        ("the vote", sent(*votes)),
    ]


def _join(port: int, count: int, path: str) -> None:
    with Readers(port, count, path, rate=0) as readers:
        readers.check_all_there()
