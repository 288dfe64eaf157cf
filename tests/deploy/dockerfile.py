"""A Dockerfile's steps as a script in a clean folder, for machines that can build no image.

Each stage begins with an empty folder that stands for its ``/``: absolute
paths are mapped there, in text, and the next stage takes its place, as a
virtual environment must be found where it was made. ``python`` is the interpreter of the tests, and
``useradd`` makes the home and nothing else, since a test adds no account to
its machine. What the build sends along is what git keeps and ``.dockerignore``
lets through.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy/container/Dockerfile"

_ABSOLUTE = re.compile(r"(?<![\w./-])/(?=(?:opt|src|data)\b)")
"""Where paths of the image begin. The machine's own tools are not mapped."""
_SHIMS = {
    "python": f'exec "{sys.executable}" "$@"',
    "useradd": 'while [ $# -gt 1 ]; do [ "$1" != --home-dir ] || mkdir -p "$2"; shift; done',
}


@dataclass
class Stage:
    """One build stage so far."""

    root: Path
    shims: Path
    env: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    instructions: dict[str, str] = field(default_factory=dict)
    """The last value of each instruction that changes no file: USER, CMD, STOPSIGNAL, ..."""

    def mapped(self, text: str) -> str:
        """Return the text with the image's paths replaced by their places on this machine."""
        return _ABSOLUTE.sub(f"{self.root}/", text)

    def place(self, path: str) -> Path:
        """Return the place of an image path on this machine. Relative paths start at the working folder."""
        return self.root / str(PurePosixPath(self.folder, path)).lstrip("/")

    @property
    def environment(self) -> dict[str, str]:
        """Return the machine's environment without its Python, overridden by the image's."""
        strange = ("PYTHON", "VIRTUAL_ENV", "POLLWIRE")
        machine = {name: value for name, value in os.environ.items() if not name.startswith(strange)}
        base = f"{self.shims}:/usr/local/bin:/usr/bin:/bin"
        own = {name: self.mapped(value).replace("$PATH", base) for name, value in self.env.items()}
        return machine | {"PATH": base} | own

    def command(self, name: str) -> list[str]:
        """Return an instruction in exec form, after its options, as an argument list for this machine."""
        value = self.instructions[name]
        arguments: list[str] = json.loads(self.mapped(value[value.index("[") :]))
        return arguments

    def run(self, script: str) -> None:
        """Run a RUN step in a shell that stops at the first failed command."""
        subprocess.run(
            ["/bin/sh", "-euc", self.mapped(script)],
            cwd=self.place("."),
            env=self.environment,
            check=True,
            timeout=300,
        )

    def copy(self, source: Path, target: str) -> None:
        """Copy a file or the content of a folder to a path of the image."""
        place = self.place(target) / source.name if target.endswith("/") else self.place(target)
        place.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, place, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copy2(source, place)


class Build:
    """All stages of one build, below one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._context = folder / "context"
        self._built: dict[str, Path] = {}
        send_context(self._context)
        _write_shims(folder / "shims")

    def image(self) -> Stage:
        """Execute all steps of the Dockerfile and return the last stage."""
        stage = None
        for name, rest in instructions(DOCKERFILE.read_text()):
            if name == "FROM":
                stage = self._next_stage(rest.partition(" AS ")[2] or "image")
            elif stage:
                self._carry_out(stage, name, rest)
        assert stage, "a Dockerfile begins with FROM"
        return stage

    def _next_stage(self, name: str) -> Stage:
        root = self._folder / "root"
        if self._built:
            latest = [*self._built][-1]
            self._built[latest] = root.rename(self._folder / latest)
        root.mkdir()
        self._built[name] = root
        return Stage(root, self._folder / "shims")

    def _carry_out(self, stage: Stage, name: str, rest: str) -> None:
        if name == "ENV":
            stage.env |= dict(pair.split("=", 1) for pair in shlex.split(rest))
        elif name == "WORKDIR":
            stage.folder = rest
            stage.place(rest).mkdir(parents=True, exist_ok=True)
        elif name == "COPY":
            self._copy(stage, rest.split())
        elif name == "RUN":
            stage.run(rest)
        else:
            stage.instructions[name] = rest

    def _copy(self, stage: Stage, arguments: list[str]) -> None:
        origin = self._context
        if arguments[0].startswith("--from="):
            origin = self._built[arguments.pop(0).removeprefix("--from=")]
        *sources, target = arguments
        for source in sources:
            stage.copy(origin / source.lstrip("/"), target)


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """Yield each instruction and its arguments, without comments and with joined lines."""
    code_lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for line in code_lines.replace("\\\n", " ").splitlines():
        if line.strip():
            name, _, rest = line.strip().partition(" ")
            yield name, rest.strip()


def send_context(folder: Path) -> None:
    """Copy the files of the build context, as ``.dockerignore`` selects them."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in listed.splitlines():
        if is_sent(name) and (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def is_sent(name: str) -> bool:
    """Return True if ``.dockerignore`` includes a file. The last rule that matches it or a parent decides."""
    places = [name, *map(str, PurePosixPath(name).parents)]
    sent = True
    for rule in (ROOT / ".dockerignore").read_text().split("\n"):
        if rule and any(fnmatch.fnmatch(place, rule.lstrip("!")) for place in places if place != "."):
            sent = rule.startswith("!")
    return sent


def _write_shims(folder: Path) -> None:
    folder.mkdir()
    for name, script in _SHIMS.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
