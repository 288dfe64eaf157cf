"""A cluster: each call goes to the master of its slot, a batch to all masters at once.

How. Which master has which slot is told by any of them (CLUSTER SLOTS). It is
asked of all at once, and what most say is believed: one that was cut off may
know no better. The calls of a batch are sorted by master, and each master's
share is one round trip, beside the others. What one master does not answer is
missing in its own share alone.

Slots that move. A master that has not the slot (any more) says so instead of
running the call: MOVED and ASK name who has it, and the call is sent there,
ASK's behind an ASKING on the same link. TRYAGAIN means that the keys of the
call are on both sides just now. That is asked again a few times, which is
enough for a small slot, and then refused; the voter comes back. Every one of
these answers means that nothing was done, so nothing is ever done twice.

Alternatives. The client's own cluster class was used until it was tried under
a crowd: it sends ASKING and the call on two links, closes every connection on
each fifth MOVED, sends each of a batch's moved calls by itself, one after the
other and sixteen times over, and fails a whole batch for one master's sake.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from redis.asyncio import Redis
from redis.crc import key_slot
from redis.exceptions import AskError, ClusterDownError, MovedError, RedisError, TryAgainError

from pollwire_server.store.transport.fan_out import gather_replies
from pollwire_server.store.transport.single_server import Command, SingleServer

SLOTS: Final = 16_384

TRY_AGAIN_AFTER_S: Final = 0.03
TRIES: Final = 4
"""In all, some 0.1 s: for so long a call waits for a small slot to arrive, and its batch with it."""

MAPS_WITHIN_S: Final = 0.3
"""How long the first who tell the slots wait for the others; one that is silent must not use up the call."""

_ON_ITS_WAY: Final = "the slot is on its way to another server"

_KEYLESS: Final = ("PING", "TIME", "PUBLISH")


class Address(NamedTuple):
    """Where a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class _Redirect(NamedTuple):
    """Where a call goes next, and whether only for once."""

    to: SingleServer
    asking: bool


