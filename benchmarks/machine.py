"""Machine and versions of a run. Results of different machines or versions are not comparable."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Final

from pollwire_server.store.embedded.server import find_server

from benchmarks.peers.starting import NCHAN_MODULE, PEERS
from benchmarks.processes import LOAD_CORE, ROOT, SERVER_CORE

PACKAGES: Final = ("uvicorn", "uvloop", "httptools", "litestar", "websockets", "redis", "hiredis", "fastapi")


def facts() -> dict[str, str]:
    """Return the machine, the versions of all measured software, and the commit."""
    return {
        "machine": f"{_cpu()}, {os.cpu_count()} cores, {_memory_gb()} GB",
        "pinned": f"servers to core {SERVER_CORE}; load, store and benchmark to core {LOAD_CORE}",
        "system": f"{platform.system()} {platform.release()}",
        "store's disk": _file_system(),
        "commit": _output_of("git", "describe", "--always", "--dirty", "--abbrev=12"),
        "Python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
        "Valkey": _found(r"v=([\d.]+)", _output_of(str(find_server()), "--version")),
        "Node": _output_of("node", "--version"),
        **{f"{name} (npm)": _npm_version(name) for name in ("fastify", "ioredis", "ws")},
        "nginx": _found(r"nginx/([\d.]+)", _output_of("nginx", "-v")),
        "nchan": _output_of("dpkg-query", "-W", "-f=${Version}", "libnginx-mod-nchan"),
        "gcc": _found(r"([\d.]+)$", _output_of("gcc", "-dumpfullversion")),
    }


def missing() -> list[str]:
    """Return the missing requirements."""
    wanted = ("node", "gcc", "nginx", "taskset")
    lacking = [name for name in wanted if shutil.which(name) is None]
    if not NCHAN_MODULE.exists():
        lacking.append("nchan (libnginx-mod-nchan)")
    if not (PEERS / "node_modules").exists():
        lacking.append("the Node peers (npm ci in benchmarks/peers)")
    return lacking


def _output_of(*command: str) -> str:
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False, cwd=ROOT)
    except OSError:
        return "not found"
    return (answer.stdout + answer.stderr).strip() if answer.returncode == 0 else "not found"


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found[1] if found else "not found"


def _cpu() -> str:
    return _found(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())


def _memory_gb() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)


def _file_system() -> str:
    return _output_of("stat", "-f", "-c", "%T", tempfile.gettempdir())


def _npm_version(name: str) -> str:
    package = PEERS / "node_modules" / name / "package.json"
    return str(json.loads(package.read_text())["version"]) if package.exists() else "not found"
