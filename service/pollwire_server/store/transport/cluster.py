"""Client of a cluster: each call goes to the master of its slot, and a batch goes to all masters at once.

How. Each server knows which master has which slot (CLUSTER SLOTS). The client asks all servers at once and
uses the answer of the majority, because a server that was cut off can be outdated. It groups the calls of a
batch by master. Each group is one round trip, and the groups run concurrently. A failing master affects only
its own group.

Slots that move. A master without the slot returns a redirection and does not run the call. MOVED and ASK
name the server that has the slot. The client sends the call there; after ASK it first sends ASKING on the
same connection. TRYAGAIN means that the keys of the call are on both servers at the moment. The client then
retries a few times, which is enough for a small slot, and otherwise fails the call; the voter's client
retries it. All these replies mean that nothing was executed, so no call runs twice.

Alternatives. The cluster class of the redis client failed in tests with many clients. It sends ASKING and
the call on two connections, and closes every connection on each fifth MOVED. It sends the moved calls of a
batch one after the other, up to sixteen times. It fails a whole batch if one master fails.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from redis.crc import key_slot
from redis.exceptions import AskError, ClusterDownError, MovedError, RedisError, ResponseError, TryAgainError

from pollwire_server.store.transport.fan_out import gather_replies
from pollwire_server.store.transport.single_server import Command, SingleServer, create_client
from pollwire_server.store.transport.store_errors import WrongSchemeError

SLOTS: Final = 16_384

RETRY_DELAY_S: Final = 0.03
MAX_ATTEMPTS: Final = 4
"""The waits add up to about 0.1 s. A call, and its batch, waits that long for a small slot to arrive."""

SLOT_MAP_WAIT_S: Final = 0.3
"""Wait for the other slot maps. It is short, so that one silent server does not use up the time of the
call."""

_NOT_CLUSTER: Final = "The store is not a cluster; use redis://host:port for one server."
_SLOT_IS_MOVING: Final = "the slot is moving to another server"

_UNKNOWN_HOSTS: Final = ("", "?")
_KEYLESS: Final = ("PING", "TIME", "PUBLISH")


class Address(NamedTuple):
    """Host and port of a server."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class _Redirect(NamedTuple):
    """Target of the next attempt of a call; ``asking`` if an ASKING must precede the call."""

    to: SingleServer
    asking: bool