class Cluster:
    """The masters of a cluster, found through any of ``seeds``; ``settings`` are every connection's."""

    is_cluster: Final = True
    client: Final[Any] = None

    def __init__(self, seeds: Iterable[tuple[str, int]], settings: Mapping[str, Any]) -> None:
        self.seeds: Final = [Address(*seed) for seed in seeds]
        self.settings: Final = settings
        self._servers: dict[Address, SingleServer] = {}
        self._owners: list[Address] = []
        """By slot; empty until it was told."""
        self._owners_are_known = False

    async def send(self, commands: Sequence[Command]) -> list[Any]:
        """The replies to function calls, in order, a call's own error in its place."""
        replies: list[Any] = [None] * len(commands)
        await self._know_owners()
        slots = [_slot_of_call(command) for command in commands]
        turns = {place: _Redirect(self._owner(slot), asking=False) for place, slot in enumerate(slots)}
        for attempt in range(TRIES):
            if attempt and any(isinstance(replies[place], TryAgainError) for place in turns):
                await asyncio.sleep(TRY_AGAIN_AFTER_S)
            await self._send_each(commands, turns, replies)
            turns = {
                place: turned
                for place in turns
                if (turned := self._redirect_for(replies[place], slots[place])) is not None
            }
            if not turns:
                return replies
        for place in turns:
            replies[place] = TryAgainError(_ON_ITS_WAY)
        return replies

    async def command(self, *words: bytes | str | int) -> Any:
        """One command's reply, from the master of the key (or from any, where it has none)."""
        await self._know_owners()
        if words[0] in _KEYLESS:
            return await self._any_master().command(*words)
        slot = key_slot(_bytes(words[1]))
        turned = _Redirect(self._owner(slot), asking=False)
        for _ in range(TRIES):
            try:
                return await _ask(turned, words)
            except (AskError, TryAgainError) as refusal:
                turned = self._redirect_for(refusal, slot) or turned
                if isinstance(refusal, TryAgainError):
                    await asyncio.sleep(TRY_AGAIN_AFTER_S)
        raise TryAgainError(_ON_ITS_WAY)

    async def on_all_masters(self, *words: bytes | str | int, fine: str = "") -> dict[str, Any]:
        """Each master's reply, by its address."""
        await self._know_owners()
        masters = list(dict.fromkeys(self._owners))
        answers = await asyncio.gather(
            *(self._server(master).on_all_masters(*words, fine=fine) for master in masters),
            return_exceptions=True,
        )
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return dict(zip(map(str, masters), answers, strict=True))

    async def masters(self) -> Sequence[SingleServer]:
        """Return every master that owns a slot."""
        await self._know_owners()
        return [self._server(address) for address in dict.fromkeys(self._owners)]

    def new_connection(self) -> Any:
        """To any server: what is published at one is told by all."""
        return self._any_master().new_connection()

    async def reset(self) -> None:
        """A server that has left the cluster is missed when it does not answer, and then this is called."""
        self._owners_are_known = False
        await asyncio.gather(*(server.reset() for server in self._servers.values()))

    async def aclose(self) -> None:
        """Let go of every connection."""
        await asyncio.gather(*(server.aclose() for server in self._servers.values()))

    async def _send_each(
        self, commands: Sequence[Command], turns: Mapping[int, _Redirect], replies: list[Any]
    ) -> None:
        """Send those calls, each to its server, and put the replies (or what befell the server) in place."""
        shares: dict[SingleServer, list[int]] = defaultdict(list)
        for place, turned in turns.items():
            shares[turned.to].append(place)
        answers = await asyncio.gather(
            *(
                _exchange(server, [(commands[place], turns[place].asking) for place in places])
                for server, places in shares.items()
            ),
            return_exceptions=True,
        )
        for places, answer in zip(shares.values(), answers, strict=True):
            told = [answer] * len(places) if isinstance(answer, BaseException) else answer
            for place, reply in zip(places, told, strict=True):
                replies[place] = reply

    def _redirect_for(self, reply: Any, slot: int) -> _Redirect | None:
        """Where a call is to be sent again that was not run; None for every other reply."""
        if isinstance(reply, AskError):  # and MovedError, which is one
            owner = self._owners[slot]
            named = Address(reply.host or owner.host, reply.port)
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
            client = Redis(host=address.host, port=address.port, **self.settings)
            server = self._servers[address] = SingleServer(client)
        return server

    async def _know_owners(self) -> None:
        if not self._owners_are_known:
            await self._read_owners()

    async def _read_owners(self) -> None:
        """Ask the masters that are known, and for the case that none answers those of the URL, all at once.

        Raises redis' error where nobody answers.
        """
        asked = {
            asyncio.create_task(self._map_of(address)): address
            for address in dict.fromkeys((*self._owners, *self.seeds))
        }
        masters = [task for task, address in asked.items() if not self._owners or address in self._owners]
        told = await gather_replies(asked.keys(), masters, MAPS_WITHIN_S)
        [(ranges, _)] = Counter(told).most_common(1)
        self._owners = _by_slot(ranges)
        self._owners_are_known = True

    async def _map_of(self, address: Address) -> tuple[tuple[int, int, Address], ...]:
        """Which master has which slots, from the first to the last, as this server knows it."""
        (reply,) = await self._server(address).send([("CLUSTER", "SLOTS")])
        if isinstance(reply, RedisError):
            raise reply
        return tuple(
            sorted(
                (first, last, Address((master[0] or b"").decode() or address.host, master[1]))
                for first, last, master, *_ in reply
            )
        )


def _by_slot(ranges: Sequence[tuple[int, int, Address]]) -> list[Address]:
    owners: list[Address] = []
    for first, last, master in ranges:
        if first != len(owners):
            break
        owners += [master] * (last + 1 - first)
    if len(owners) != SLOTS:
        raise ClusterDownError(f"nobody has the slot {len(owners)}")
    return owners


async def _exchange(server: SingleServer, calls: Sequence[tuple[Command, bool]]) -> list[Any]:
    """One server's replies; a call that it has for once only goes behind an ASKING."""
    words: list[Command] = []
    for command, asking in calls:
        words += [("ASKING",), command] if asking else [command]
    replies = await server.send(words)
    return [reply for word, reply in zip(words, replies, strict=True) if word[0] != "ASKING"]


async def _ask(turned: _Redirect, words: Command) -> Any:
    if not turned.asking:
        return await turned.to.command(*words)
    pipeline = turned.to.client.pipeline(transaction=False)
    pipeline.execute_command("ASKING")
    pipeline.execute_command(*words)
    return (await pipeline.execute())[-1]


def _slot_of_call(command: Command) -> int:
    """FCALL name count key ...: the keys of one call are of one slot; any will do for none."""
    return key_slot(_bytes(command[3])) if command[2] else 0


def _bytes(word: bytes | str | int) -> bytes:
    return word if isinstance(word, bytes) else str(word).encode()
