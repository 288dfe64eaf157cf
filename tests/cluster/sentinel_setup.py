"""A master, its replica, and the Sentinels that watch them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from tests.cluster.nodes import HOST, Node, follows, running, until_true

SERVICE: Final = "polls"
_DOWN_AFTER_MS: Final = 1_000
"""A server that is silent for so long is held to have failed."""
_QUORUM: Final = 2
_SENTINELS: Final = 3


class Sentinel(Node):
    """One that watches: a server started as Sentinel, from a file that it writes itself."""

    def __init__(self, folder: Path, master: Node) -> None:
        super().__init__(folder)
        self._master = master

    def agrees(self) -> bool:
        """Return True if it knows the replica and the other Sentinels."""
        (state,) = self.tell("SENTINEL MASTERS").values()
        return (state["num-slaves"], state["num-other-sentinels"]) == (1, _SENTINELS - 1)

    def _arguments(self) -> list[str]:
        lines = [f"{name} {value}" for name, value in self._options().items()]
        lines += [
            f"sentinel monitor {SERVICE} {HOST} {self._master.port} {_QUORUM}",
            f"sentinel down-after-milliseconds {SERVICE} {_DOWN_AFTER_MS}",
            f"sentinel failover-timeout {SERVICE} 10000",
        ]
        file = self._folder / "sentinel.conf"
        file.write_text("\n".join(lines))
        return [str(file), "--sentinel"]

    def _options(self) -> dict[str, object]:
        kept = ("port", "bind", "unixsocket", "unixsocketperm", "dir", "loglevel")
        return {name: value for name, value in super()._options().items() if name in kept}


class Watched(NamedTuple):
    """A master, its replica and their Sentinels, which all know one another."""

    master: Node
    replica: Node
    sentinels: list[Sentinel]

    @property
    def url(self) -> str:
        """As ``open_store`` takes it."""
        return url_of(self.sentinels)


def url_of(sentinels: Sequence[Sentinel]) -> str:
    """The master, as ``open_store`` takes it: by all who watch it."""
    return f"redis+sentinel://{','.join(one.address for one in sentinels)}/{SERVICE}"


@contextmanager
def sentinels_of(master: Node) -> Iterator[list[Sentinel]]:
    """Three Sentinels that watch it, and may not have heard of one another yet; gone with the block."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(running(lambda folder: Sentinel(folder, master))) for _ in range(_SENTINELS)
        ]


@contextmanager
def a_watched_master() -> Iterator[Watched]:
    """A master with its replica behind three Sentinels, gone with the block."""
    with ExitStack() as stack:
        master, replica = (stack.enter_context(running(Node)) for _ in range(2))
        replica.tell("REPLICAOF", HOST, master.port)
        until_true(lambda: follows(replica))
        sentinels = stack.enter_context(sentinels_of(master))
        until_true(lambda: all(one.agrees() for one in sentinels))
        yield Watched(master, replica, sentinels)
