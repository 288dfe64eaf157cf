"""Load generators: two small C programs, fast enough not to be the bottleneck, and their Python handles."""

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
    """Compile a C file of this folder or of ``peers``, and return the program."""
    path = ROOT / "benchmarks" / source
    program = BUILD / path.stem
    if not program.exists() or program.stat().st_mtime < path.stat().st_mtime:
        BUILD.mkdir(exist_ok=True)
        subprocess.run(["gcc", "-O2", "-o", program, path], check=True)
    return program


class LoadResult(msgspec.Struct):
    """Result of a load of requests."""

    answered: int
    lost: int
    seconds: float
    statuses: dict[str, int]
    p50_ms: float
    p99_ms: float
    max_ms: float


class Load:
    """Requests to one server from many connections, cycling through templates, voters and polls."""

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

    def send(
        self, count: int, *, rate: float = 0.0, log: Path | None = None, status: int = 200
    ) -> LoadResult:
        """Send ``count`` requests at full speed or ``rate`` a second. All must get ``status``."""
        with self.sending(count, rate=rate, log=log, status=status) as sent:
            pass
        return sent[0]

    @contextmanager
    def sending(
        self, count: int, *, rate: float = 0.0, log: Path | None = None, status: int = 200
    ) -> Iterator[list[LoadResult]]:
        """Send while the block runs. The list contains the result after the block."""
        argv: list[str | Path] = [compiled("load/requests.c"), "127.0.0.1", str(self._port), str(count)]
        argv += [str(self._connections), *self._more, "--rate", str(rate)]
        argv += [] if log is None else ["--log", log]
        answers: list[LoadResult] = []
        process = _pinned(argv)
        try:
            yield answers
            output, _ = process.communicate(timeout=180)
        finally:
            process.kill()
            process.wait()
        answers.append(msgspec.json.decode(output, type=LoadResult))
        _check(answers[0], count, status)


class Stats(msgspec.Struct):
    """Frames and bytes received so far, and sockets open and lost."""

    frames: int
    bytes: int
    open: int
    lost: int


class Newest(msgspec.Struct):
    """Number of sockets with this newest position."""

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
"""New sockets a second if joining is not measured; below the service's limit of 5,000 handshakes a second."""


class Readers:
    """Many sockets to one server, open during the block.

    ``rate`` bounds new sockets a second; 0: no bound, ``window`` handshakes at a time.
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
        """Open the sockets. Raises ``BenchmarkError`` if any fails."""
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
        """Return the frames so far and the open sockets."""
        return msgspec.json.decode(self._ask("stats"), type=Stats)

    def newest(self) -> list[Newest]:
        """Return the newest positions; one entry if all sockets agree."""
        return msgspec.json.decode(self._ask("last"), type=_Last).newest

    def samples(self) -> list[list[tuple[int, int]]]:
        """Return every frame's arrival (ns, monotonic clock) and ``seq`` for each sampled socket."""
        return msgspec.json.decode(self._ask("sample"), type=list[list[tuple[int, int]]])

    def check_end(self, epoch: str, seq: int) -> None:
        """Check that every reader ends at this position. Raises ``BenchmarkError``."""
        truth = [Newest(f"{int(epoch, 16):012x}", seq, self._reading)]
        until(lambda: self.newest() == truth, f"all {self._reading} readers end on seq {seq}", 20)
        self.check_all_there()

    def check_all_there(self) -> None:
        """Check that no socket was lost. Raises ``BenchmarkError``."""
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
            raise BenchmarkError("The process of the readers ended.")
        return line


def _pinned(argv: Sequence[str | Path]) -> subprocess.Popen[bytes]:
    pinned = ["taskset", "-c", str(LOAD_CORE), *map(str, argv)]
    return subprocess.Popen(pinned, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def _check(answers: LoadResult, count: int, status: int) -> None:
    if answers.statuses != {str(status): count} or answers.lost:
        found = f"{answers.statuses}, {answers.lost} lost"
        raise BenchmarkError(f"Of {count} requests not all were answered {status}: {found}.")
