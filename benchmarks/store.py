"""A private store on the load's core: the Valkey that comes with the service, as the service runs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import redis
from pollwire_server.store.embedded.server import OPTIONS, find_server

from benchmarks.processes import ROOT, Process, running
from benchmarks.run import Run

PEER_FUNCTION = ROOT / "benchmarks/peers/vote.lua"
LONG_AGO_MS, FAR_OFF_MS = 0, 4_000_000_000_000


class PrivateStore:
    """A running store, and what the benchmark asks it directly."""

    def __init__(self, process: Process, socket: Path) -> None:
        self.process = process
        self.socket = socket
        self.url = f"unix://{socket}"
        self.client = redis.Redis(unix_socket_path=str(socket))

    def add_peer_poll(self, poll: str) -> None:
        """A poll as the peers' function keeps it."""
        self.client.function_load(PEER_FUNCTION.read_text(), replace=True)
        self.client.hset(f"{{{poll}}}:poll", mapping={"opens_at": LONG_AGO_MS, "closes_at": FAR_OFF_MS})

    def peer_votes(self, poll: str) -> tuple[int, int]:
        """What the peers' function counted in a poll: ``seq``, and distinct voters."""
        seq = cast(bytes | None, self.client.hget(f"{{{poll}}}:tally", "seq"))
        return int(seq or 0), self.client.hlen(f"{{{poll}}}:voters")

    def used_bytes(self) -> int:
        """Memory of everything it holds."""
        return int(cast(dict[str, int], self.client.info("memory"))["used_memory"])

    def bytes_of(self, pattern: str) -> int:
        """Memory of the keys that match, each looked at whole."""
        keys = cast(Iterator[bytes], self.client.scan_iter(pattern, count=1000))
        return sum(int(self.client.memory_usage(key, samples=0) or 0) for key in keys)


@contextmanager
def a_store(run: Run, *, durable: bool = True) -> Iterator[PrivateStore]:
    """A new, empty store; ``durable``: append-only, fsync before every answer."""
    folder = run.path("store")
    folder.mkdir()
    options = OPTIONS if durable else OPTIONS | {"appendonly": "no"}
    argv: list[str | Path] = [find_server(), "--dir", folder, "--unixsocket", folder / "s"]
    for name, value in options.items():
        argv += [f"--{name}", value]
    store = PrivateStore(run.beside(argv, "store"), folder / "s")
    with running(store.process, lambda: _answers(store)):
        yield store
    store.client.close()


def _answers(store: PrivateStore) -> bool:
    try:
        return bool(store.client.ping())
    except redis.RedisError:
        return False
