"""One run of the benchmark: its folder, its scale and its results so far."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from benchmarks.processes import LOAD_CORE, SERVER_CORE, Process
from benchmarks.record import Record
from benchmarks.scale import Scale


def progress(text: str) -> None:
    """Print progress to stderr."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201


class Run:
    """Context that every part of the benchmark gets."""

    def __init__(self, folder: Path, scale: Scale) -> None:
        self.folder = folder
        self.scale = scale
        self.record = Record()
        self._names = count(1)

    def path(self, name: str) -> Path:
        """Return a new file path in the folder of this run."""
        return self.folder / f"{next(self._names):03}-{name}"

    def server(self, argv: list[str | Path], name: str, env: dict[str, str] | None = None) -> Process:
        """Start a measured process on the server core."""
        return Process(argv, core=SERVER_CORE, log=self.path(f"{name}.log"), env=env)

    def beside(self, argv: list[str | Path], name: str) -> Process:
        """Start an unmeasured process on the load core."""
        return Process(argv, core=LOAD_CORE, log=self.path(f"{name}.log"))

    def rounds(self, part: str) -> Iterator[int]:
        """Yield the round numbers and print each."""
        for number in range(1, self.scale.rounds + 1):
            progress(f"  {part}, round {number} of {self.scale.rounds}")
            yield number


@contextmanager
def a_run(scale: Scale) -> Iterator[Run]:
    """Create a run in a temporary folder with a short path, because it contains Unix sockets."""
    folder = Path(tempfile.mkdtemp(prefix="pwb-"))
    folder.chmod(0o755)  # nginx reads its pages as another user
    try:
        yield Run(folder, scale)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
