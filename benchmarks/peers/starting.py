"""Start the peers as measured servers on the server core."""

from __future__ import annotations

import http.client
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.load import compiled
from benchmarks.processes import ROOT, Process, free_port, listens, running
from benchmarks.run import Run
from benchmarks.store import PrivateStore

PEERS: Final = ROOT / "benchmarks/peers"
NCHAN_MODULE: Final = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
HEAD: Final = '{"epoch":"000000000001","seq":%d}'
"""Start of every peer's frame, padded with blanks to the length of ours."""


class Peer(NamedTuple):
    """A running peer."""

    process: Process
    port: int


@contextmanager
def python_peer(run: Run, name: str, *arguments: object) -> Iterator[Peer]:
    """Run a module of this folder; ``arguments`` follow the port."""
    port = free_port()
    argv: list[str | Path] = [
        sys.executable,
        "-m",
        f"benchmarks.peers.{name}",
        str(port),
        *map(str, arguments),
    ]
    with _served(run, name, port, argv) as peer:
        yield peer


@contextmanager
def node_peer(run: Run, name: str, *arguments: object) -> Iterator[Peer]:
    """Run a script of this folder; ``arguments`` follow the port."""
    port = free_port()
    argv: list[str | Path] = ["node", PEERS / f"{name}.mjs", str(port), *map(str, arguments)]
    with _served(run, name, port, argv) as peer:
        yield peer


@contextmanager
def fastapi(run: Run, store: PrivateStore) -> Iterator[Peer]:
    """Run FastAPI with redis-py."""
    with python_peer(run, "fastapi_votes", store.socket) as peer:
        yield peer


@contextmanager
def fastify(run: Run, store: PrivateStore) -> Iterator[Peer]:
    """Run Fastify with ioredis and auto-pipelining."""
    with node_peer(run, "fastify_votes", store.socket) as peer:
        yield peer


@contextmanager
def floor(run: Run, frame_bytes: int, hz: int) -> Iterator[Peer]:
    """Run a loop of ``send()`` in C."""
    port = free_port()
    argv: list[str | Path] = [compiled("peers/floor.c"), str(port), str(frame_bytes), str(hz)]
    with _served(run, "floor", port, argv) as peer:
        yield peer


@contextmanager
def nchan(run: Run, frame_bytes: int, hz: int) -> Iterator[Peer]:
    """Run nginx with nchan and a publisher (``hz`` 0: one frame)."""
    port = free_port()
    folder = run.path("nginx")
    folder.mkdir(mode=0o755)
    text = (PEERS / "nchan.conf").read_text()
    for name, value in (("@MODULE@", NCHAN_MODULE), ("@FOLDER@", folder), ("@PORT@", port)):
        text = text.replace(name, str(value))
    (folder / "nginx.conf").write_text(text)
    argv: list[str | Path] = ["nginx", "-p", folder, "-e", folder / "error.log", "-c", folder / "nginx.conf"]
    with _served(run, "nchan", port, argv) as peer, _publishing(port, frame_bytes, hz):
        yield peer


@contextmanager
def _publishing(port: int, frame_bytes: int, hz: int) -> Iterator[None]:
    """Publish one frame, then ``hz`` frames a second from a thread."""
    over = threading.Event()
    connection = http.client.HTTPConnection("127.0.0.1", port)

    def publish(seq: int) -> None:
        connection.request(
            "POST", "/publish", (HEAD % seq).ljust(frame_bytes), {"Content-Type": "text/plain"}
        )
        connection.getresponse().read()

    def go_on() -> None:
        seq = 1
        while not over.wait(1 / hz):
            seq += 1
            publish(seq)

    publish(1)
    thread = threading.Thread(target=go_on, daemon=True)
    if hz:
        thread.start()
    yield
    over.set()
    if hz:
        thread.join()
    connection.close()


@contextmanager
def _served(run: Run, name: str, port: int, argv: list[str | Path]) -> Iterator[Peer]:
    process = run.server(argv, name)
    with running(process, lambda: listens(port)):
        yield Peer(process, port)
