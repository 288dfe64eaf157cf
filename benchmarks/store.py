"""A private store on the load core: the embedded Valkey, configured as the service configures it."""

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
    """A running store, with direct queries of the benchmark."""

    def __init__(self, process: Process, socket: Path) -> None:
        self.process = process
        self.socket = socket
        self.url = f"unix://{socket}"
        self.client = redis.Redis(unix_socket_path=str(socket))

    def add_peer_poll(self, poll: str) -> None:
        """Create a poll in the format of the peers' function."""
        self.client.function_load(PEER_FUNCTION.read_text(), replace=True)
        self.client.hset(f"{{{poll}}}:poll", mapping={"opens_at": LONG_AGO_MS, "closes_at": FAR_OFF_MS})

    def peer_votes(self, poll: str) -> tuple[int, int]:
        """Return ``seq`` and the number of distinct voters that the peers' function counted."""
        seq = cast(bytes | None, self.client.hget(f"{{{poll}}}:tally", "seq"))
        return int(seq or 0), self.client.hlen(f"{{{poll}}}:voters")

    def used_bytes(self) -> int:
        """Return the used memory in bytes."""
        return int(cast(dict[str, int], self.client.info("memory"))["used_memory"])

    def bytes_of(self, pattern: str) -> int:
        """Return the memory of the matching keys in bytes, without sampling."""
        keys = cast(Iterator[bytes], self.client.scan_iter(pattern, count=1000))
        return sum(int(self.client.memory_usage(key, samples=0) or 0) for key in keys)


@contextmanager
def a_store(run: Run, *, durable: bool = True) -> Iterator[PrivateStore]:
    """Run a new, empty store; ``durable``: append-only file with fsync before every reply."""
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