class Cluster:
    """Masters of a cluster, discovered through ``seeds``; ``settings`` apply to every connection."""

    is_cluster: Final = True
    client: Final[Any] = None

    def __init__(self, seeds: Iterable[tuple[str, int]], settings: Mapping[str, Any]) -> None:
        self.seeds: Final = [Address(*seed) for seed in seeds]
        self.settings: Final = settings
        self._servers: dict[Address, SingleServer] = {}
        self._owners: list[Address] = []
        """Master of each slot; empty until the first slot map."""
        self._owners_are_known = False

    async def send(self, commands: Sequence[Command]) -> list[Any]:
        """Send function calls. Return replies in order; a failed call's error is in its index."""
        replies: list[Any] = [None] * len(commands)
        await self._ensure_slot_map()
        slots = [_slot_of_call(command) for command in commands]
        targets = {index: _Redirect(self._owner(slot), asking=False) for index, slot in enumerate(slots)}
        for attempt in range(MAX_ATTEMPTS):
            if attempt and any(isinstance(replies[index], TryAgainError) for index in targets):
                await asyncio.sleep(RETRY_DELAY_S)
            await self._send_each(commands, targets, replies)
            targets = {
                index: target
                for index in targets
                if (target := self._redirect_for(replies[index], slots[index])) is not None
            }
            if not targets:
                return replies
        for index in targets:
            replies[index] = TryAgainError(_SLOT_IS_MOVING)
        return replies

    async def command(self, *words: bytes | str | int) -> Any:
        """Return one command's reply from the master of its key, or from any master for a command without a
        key."""
        await self._ensure_slot_map()
        if words[0] in _KEYLESS:
            return await self._any_master().command(*words)
        slot = key_slot(_bytes(words[1]))
        target = _Redirect(self._owner(slot), asking=False)
        for _ in range(MAX_ATTEMPTS):
            try:
                return await _send_to(target, words)
            except (AskError, TryAgainError) as error:
                target = self._redirect_for(error, slot) or target
                if isinstance(error, TryAgainError):
                    await asyncio.sleep(RETRY_DELAY_S)
        raise TryAgainError(_SLOT_IS_MOVING)

    async def on_all_masters(self, *words: bytes | str | int, ignored_error: str = "") -> dict[str, Any]:
        """Return each master's reply by address. Raises the first error after all have replied."""
        await self._ensure_slot_map()
        masters = list(dict.fromkeys(self._owners))
        answers = await asyncio.gather(
            *(self._server(master).on_all_masters(*words, ignored_error=ignored_error) for master in masters),
            return_exceptions=True,
        )
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return dict(zip(map(str, masters), answers, strict=True))

    async def masters(self) -> Sequence[SingleServer]:
        """Return every master that owns a slot."""
        await self._ensure_slot_map()
        return [self._server(address) for address in dict.fromkeys(self._owners)]

    def new_connection(self) -> Any:
        """Return a connection to any server: the cluster broadcasts published messages to all servers."""
        return self._any_master().new_connection()

    async def reset(self) -> None:
        """Close idle connections and read the slot map before the next call.

        Called after a server failed to reply, which also covers servers that have left the cluster.
        """
        self._owners_are_known = False
        await asyncio.gather(*(server.reset() for server in self._servers.values()))

    async def aclose(self) -> None:
        """Close all connections."""
        await asyncio.gather(*(server.aclose() for server in self._servers.values()))

    async def _send_each(
        self, commands: Sequence[Command], targets: Mapping[int, _Redirect], replies: list[Any]
    ) -> None:
        """Send the calls to their targets, and store each reply, or its server's error, in ``replies``."""
        groups: dict[SingleServer, list[int]] = defaultdict(list)
        for index, target in targets.items():
            groups[target.to].append(index)
        answers = await asyncio.gather(
            *(
                _exchange(server, [(commands[index], targets[index].asking) for index in indexes])
                for server, indexes in groups.items()
            ),
            return_exceptions=True,
        )
        for indexes, answer in zip(groups.values(), answers, strict=True):
            group_replies = [answer] * len(indexes) if isinstance(answer, BaseException) else answer
            for index, reply in zip(indexes, group_replies, strict=True):
                replies[index] = reply

    def _redirect_for(self, reply: Any, slot: int) -> _Redirect | None:
        """Return the next target of a call that was not executed; None for every other reply."""
        if isinstance(reply, AskError):  # also MovedError, a subclass
            owner = self._owners[slot]
            named = Address(owner.host if reply.host in _UNKNOWN_HOSTS else reply.host, reply.port)
            if isinstance(reply, MovedError):
                self._owners[slot] = named
            return _Redirect(self._server(named), asking=not isinstance(reply, MovedError))
        if isinstance(reply, TryAgainError):
            return _Redirect(self._owner(slot), asking=False)
        return None

    def _owner(self, slot: int) -> SingleServer:
        return self._server(self._owners[slot])

    def _any_master(self) -> SingleServer:
        return self._server(random.choice(self._owners or self.seeds))

    def _server(self, address: Address) -> SingleServer:
        server = self._servers.get(address)
        if server is None:
            client = create_client({**self.settings, "host": address.host, "port": address.port})
            server = self._servers[address] = SingleServer(client)
        return server

    async def _ensure_slot_map(self) -> None:
        if not self._owners_are_known:
            await self._read_slot_map()

    async def _read_slot_map(self) -> None:
        """Read the slot map from all known masters and the seeds of the URL at once.

        The seeds count only if no known master replies. Raises the error of ``redis`` if all fail.
        """
        queries = {
            asyncio.create_task(self._slot_map_of(address)): address
            for address in dict.fromkeys((*self._owners, *self.seeds))
        }
        masters = [task for task, address in queries.items() if not self._owners or address in self._owners]
        maps = await gather_replies(queries.keys(), masters, SLOT_MAP_WAIT_S)
        [(ranges, _)] = Counter(maps).most_common(1)
        self._owners = _by_slot(ranges)
        self._owners_are_known = True

    async def _slot_map_of(self, address: Address) -> tuple[tuple[int, int, Address], ...]:
        """Return this server's slot map: first slot, last slot, and master of each range."""
        (reply,) = await self._server(address).send([("CLUSTER", "SLOTS")])
        if type(reply) is ResponseError:  # every server of a cluster has the command
            raise WrongSchemeError(_NOT_CLUSTER) from reply
        if isinstance(reply, RedisError):
            raise reply
        return tuple(
            sorted((first, last, _address_of(master, address.host)) for first, last, master, *_ in reply)
        )


def _address_of(master: Sequence[Any], asked_host: str) -> Address:
    """Return the address of a master in a reply to CLUSTER SLOTS.

    The host is missing if all servers have the host that was asked. It is ``?`` if the servers prefer names
    and this one has none; its IP address is then beside it.
    """
    host, port, _, *metadata = master
    name = (host or b"").decode()
    if name not in _UNKNOWN_HOSTS:
        return Address(name, port)
    pairs = [word.decode() for word in metadata[0]] if metadata else []
    others = dict(zip(pairs[::2], pairs[1::2], strict=True))
    return Address(others.get("ip", asked_host) if name else asked_host, port)


def _by_slot(ranges: Sequence[tuple[int, int, Address]]) -> list[Address]:
    owners: list[Address] = []
    for first, last, master in ranges:
        if first != len(owners):
            break
        owners += [master] * (last + 1 - first)
    if len(owners) != SLOTS:
        raise ClusterDownError(f"no master serves slot {len(owners)}")
    return owners


async def _exchange(server: SingleServer, calls: Sequence[tuple[Command, bool]]) -> list[Any]:
    """Send calls to one server, each ``asking`` call after an ASKING. Return the replies of the calls."""
    words: list[Command] = []
    for command, asking in calls:
        words += [("ASKING",), command] if asking else [command]
    replies = await server.send(words)
    return [reply for word, reply in zip(words, replies, strict=True) if word[0] != "ASKING"]


async def _send_to(target: _Redirect, words: Command) -> Any:
    if not target.asking:
        return await target.to.command(*words)
    pipeline = target.to.client.pipeline(transaction=False)
    pipeline.execute_command("ASKING")
    pipeline.execute_command(*words)
    return (await pipeline.execute())[-1]


def _slot_of_call(command: Command) -> int:
    """Return the slot of an FCALL: that of its first key. A call without keys can use any slot."""
    return key_slot(_bytes(command[3])) if command[2] else 0


def _bytes(word: bytes | str | int) -> bytes:
    return word if isinstance(word, bytes) else str(word).encode()
