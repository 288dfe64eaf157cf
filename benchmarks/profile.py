"""Profile of the two hot paths: votes, and frames to many sockets.

Two samplers attach to one worker under load, one after the other. ``perf`` attributes time to programs (the
kernel, the interpreter, the event loop, a codec). ``py-spy`` attributes time to Python functions, including
their calls into C and the kernel. Both slow the program slightly, so the results are shares, not times.

The samples are stored as text beside the results.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import Final

from benchmarks import browser, crowd
from benchmarks.load import Load, Readers
from benchmarks.processes import BenchmarkError
from benchmarks.report import RESULTS, today
from benchmarks.run import Run
from benchmarks.scale import QUICK
from benchmarks.service import OPTIONS, Service, a_service, write_tokens
from benchmarks.store import a_store

PART: Final = "profile"
VOTES, FANOUT = f"{PART} of votes", f"{PART} of fan-out"
PROGRAM, PLACE = "share of the processor's time, by program", "share of the time, by place in the source"
MAX_ROWS: Final = 12
SAMPLES_PER_S: Final = 499
"""A prime number, so that samples do not align with periodic work."""
MAX_VOTES_PER_S: Final = 40_000
"""More than one worker can process, so that the load outlasts both samplers."""

_PERF_LINE: Final = re.compile(r"\s*([\d.]+)%\s+(\S.*?)\s*$")
_FRAME: Final = re.compile(r"(?P<function>.+) \((?P<file>[^()]+?)(:\d+)?\)$")
_PROGRAMS: Final = {
    "[kernel": "the kernel",
    "libpython": "the Python interpreter",
    "python": "the Python interpreter",
    "loop.cpython": "uvloop",
    "parser.cpython": "httptools",
    "_blake2": "BLAKE2b",
    "binascii": "base64",
    "_core.cpython": "msgspec",
    "hiredis": "hiredis",
    "libc": "the C library",
}
"""Program by prefix of its file name."""

Loading = Callable[[Run, Service, float], Iterator[None]]


def measure(run: Run) -> None:
    """Measure both paths, or record that the part was left out because a sampler is missing."""
    if lacking := [name for name in ("perf", "py-spy") if _found(name) is None]:
        run.record.left_out.append(f"{PART}: {' and '.join(lacking)} not installed")
        return
    for part, under_load in ((VOTES, _voting), (FANOUT, _watching)):
        with a_store(run) as store, a_service(run, store) as service:
            seconds = run.scale.load_s
            with contextmanager(under_load)(run, service, 2 * seconds + 3):
                time.sleep(0.5)
                _note(run, part, PROGRAM, _by_program(run, part, service, seconds))
                _note(run, part, PLACE, _by_place(run, part, service, seconds))


def _voting(run: Run, service: Service, seconds: float) -> Iterator[None]:
    """Send votes as fast as the service responds."""
    poll, count = service.add_poll("profiled"), int(MAX_VOTES_PER_S * seconds)
    requests = [browser.vote(service.port, poll, choice) for choice in OPTIONS]
    load = Load(run, service.port, requests, tokens=write_tokens(run, count))
    with load.sending(count):
        yield
    service.check_votes(poll, count)


def _watching(run: Run, service: Service, seconds: float) -> Iterator[None]:
    """Send a change for every tick to many readers."""
    poll = service.add_poll("watched")
    with (
        Readers(service.port, run.scale.watchers, f"/v1/polls/{poll}/live") as readers,
        crowd.voting(run, service, poll, rate=20, seconds=seconds),
    ):
        yield
        readers.check_all_there()


def _by_program(run: Run, part: str, service: Service, seconds: float) -> dict[str, float]:
    data = run.path("perf.data")
    record = ["perf", "record", "-q", "-F", str(SAMPLES_PER_S), "-p", _worker(service), "-o", str(data)]
    _ran([*record, "--", "sleep", str(seconds)], seconds)
    report = ["perf", "report", "-i", str(data), "--stdio", "--no-children", "-g", "none", "--sort"]
    _keep(run, part, "programs", _ran([*report, "dso,symbol"], seconds))
    shares: dict[str, float] = defaultdict(float)
    for line in _ran([*report, "dso"], seconds).splitlines():
        if found := _PERF_LINE.match(line):
            shares[_program(found[2])] += float(found[1])
    return shares


def _by_place(run: Run, part: str, service: Service, seconds: float) -> dict[str, float]:
    stacks = run.path("stacks")
    sampler = [_found("py-spy") or "", "record", "--pid", _worker(service), "--duration", str(round(seconds))]
    sampler += ["--rate", str(SAMPLES_PER_S), "--format", "raw", "--output", str(stacks), "--nonblocking"]
    _ran(sampler, seconds)
    places: Counter[str] = Counter()
    for line in stacks.read_text().splitlines():
        stack, _, samples = line.rpartition(" ")
        places[_place(stack.rpartition(";")[2])] += int(samples)
    _keep(run, part, "places", "".join(f"{count:>7}  {place}\n" for place, count in places.most_common()))
    files: dict[str, float] = defaultdict(float)
    for place, count in places.items():
        files[place.partition(": ")[0]] += count
    return files


def _note(run: Run, part: str, measure: str, found: dict[str, float]) -> None:
    total = sum(found.values())
    if not total:
        raise BenchmarkError(f"{part}: no samples were taken.")
    for name, count in sorted(found.items(), key=itemgetter(1), reverse=True)[:MAX_ROWS]:
        run.record.add(part, name, measure, "%", 100 * count / total)


def _program(name: str) -> str:
    return next((program for begins, program in _PROGRAMS.items() if name.startswith(begins)), "other")


def _place(frame: str) -> str:
    """Return ``file: function`` of a sampled frame; the file relative to this project or to its library."""
    found = _FRAME.match(frame)
    if found is None:
        return frame
    file = re.sub(r".*(site-packages|python3\.\d+|(?=pollwire_server/))/?", "", found["file"])
    return f"{file}: {found['function']}"


def _worker(service: Service) -> str:
    return str(service.workers()[0])


def _found(name: str) -> str | None:
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else shutil.which(name)


def _ran(command: list[str], seconds: float) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60, check=False)
    if done.returncode:
        raise BenchmarkError(f"{command[0]} ended with {done.returncode}: {done.stderr[-300:]}")
    return done.stdout


def _keep(run: Run, part: str, what: str, text: str) -> None:
    if run.scale is QUICK:
        return  # too few samples to quote
    lines = [line.rstrip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    RESULTS.mkdir(exist_ok=True)
    name = f"{today()}-{part.replace(' ', '-')}-{what}.txt"
    (RESULTS / name).write_text("\n".join(lines[:80]) + "\n")
