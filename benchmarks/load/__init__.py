"""The load: two small C programs, cheap enough not to be the bottleneck, and their handles."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Final

import msgspec

from benchmarks.processes import LOAD_CORE, ROOT, BenchmarkError, until
from benchmarks.run import Run

BUILD: Final = ROOT / "benchmarks/.build"
OPENS_WITHIN_S: Final = 120.0


@cache
def compiled(source: str) -> Path:
    """The program of a C file of this folder's, or of the peers' (``peers/floor.c``)."""
    path = ROOT / "benchmarks" / source
    program = BUILD / path.stem
    if not program.exists() or program.stat().st_mtime < path.stat().st_mtime:
        BUILD.mkdir(exist_ok=True)
        subprocess.run(["gcc", "-O2", "-o", program, path], check=True)
    return program


class Answers(msgspec.Struct):
    """What a load of requests came back with."""

    answered: int
    lost: int
    seconds: float
    statuses: dict[str, int]
    p50_ms: float
    p99_ms: float
    max_ms: float


class Load:
    """Requests to one server: whole requests in turn, voters and polls in turn, from many connections."""

    def __init__(
        self,
        run: Run,
        port: int,
        requests: Sequence[bytes],
        *,
        tokens: Path | None = None,
        polls: Path | None = None,
        connections: int | None = None,
    ) -> None:
        self._run = run
        self._port = port
        self._connections = connections or run.scale.connections
        self._more: list[str | Path] = []
        for request in requests:
            template = run.path("request")
            template.write_bytes(request)
            self._more += ["--template", template]
        self._more += [] if tokens is None else ["--tokens", tokens]
        self._more += [] if polls is None else ["--polls", polls]

    def send(self, count: int, *, rate: float = 0.0, log: Path | None = None, status: int = 200) -> Answers:
        """``count`` requests, as fast as they are answered or ``rate`` a second; all must get ``status``."""
        with self.sending(count, rate=rate, log=log, status=status) as sent:
            pass
        return sent[0]

    @contextmanager
    def sending(
        self, count: int, *, rate: float = 0.0, log: Path | None = None, status: int = 200
    ) -> Iterator[list[Answers]]:
        """The same while the caller does something else; the list has the answers once the block ends."""
        argv: list[str | Path] = [compiled("load/requests.c"), "127.0.0.1", str(self._port), str(count)]
        argv += [str(self._connections), *self._more, "--rate", str(rate)]
        argv += [] if log is None else ["--log", log]
        answers: list[Answers] = []
        process = _pinned(argv)
        try:
            yield answers
            told, _ = process.communicate(timeout=180)
        finally:
            process.kill()
            process.wait()
        answers.append(msgspec.json.decode(told, type=Answers))
        _check(answers[0], count, status)


class Stats(msgspec.Struct):
    """What the readers have received so far."""

    frames: int
    bytes: int
    open: int
    lost: int


class Newest(msgspec.Struct):
    """How many sockets hold a position as their newest."""

    epoch: str
    seq: int
    sockets: int


class _Last(msgspec.Struct):
    open: int
    newest: list[Newest]


class _Opened(msgspec.Struct):
    open: int
    seconds: float


ARRIVALS_PER_S: Final = 4_000
"""Readers who come a second where joining is not measured: the service takes 5,000 (``live/rush.py``)."""


class Readers:
    """Many sockets to one server, all open once the block begins, all gone when it ends.

    ``rate`` bounds how many begin a second; 0: as fast as they are let in, ``window`` at once.
    """

    def __init__(
        self,
        port: int,
        count: int,
        path: str,
        *,
        mute: int = 0,
        window: int = 64,
        rate: int = ARRIVALS_PER_S,
        sampled: int = 50,
    ) -> None:
        self.count = count
        self._argv: list[str | Path] = [compiled("load/readers.c"), "127.0.0.1", str(port), str(count)]
        self._argv += [
            "--path",
            path,
            "--mute",
            str(mute),
            "--window",
            str(window),
            "--rate",
            str(rate),
            "--sampled",
            str(sampled),
        ]
        self._reading = count - mute

    def __enter__(self) -> Readers:
        """Raises ``BenchmarkError`` where not every socket opens."""
        self._process = _pinned(self._argv)
        opened = msgspec.json.decode(self._line(), type=_Opened)
        if opened.open != self.count:
            self._process.kill()
            raise BenchmarkError(f"{opened.open} of {self.count} sockets opened.")
        self.seconds = opened.seconds
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()

    def stats(self) -> Stats:
        """Frames so far, and whether all are still there."""
        return msgspec.json.decode(self._ask("stats"), type=Stats)

    def newest(self) -> list[Newest]:
        """What they hold; one entry where all hold the same."""
        return msgspec.json.decode(self._ask("last"), type=_Last).newest

    def samples(self) -> list[list[tuple[int, int]]]:
        """For each sampled socket every frame's arrival (ns of the monotonic clock) and ``seq``."""
        return msgspec.json.decode(self._ask("sample"), type=list[list[tuple[int, int]]])

    def check_end(self, epoch: str, seq: int) -> None:
        """Every reader ends on the truth. Raises ``BenchmarkError``."""
        truth = [Newest(f"{int(epoch, 16):012x}", seq, self._reading)]
        until(lambda: self.newest() == truth, f"all {self._reading} readers end on seq {seq}", 20)
        self.check_all_there()

    def check_all_there(self) -> None:
        """Nobody was lost. Raises ``BenchmarkError``."""
        stats = self.stats()
        if stats.open != self.count:
            raise BenchmarkError(f"{self.count - stats.open} of {self.count} sockets were lost.")

    def _ask(self, word: str) -> bytes:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n".encode())
        self._process.stdin.flush()
        return self._line()

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        line: bytes = self._process.stdout.readline()
        if not line:
            raise BenchmarkError("The readers' process has ended.")
        return line


def _pinned(argv: Sequence[str | Path]) -> subprocess.Popen[bytes]:
    pinned = ["taskset", "-c", str(LOAD_CORE), *map(str, argv)]
    return subprocess.Popen(pinned, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def _check(answers: Answers, count: int, status: int) -> None:
    if answers.statuses != {str(status): count} or answers.lost:
        found = f"{answers.statuses}, {answers.lost} lost"
        raise BenchmarkError(f"Of {count} requests not all were answered {status}: {found}.")
