"""The measured service: ``pollwire up`` on the server core, with voter tokens."""

from __future__ import annotations

import os
import re
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
from pollwire_server.auth.voter_tokens import VoterTokens
from pollwire_server.telemetry.metrics import MULTIPROCESS_FOLDER

from benchmarks.processes import BenchmarkError, Process, free_port, listens, running
from benchmarks.run import Run
from benchmarks.store import PrivateStore

SECRET: Final = secrets.token_urlsafe(32)
ADMIN_KEY: Final = secrets.token_urlsafe(32)
"""Secrets of this run only."""
OPTIONS: Final = ("npp", "ndc", "other")
SITE: Final = "https://news.example"
"""Origin that may embed the polls, different from the service's own."""

_READY: Final = re.compile(r"ready at http://127\.0\.0\.1:(\d+)")


class Service:
    """A running service, with admin requests and checks."""

    def __init__(self, process: Process, port: int) -> None:
        self.process = process
        self.port = port
        self._client = httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {ADMIN_KEY}"}, timeout=30
        )

    def add_poll(self, poll: str, options: Sequence[str] = OPTIONS) -> str:
        """Create a poll. Return its id."""
        document: dict[str, object] = {
            "id": poll,
            "kind": "single",
            "question": "Which team has the higher chance of winning?",
            "options": [{"id": name, "label": name.upper()} for name in options],
        }
        answer = self._client.post("/v1/admin/polls", json=document)
        if answer.status_code != 201:
            raise BenchmarkError(f"The poll {poll} was not created: {answer.text}")
        return poll

    def results(self, poll: str) -> dict[str, Any]:
        """Return the public totals."""
        answer = self._client.get(f"/v1/polls/{poll}/results").raise_for_status()
        document: dict[str, Any] = answer.json()
        return document

    def check_votes(self, poll: str, votes: int) -> None:
        """Check that every vote was counted once. Raises ``BenchmarkError``."""
        found = self.results(poll)
        if not found["voters"] == found["seq"] == sum(found["counts"].values()) == votes:
            raise BenchmarkError(
                f"{poll} has {found['voters']} voters after {votes} votes: {found['counts']}"
            )

    def workers(self) -> list[int]:
        """Return the process ids of the workers."""
        return self.process.tree()[1:]


@contextmanager
def a_service(
    run: Run, store: PrivateStore, *, workers: int = 1, stream_hz: float = 10.0
) -> Iterator[Service]:
    """Run ``pollwire up`` on ``store``."""
    argv: list[str | Path] = [Path(sys.executable).with_name("pollwire"), "up", "--port", "0"]
    argv += ["--workers", str(workers), "--redis", store.url, "--data", run.path("data")]
    process = run.server(argv, "pollwire", _environment() | {"POLLWIRE_STREAM_HZ": str(stream_hz)})
    with running(process, lambda: _READY.search(process.output()) is not None):
        found = _READY.search(process.output())
        assert found is not None
        yield Service(process, int(found[1]))


@contextmanager
def asgi_service(run: Run, store: PrivateStore) -> Iterator[Service]:
    """Run the same application on the same server without its fast paths."""
    port = free_port()
    environment = _environment() | {"POLLWIRE_REDIS_URL": store.url}
    process = run.server(
        [sys.executable, "-m", "benchmarks.asgi_service", str(port)], "ordinary", environment
    )
    with running(process, lambda: listens(port)):
        yield Service(process, port)


@contextmanager
def telemetry_service(run: Run, store: PrivateStore, mode: str) -> Iterator[Service]:
    """Run the service in one process with ``everything`` (metrics, logs) or ``nothing``."""
    port, figures = free_port(), run.path("figures")
    figures.mkdir()
    environment = _environment() | {
        "POLLWIRE_REDIS_URL": store.url,
        "POLLWIRE_LOG_FORMAT": "json",
        MULTIPROCESS_FOLDER: str(figures),
    }
    process = run.server(
        [sys.executable, "-m", "benchmarks.telemetry_service", str(port), mode], mode, environment
    )
    with running(process, lambda: listens(port)):
        yield Service(process, port)


def write_tokens(run: Run, count: int) -> Path:
    """Write ``count`` voter tokens to a file, one in each line, all of the same length."""
    tokens = VoterTokens([SECRET], lambda: time.time_ns() // 1_000_000)
    path = run.path("tokens")
    path.write_text("".join(f"{tokens.issue().token}\n" for _ in range(count)))
    return path


def _environment() -> dict[str, str]:
    ours = {name: "" for name in os.environ if name.startswith("POLLWIRE_")}  # empty counts as absent
    return ours | {
        "POLLWIRE_SECRET": SECRET,
        "POLLWIRE_ADMIN_KEY": ADMIN_KEY,
        "POLLWIRE_ALLOWED_ORIGINS": SITE,
        "POLLWIRE_EXEMPT_LOOPBACK": "1",
    }
