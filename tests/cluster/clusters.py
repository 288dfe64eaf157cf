"""Real cluster for tests: its masters, added nodes, and slots that move."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.cluster.nodes import HOST, Node, follows, free_ports, running, until_true

_KEYS_AT_A_TIME = 3
_MIGRATES_WITHIN_MS = 5_000
_THIRDS = ((0, 5460), (5461, 10922), (10923, 16383))


class Member(Node):
    """Node of a cluster."""

    def __init__(self, folder: Path, node_timeout_ms: int) -> None:
        super().__init__(folder)
        self.bus_port = 0
        self._node_timeout_ms = node_timeout_ms

    @property
    def id(self) -> str:
        """Return the node id."""
        name: bytes = self.command("CLUSTER", "MYID")
        return name.decode()

    def knows(self) -> dict[str, str]:
        """Return its CLUSTER INFO: ``cluster_state``, ``cluster_known_nodes``, ..."""
        info = self.command("CLUSTER INFO")
        return info if isinstance(info, dict) else dict(line.split(":") for line in info.decode().split())

    def _take_ports(self) -> None:
        self.port, self.bus_port = free_ports(2)

    def _options(self) -> dict[str, object]:
        return super()._options() | {
            "cluster-enabled": "yes",
            "cluster-port": self.bus_port,
            "cluster-announce-ip": HOST,
            "cluster-node-timeout": self._node_timeout_ms,
            "cluster-replica-validity-factor": 0,
        }


class Cluster:
    """Cluster of three masters, each with a third of the slots, and nodes added later."""

    def __init__(self, start: Callable[[], Member]) -> None:
        self._start = start
        self.members: list[Member] = []
        for place, (first, last) in enumerate(_THIRDS):
            member = start()
            member.command("CLUSTER SET-CONFIG-EPOCH", place + 1)
            member.command("CLUSTER ADDSLOTSRANGE", first, last)
            self._join(member)
        until_true(self._is_whole)

    @property
    def url(self) -> str:
        """Return the store URL with two of the nodes. The client discovers the others."""
        return f"redis+cluster://{','.join(member.address for member in self.members[:2])}"

    def join(self) -> Member:
        """Add a node without slots."""
        member = self._joined()
        until_true(self._is_whole)
        return member

    def replica_of(self, master: Member) -> Member:
        """Add a replica and wait until it has the data of its master."""
        replica = self._joined()
        replica.command("CLUSTER REPLICATE", master.id)
        until_true(lambda: follows(replica))
        return replica

    def owner_of(self, slot: int) -> Member:
        """Return the master of the slot according to a running node."""
        for first, last, (_, port, *_), *_ in self._alive()[0].command("CLUSTER SLOTS"):
            if first <= slot <= last:
                return next(member for member in self.members if member.port == port)
        raise AssertionError(f"no node has the slot {slot}")

    def another_than(self, owner: Member) -> Member:
        """Return another master."""
        return next(member for member in self.members if member is not owner)

    def move(self, slot: int) -> None:
        """Move the slot to another master, a few keys at a time."""
        for _ in self.moving(slot):
            pass

    def moving(self, slot: int) -> Iterator[None]:
        """Move the slot step by step with the commands that all versions support. Yield in between."""
        source = self.owner_of(slot)
        to = self.another_than(source)
        until_true(self._epochs_are_settled)
        to.command("CLUSTER SETSLOT", slot, "IMPORTING", source.id)
        source.command("CLUSTER SETSLOT", slot, "MIGRATING", to.id)
        while keys := source.command("CLUSTER GETKEYSINSLOT", slot, _KEYS_AT_A_TIME):
            source.command("MIGRATE", HOST, to.port, "", 0, _MIGRATES_WITHIN_MS, "KEYS", *keys)
            yield
        for member in (to, source, *self._alive()):
            member.command("CLUSTER SETSLOT", slot, "NODE", to.id)

    def move_at_once(self, slot: int) -> None:
        """Move the slot to another master in one step, as Valkey 9 supports."""
        source = self.owner_of(slot)
        to = self.another_than(source)
        until_true(self._epochs_are_settled)
        source.command("CLUSTER MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", to.id)
        until_true(lambda: self.owner_of(slot) is to)

    def _alive(self) -> list[Member]:
        return [member for member in self.members if member.is_running]

    def _joined(self) -> Member:
        member = self._start()
        self._join(member)
        until_true(self._all_are_known)
        return member

    def _join(self, member: Member) -> None:
        for known in self._alive()[:1]:
            known.command("CLUSTER MEET", HOST, member.port, member.bus_port)
        self.members.append(member)

    def _all_are_known(self) -> bool:
        """Return True if every node knows all nodes."""
        count = str(len(self.members))
        return all(member.knows()["cluster_known_nodes"] == count for member in self._alive())

    def _epochs_are_settled(self) -> bool:
        """Return True if all nodes know the last move, so that the next one gets the newest epoch."""
        views = [member.knows() for member in self._alive()]
        newest = {view["cluster_current_epoch"] for view in views}
        return len(newest) == 1 and len({view["cluster_my_epoch"] for view in views}) == len(views)

    def _is_whole(self) -> bool:
        """Return True if every node knows all nodes and the owner of each slot."""
        return self._all_are_known() and all(
            member.knows()["cluster_state"] == "ok" for member in self._alive()
        )


@contextmanager
def a_cluster(*, node_timeout_ms: int = 15_000) -> Iterator[Cluster]:
    """Run a cluster while the block runs. A node that is silent for this long is marked as failed."""
    with ExitStack() as stack:
        yield Cluster(lambda: stack.enter_context(running(lambda folder: Member(folder, node_timeout_ms))))
