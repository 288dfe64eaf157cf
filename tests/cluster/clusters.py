"""A real cluster for tests: its masters, who joins them, and slots that move."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.cluster.nodes import HOST, Node, follows, free_ports, running, until_true

_KEYS_AT_A_TIME = 3
_MIGRATES_WITHIN_MS = 5_000
_THIRDS = ((0, 5460), (5461, 10922), (10923, 16383))


class Member(Node):
    """A node of a cluster."""

    def __init__(self, folder: Path, node_timeout_ms: int) -> None:
        super().__init__(folder)
        self.bus_port = 0
        self._node_timeout_ms = node_timeout_ms

    @property
    def id(self) -> str:
        """Its name among the nodes."""
        name: bytes = self.tell("CLUSTER", "MYID")
        return name.decode()

    def knows(self) -> dict[str, str]:
        """Return its CLUSTER INFO: ``cluster_state``, ``cluster_known_nodes``, ..."""
        said = self.tell("CLUSTER INFO")
        return said if isinstance(said, dict) else dict(line.split(":") for line in said.decode().split())

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
    """Three masters, each with a third of the slots, and who joins them."""

    def __init__(self, start: Callable[[], Member]) -> None:
        self._start = start
        self.members: list[Member] = []
        for place, (first, last) in enumerate(_THIRDS):
            member = start()
            member.tell("CLUSTER SET-CONFIG-EPOCH", place + 1)
            member.tell("CLUSTER ADDSLOTSRANGE", first, last)
            self._meet(member)
        until_true(self._is_whole)

    @property
    def url(self) -> str:
        """As ``open_store`` takes it: two of the nodes, by which the others are found."""
        return f"redis+cluster://{','.join(member.address for member in self.members[:2])}"

    def join(self) -> Member:
        """One node more, without slots."""
        member = self._joined()
        until_true(self._is_whole)
        return member

    def replica_of(self, master: Member) -> Member:
        """A replica that has all that its master has."""
        replica = self._joined()
        replica.tell("CLUSTER REPLICATE", master.id)
        until_true(lambda: follows(replica))
        return replica

    def owner_of(self, slot: int) -> Member:
        """The master that a living node names for the slot."""
        for first, last, (_, port, *_), *_ in self._alive()[0].tell("CLUSTER SLOTS"):
            if first <= slot <= last:
                return next(member for member in self.members if member.port == port)
        raise AssertionError(f"no node has the slot {slot}")

    def another_than(self, owner: Member) -> Member:
        """A master beside it."""
        return next(member for member in self.members if member is not owner)

    def move(self, slot: int) -> None:
        """The slot goes to another master, a few keys at a time."""
        for _ in self.moving(slot):
            pass

    def moving(self, slot: int) -> Iterator[None]:
        """The same, step by step: as it is done on every server since there are clusters."""
        source = self.owner_of(slot)
        to = self.another_than(source)
        until_true(self._epochs_are_settled)
        to.tell("CLUSTER SETSLOT", slot, "IMPORTING", source.id)
        source.tell("CLUSTER SETSLOT", slot, "MIGRATING", to.id)
        while keys := source.tell("CLUSTER GETKEYSINSLOT", slot, _KEYS_AT_A_TIME):
            source.tell("MIGRATE", HOST, to.port, "", 0, _MIGRATES_WITHIN_MS, "KEYS", *keys)
            yield
        for member in (to, source, *self._alive()):
            member.tell("CLUSTER SETSLOT", slot, "NODE", to.id)

    def move_at_once(self, slot: int) -> None:
        """The slot goes to another master as a whole, which Valkey can since version 9."""
        source = self.owner_of(slot)
        to = self.another_than(source)
        until_true(self._epochs_are_settled)
        source.tell("CLUSTER MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", to.id)
        until_true(lambda: self.owner_of(slot) is to)

    def _alive(self) -> list[Member]:
        return [member for member in self.members if member.is_running]

    def _joined(self) -> Member:
        member = self._start()
        self._meet(member)
        until_true(self._all_are_known)
        return member

    def _meet(self, member: Member) -> None:
        for known in self._alive()[:1]:
            known.tell("CLUSTER MEET", HOST, member.port, member.bus_port)
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
    """A cluster that is gone with the block. A node that is silent for so long is held to have failed."""
    with ExitStack() as stack:
        yield Cluster(lambda: stack.enter_context(running(lambda folder: Member(folder, node_timeout_ms))))
