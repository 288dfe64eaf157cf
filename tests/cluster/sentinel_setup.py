"""A master, its replica, and the Sentinels that watch them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from tests.cluster.nodes import HOST, Node, follows, running, until_true

SERVICE: Final = "polls"
_DOWN_AFTER_MS: Final = 1_000
"""A server that is silent for this long is marked as down."""
_QUORUM: Final = 2
_SENTINELS: Final = 3


class Sentinel(Node):
    """Server in Sentinel mode. It rewrites its own configuration file."""

    def __init__(self, folder: Path, master: Node) -> None:
        super().__init__(folder)
        self._master = master

    def agrees(self) -> bool:
        """Return True if it knows the replica and the other Sentinels."""
        (state,) = self.command("SENTINEL MASTERS").values()
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
        own_options = ("port", "bind", "unixsocket", "unixsocketperm", "dir", "loglevel")
        return {name: value for name, value in super()._options().items() if name in own_options}


class Watched(NamedTuple):
    """Master, replica and Sentinels that have discovered each other."""

    master: Node
    replica: Node
    sentinels: list[Sentinel]

    @property
    def url(self) -> str:
        """Return the store URL."""
        return url_of(self.sentinels)


def url_of(sentinels: Sequence[Sentinel]) -> str:
    """Return the store URL of the master, with all of its Sentinels."""
    return f"redis+sentinel://{','.join(one.address for one in sentinels)}/{SERVICE}"


@contextmanager
def sentinels_of(master: Node) -> Iterator[list[Sentinel]]:
    """Run three Sentinels of the master while the block runs. They may not have discovered each other yet."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(running(lambda folder: Sentinel(folder, master))) for _ in range(_SENTINELS)
        ]


@contextmanager
def a_watched_master() -> Iterator[Watched]:
    """Run a master with a replica and three Sentinels while the block runs."""
    with ExitStack() as stack:
        master, replica = (stack.enter_context(running(Node)) for _ in range(2))
        replica.command("REPLICAOF", HOST, master.port)
        until_true(lambda: follows(replica))
        sentinels = stack.enter_context(sentinels_of(master))
        until_true(lambda: all(one.agrees() for one in sentinels))
        yield Watched(master, replica, sentinels)
