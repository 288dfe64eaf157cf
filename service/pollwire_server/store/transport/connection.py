"""The way to the store: calls that are answered or refused within a second, whatever the store does.

How. Every call goes through one gate. While the store is *up*, calls are sent
(at most ``MOST_CONNECTIONS`` at a time) and each has ``CALL_TIMEOUT_S`` in
all, waiting included. The first call that finds the store away closes the
gate: from then on calls are refused at once with ``StoreUnavailable`` instead
of each waiting for a time-out of its own, and those that wait behind the gate
are refused with them, so nothing piles up. One task knocks until the store
answers and has the function library, and opens the gate again.

Retries. The client makes none: a call whose reply was lost may have run. One
kind of failure is repeated here, a function that the server does not have
(it was flushed, or a new master took over), because then nothing ran.

Alternatives. Letting each call try for itself costs every request 0.8 s and a
connection while the store is paused; a client-side retry would hide outages
from the votes' own deadline.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

from redis.exceptions import ClusterDownError, ReadOnlyError, RedisError, ResponseError, TryAgainError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from pollwire_server.domain.errors import PollwireError, StoreUnavailable
from pollwire_server.store.migration import Migration
from pollwire_server.store.transport.cancellation import cancel_and_wait
from pollwire_server.store.transport.function_library import FunctionLibrary, UnsupportedStore, is_missing
from pollwire_server.store.transport.single_server import StoreServers
from pollwire_server.store.transport.url import (
    MOST_CONNECTIONS,
    REPLY_TIMEOUT_S,
    servers_from_url,
    without_password,
)
from pollwire_server.telemetry.log_throttle import LogThrottle
from pollwire_server.telemetry.metrics import STORE_FAILURES, STORE_SECONDS

_log = logging.getLogger("pollwire.store")

CALL_TIMEOUT_S: Final = REPLY_TIMEOUT_S + 0.1
"""A whole call: its turn, a connection perhaps made anew, the reply. Under the second that is promised."""

PROBE_INTERVAL_S: Final = 0.1
"""Between two knocks at a store that is away: it is found within this after its return."""

_CONNECTION_ERRORS: Final = (
    RedisConnectionError,
    RedisTimeoutError,
    ReadOnlyError,
    ClusterDownError,
    TimeoutError,
    OSError,
)
"""Failures that say the store, not the call, is at fault. ReadOnly: a master that was demoted."""


class FunctionCall(NamedTuple):
    """One function call: its name as in ``functions/``, its keys (all of one slot) and arguments."""

    function: str
    keys: Sequence[bytes]
    args: Sequence[bytes | str | int]


class StoreConnection:
    """One process's way to the store; make it with ``open``."""

    def __init__(self, url: str, namespace: str) -> None:
        self.namespace: Final = namespace
        self.library: Final = FunctionLibrary()
        self.last_error: str | None = None
        self.reconnect_count = 0
        """How often the store was found to answer after it had not; after each, it may be another server."""
        self._address = without_password(url)
        self._servers: StoreServers = servers_from_url(url)
        self._migration = Migration(self._servers, self.library, namespace)
        self._slots = asyncio.Semaphore(MOST_CONNECTIONS)
        self._up = asyncio.Event()
        self._has_answered = False
        self._knocking: asyncio.Task[None] | None = None
        self._is_closed = False
        self._refusals = LogThrottle()

    @classmethod
    async def open(cls, url: str, *, namespace: str = "pw") -> StoreConnection:
        """A connection to the store at ``url`` (``topology`` lists the forms).

        Raises ``StoreUnfit`` if the URL is none, or the server cannot run the library. A store that is away
        is no error: calls are refused until it answers.
        """
        connection = cls(url, namespace)
        try:
            await connection._probe()
        except UnsupportedStore:
            await connection.close()
            raise
        except (*_CONNECTION_ERRORS, RedisError) as error:
            connection._mark_down(error)
        return connection

    async def close(self) -> None:
        """Let go of every connection."""
        if self._knocking is not None:
            await cancel_and_wait(self._knocking)
        self._is_closed = True
        await self._servers.aclose()

    @property
    def client(self) -> Any:
        """The one server's redis client itself; None in a cluster."""
        return self._servers.client

    @property
    def is_cluster(self) -> bool:
        """Whether keys of different slots may lie on different servers."""
        return self._servers.is_cluster

    @property
    def is_up(self) -> bool:
        """Whether the last thing heard of the store is that it answers."""
        return self._up.is_set()

    @property
    def has_answered(self) -> bool:
        """Whether the store has answered at least once."""
        return self._has_answered

    async def wait_up(self) -> None:
        """Return once the store answers."""
        await self._up.wait()

    async def call(self, function: str, keys: Sequence[bytes], args: Sequence[bytes | str | int]) -> Any:
        """One function's reply, as its header in ``functions/`` has it. Raises ``StoreUnavailable``."""
        (reply,) = await self.call_many([FunctionCall(function, keys, args)])
        if isinstance(reply, PollwireError):
            raise reply
        return reply

    async def call_many(self, calls: Sequence[FunctionCall]) -> list[Any]:
        """The replies to many calls, in one round trip; ``StoreUnavailable`` in the place of each without.

        Never raises for the store's sake: one call's failure is no other's.
        """
        began = time.perf_counter()
        try:
            async with self._gate():
                replies = await self._send(calls)
                if missing := [place for place, reply in enumerate(replies) if _is_missing(reply)]:
                    await self.library.load(self._servers.on_all_masters)
                    again = await self._send([calls[place] for place in missing])
                    for place, reply in zip(missing, again, strict=True):
                        replies[place] = reply
        except StoreUnavailable as error:
            STORE_FAILURES.inc(len(calls))
            return [error] * len(calls)
        STORE_SECONDS.observe(time.perf_counter() - began)
        return [self._map_reply(reply) for reply in replies]

    async def command(self, *words: bytes | str | int) -> Any:
        """One plain command's reply, for what needs no function. Raises ``StoreUnavailable``."""
        async with self._gate():
            return await self._servers.command(*words)

    async def on_all_masters(self, *words: bytes | str | int) -> Any:
        """One plain command's reply from every master (a cluster's by node).

        Raises ``StoreUnavailable``, and redis' own ``ResponseError`` where a server refuses the command.
        """
        async with self._gate():
            try:
                return await self._servers.on_all_masters(*words)
            except ResponseError as error:
                refusal = error
        raise refusal

    async def now(self) -> int:
        """The store's clock, in milliseconds since the epoch."""
        seconds, microseconds = await self.command("TIME")
        return int(seconds) * 1000 + int(microseconds) // 1000

    async def ping(self) -> None:
        """Return if the store answers; ``StoreUnavailable`` otherwise."""
        await self.command("PING")

    def new_connection(self) -> Any:
        """A connection outside the pool, not connected yet, for one user alone (a subscription)."""
        return self._servers.new_connection()

    async def _send(self, calls: Sequence[FunctionCall]) -> list[Any]:
        """The replies in order, a call's own error in its place."""
        name_of = self.library.name_of
        return await self._servers.send(
            [("FCALL", name_of(name), len(keys), *keys, *args) for name, keys, args in calls]
        )

    @asynccontextmanager
    async def _gate(self) -> AsyncIterator[None]:
        """Around all that is sent: refused at once while the store is away, bounded while it is not."""
        if self._is_closed or not self._up.is_set():
            raise StoreUnavailable()
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S), self._slots:
                if not self._up.is_set():  # it went away while this call waited for its turn
                    raise StoreUnavailable()
                yield
        except _CONNECTION_ERRORS as error:
            self._mark_down(error)
            raise StoreUnavailable() from error
        except (RedisError, UnsupportedStore) as error:
            self._refused(error)
            raise StoreUnavailable() from error
        finally:
            if self._is_closed:  # whoever was under way then has given its connection back open
                await self._servers.aclose()

    def _map_reply(self, reply: Any) -> Any:
        """A reply, or what its error means to the caller."""
        if not isinstance(reply, Exception):
            return reply
        if isinstance(reply, _CONNECTION_ERRORS):
            self._mark_down(reply)
        else:
            self._refused(reply)
        return StoreUnavailable()

    def _refused(self, error: Exception) -> None:
        """The store answers and will not do it: no memory or disk, no permission, a fault of the library.

        A slot of a cluster that is being moved is no fault; whoever asks again will find it.
        """
        if line := self._refusals.line_to_log(f"the store refused a call: {error}"):
            _log.log(logging.INFO if isinstance(error, TryAgainError) else logging.ERROR, "%s", line)

    def _mark_down(self, error: BaseException) -> None:
        self.last_error = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        if self._up.is_set() or not self._has_answered:
            _log.warning("the store at %s does not answer: %s", self._address, self.last_error)
        self._up.clear()
        if self._knocking is None or self._knocking.done():
            self._knocking = asyncio.get_running_loop().create_task(
                self._knock_until_up(), name="store-knock"
            )

    async def _knock_until_up(self) -> None:
        while not self._up.is_set():
            try:
                await self._probe()
            except Exception as error:  # nothing but an answer ends the knocking
                self.last_error = str(error) or type(error).__name__
                await asyncio.sleep(PROBE_INTERVAL_S)
        _log.info("the store at %s answers", self._address)

    async def _probe(self) -> None:
        """Ask every master for proof that it is there and has the library.

        On new connections, for the old ones may lead to a master that is none any more.
        """
        async with asyncio.timeout(CALL_TIMEOUT_S):
            await self._servers.reset()
            await self.library.ensure(self._servers.on_all_masters)
        await self._migration.run()  # not bounded: a large store takes longer than a call
        self.last_error = None
        self._has_answered = True
        self.reconnect_count += 1
        self._up.set()


def _is_missing(reply: Any) -> bool:
    return isinstance(reply, ResponseError) and is_missing(reply)
