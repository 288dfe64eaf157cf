"""Connection to the store. A call succeeds or fails within one second, whatever the store does.

How. All calls pass one circuit breaker. While the store is *up*, at most ``MAX_CONNECTIONS`` calls run at a
time. Each call has ``CALL_TIMEOUT_S`` in all, including its wait for a slot. The first call that finds the
store down opens the circuit. From then on calls fail immediately with ``StoreUnavailable``, instead of each
waiting for its own timeout. Waiting calls fail with them, so nothing piles up. One background task probes
the store. When the store replies and has the function library, the task closes the circuit.

Retries. The redis client makes none, because a call with a lost reply may have run. This module repeats one
kind of failure: a function that the server does not have (after a flush or a failover). In that case nothing
was executed.

Alternatives. If each call tried on its own, every request would cost 0.8 s and a connection while the store
is paused. Retries in the redis client would hide outages from the deadline of the votes.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

from redis.exceptions import ResponseError

from pollwire_server.domain.errors import PollwireError, StoreUnavailable
from pollwire_server.domain.store_url import without_password
from pollwire_server.store.migration import Migration
from pollwire_server.store.transport.cancellation import cancel_and_wait, raise_if_cancelled
from pollwire_server.store.transport.function_library import (
    READ_ONLY_VARIANTS,
    FunctionLibrary,
    ReplyCode,
    UnsupportedStore,
    is_missing,
)
from pollwire_server.store.transport.single_server import StoreServers
from pollwire_server.store.transport.store_errors import STORE_ERRORS, StoreErrorKind, error_code, kind_of
from pollwire_server.store.transport.tls import tls_problem
from pollwire_server.store.transport.url import (
    MAX_CONNECTIONS,
    REPLY_TIMEOUT_S,
    servers_from_url,
)
from pollwire_server.telemetry.metrics import STORE_FAILURES, STORE_SECONDS

_log = logging.getLogger("pollwire.store")

CALL_MARGIN_S: Final = 0.1
CALL_TIMEOUT_S: Final = REPLY_TIMEOUT_S + CALL_MARGIN_S
"""Bound of a whole call: waiting, connecting and the reply. Below the guaranteed one second."""

PROBE_INTERVAL_S: Final = 0.1
"""Interval between two probes of a store that is down. Its return is detected within this time."""

WRITE_PROBE_INTERVAL_S: Final = 0.5
"""Interval between two checks of a store that rejects writes. Every check looks up the master again."""

_DOWN: Final = (StoreErrorKind.UNREACHABLE, StoreErrorKind.LOGIN_REFUSED)


class FunctionCall(NamedTuple):
    """Call of a Lua function: name as in ``functions/``, keys (all of one slot) and arguments."""

    function: str
    keys: Sequence[bytes]
    args: Sequence[bytes | str | int]


class StoreConnection:
    """Connection of one process to the store, with a circuit breaker. Create it with ``open``."""

    def __init__(self, url: str, namespace: str, reply_timeout_s: float = REPLY_TIMEOUT_S) -> None:
        self.namespace: Final = namespace
        self.library: Final = FunctionLibrary()
        self.last_error: str | None = None
        self.reconnect_count = 0
        """Number of successful probes. After each, another server may be behind the URL."""
        self.write_refusal: str | None = None
        """Error code while the store rejects writes, such as ``OOM``. None while it accepts them."""
        self._address = without_password(url)
        self._servers: StoreServers = servers_from_url(url, reply_timeout_s)
        self._call_timeout_s = reply_timeout_s + CALL_MARGIN_S
        self._migration = Migration(self._servers, self.library, namespace)
        self._call_slots = asyncio.Semaphore(MAX_CONNECTIONS)
        self._up = asyncio.Event()
        self._has_answered = False
        self._probe_task: asyncio.Task[None] | None = None
        self._write_probe_task: asyncio.Task[None] | None = None
        self._is_closed = False

    @classmethod
    async def open(
        cls, url: str, *, namespace: str = "pw", reply_timeout_s: float = REPLY_TIMEOUT_S
    ) -> StoreConnection:
        """Open a connection to the store at ``url`` (``transport/url.py`` lists the forms).

        Raises ``UnsupportedStore`` if the URL is invalid or the server cannot run the library. A store that
        is down is not an error: calls fail until it replies.
        """
        connection = cls(url, namespace, reply_timeout_s)
        try:
            await connection._probe()
        except UnsupportedStore:
            await connection.close()
            raise
        except STORE_ERRORS as error:
            connection._mark_down(error)
        return connection

    async def close(self) -> None:
        """Close all connections."""
        tasks = [task for task in (self._probe_task, self._write_probe_task) if task is not None]
        if tasks:
            await cancel_and_wait(*tasks)
        self._is_closed = True
        await self._servers.aclose()

    @property
    def client(self) -> Any:
        """Return the redis client of the one server; None in a cluster."""
        return self._servers.client

    @property
    def is_cluster(self) -> bool:
        """Return True if keys of different slots can be on different servers."""
        return self._servers.is_cluster

    @property
    def is_up(self) -> bool:
        """Return True if the store replied at the last attempt."""
        return self._up.is_set()

    @property
    def has_answered(self) -> bool:
        """Return True if the store has replied at least once."""
        return self._has_answered

    async def wait_up(self) -> None:
        """Wait until the store replies."""
        await self._up.wait()

    async def call(self, function: str, keys: Sequence[bytes], args: Sequence[bytes | str | int]) -> Any:
        """Call one function and return its reply (format: header in ``functions/``).

        Raises ``StoreUnavailable``.
        """
        (reply,) = await self.call_many([FunctionCall(function, keys, args)])
        if isinstance(reply, PollwireError):
            raise reply
        return reply

    async def call_many(self, calls: Sequence[FunctionCall]) -> list[Any]:
        """Send the calls in one round trip. Return replies in order; ``StoreUnavailable`` in place of a
        failed one.

        Never raises because of the store. The failure of one call does not affect the others.
        """
        began = time.perf_counter()
        try:
            async with self._circuit_breaker():
                replies = await self._send(calls)
                if missing := [place for place, reply in enumerate(replies) if _is_missing(reply)]:
                    await self.library.load(self._servers.on_all_masters)
                    again = await self._send([calls[place] for place in missing])
                    for place, reply in zip(missing, again, strict=True):
                        replies[place] = reply
                await self._read_without_writes(calls, replies)
        except StoreUnavailable as error:
            STORE_FAILURES.inc(len(calls))
            return [error] * len(calls)
        STORE_SECONDS.observe(time.perf_counter() - began)
        return [self._map_reply(reply) for reply in replies]

    async def command(self, *words: bytes | str | int) -> Any:
        """Send one plain command and return its reply. Raises ``StoreUnavailable``."""
        async with self._circuit_breaker():
            return await self._servers.command(*words)

    async def on_all_masters(self, *words: bytes | str | int) -> Any:
        """Send one plain command to every master and return its replies (in a cluster: by node).

        Raises ``StoreUnavailable``, and the ``ResponseError`` of ``redis`` if a server rejects the command.
        """
        async with self._circuit_breaker():
            try:
                return await self._servers.on_all_masters(*words)
            except ResponseError as error:
                if kind_of(error) is not StoreErrorKind.REJECTED:
                    raise
                rejection = error
        raise rejection

    async def now(self) -> int:
        """Return the time of the store's clock, in milliseconds since the epoch."""
        seconds, microseconds = await self.command("TIME")
        return int(seconds) * 1000 + int(microseconds) // 1000

    async def ping(self) -> None:
        """Raise ``StoreUnavailable`` if the store does not reply."""
        await self.command("PING")

    def new_connection(self) -> Any:
        """Return a connection outside the pool, not connected yet, for one exclusive user (a
        subscription)."""
        return self._servers.new_connection()

    async def _send(self, calls: Sequence[FunctionCall]) -> list[Any]:
        """Send the calls. Return replies in order; a failed call's error is in its place."""
        name_of = self.library.name_of
        return await self._servers.send(
            [("FCALL", name_of(name), len(keys), *keys, *args) for name, keys, args in calls]
        )

    async def _read_without_writes(self, calls: Sequence[FunctionCall], replies: list[Any]) -> None:
        """Repeat reads that failed because the store rejects writes, with variants that write nothing."""
        refused = [
            place
            for place, (call, reply) in enumerate(zip(calls, replies, strict=True))
            if call.function in READ_ONLY_VARIANTS and _is_write_refusal(reply)
        ]
        if not refused:
            return
        self._mark_writes_refused(replies[refused[0]])
        again = await self._send(
            [calls[place]._replace(function=READ_ONLY_VARIANTS[calls[place].function]) for place in refused]
        )
        for place, reply in zip(refused, again, strict=True):
            is_behind = isinstance(reply, list) and reply[0] == ReplyCode.STALE.encode()
            replies[place] = StoreUnavailable() if is_behind else reply

    @asynccontextmanager
    async def _circuit_breaker(self) -> AsyncIterator[None]:
        """Reject calls while the store is down; bound their number and duration while it is up."""
        if self._is_closed or not self._up.is_set():
            raise StoreUnavailable()
        try:
            async with asyncio.timeout(self._call_timeout_s), self._call_slots:
                if not self._up.is_set():  # it failed while this call waited
                    raise StoreUnavailable()
                yield
        except (*STORE_ERRORS, UnsupportedStore) as error:
            self._record_error(error)
            raise StoreUnavailable() from error
        finally:
            if self._is_closed:  # a call in progress during close() has returned its connection to the pool
                await self._servers.aclose()

    def _map_reply(self, reply: Any) -> Any:
        """Return the reply, or the error that the caller gets for it."""
        if not isinstance(reply, Exception) or isinstance(reply, StoreUnavailable):
            return reply
        self._record_error(reply)
        return StoreUnavailable()

    def _record_error(self, error: Exception) -> None:
        """Change the state of the connection according to the kind of the error, or log it."""
        match kind_of(error):
            case StoreErrorKind.UNREACHABLE | StoreErrorKind.LOGIN_REFUSED:
                self._mark_down(error)
            case StoreErrorKind.WRITES_REFUSED:
                self._mark_writes_refused(error)
            case StoreErrorKind.RETRY:
                _log.info("Store did not execute a call: %s", error)
            case StoreErrorKind.REJECTED:
                _log.error("Store rejected a call: %s", error)

    def _mark_writes_refused(self, error: Exception) -> None:
        code = error_code(error)
        if self.write_refusal != code:
            _log.error("Store rejects writes (%s): %s; results can still be read", code, error)
        self.write_refusal = code
        self._start_write_probe()

    def _start_write_probe(self) -> None:
        if self._write_probe_task is None or self._write_probe_task.done():
            self._write_probe_task = asyncio.get_running_loop().create_task(
                self._probe_until_writable(), name="store-write-probe"
            )

    async def _probe_until_writable(self) -> None:
        """Check the store until it accepts writes. End if it does not reply: then the other probe runs."""
        while self.write_refusal is not None and self._up.is_set():
            await asyncio.sleep(WRITE_PROBE_INTERVAL_S)
            raise_if_cancelled()
            try:
                await self._check_library()
            except (*STORE_ERRORS, UnsupportedStore) as error:
                if kind_of(error) in _DOWN:
                    self._mark_down(error)

    def _mark_down(self, error: BaseException) -> None:
        was_up = self._up.is_set()
        self._record_failed_probe(error)
        if was_up or not self._has_answered:
            self._log_down()
        self._up.clear()
        if self._probe_task is None or self._probe_task.done():
            self._probe_task = asyncio.get_running_loop().create_task(
                self._probe_until_up(), name="store-probe"
            )

    def _record_failed_probe(self, error: BaseException) -> None:
        self.last_error = _describe(error)
        is_refusal = kind_of(error) is StoreErrorKind.WRITES_REFUSED
        self.write_refusal = error_code(error) if is_refusal else None

    def _log_down(self) -> None:
        event = "does not respond" if self.write_refusal is None else "cannot be prepared"
        _log.warning("Store at %s %s: %s", self._address, event, self.last_error)

    async def _probe_until_up(self) -> None:
        while not self._up.is_set():
            try:
                await self._probe()
            except Exception as error:  # only a reply ends the probing
                self._record_failed_probe(error)
                self._log_down()
                await asyncio.sleep(PROBE_INTERVAL_S)
        _log.info("Store at %s responds", self._address)

    async def _probe(self) -> None:
        """Check that every master replies and has the library."""
        await self._check_library()
        await self._migration.run()  # not bounded: a large store takes longer than a call
        self.last_error = None
        self._has_answered = True
        self.reconnect_count += 1
        self._up.set()
        if self.write_refusal is not None:
            self._start_write_probe()

    async def _check_library(self) -> None:
        """Load and verify the library, and record if the store accepts writes.

        Uses new connections, because old ones can lead to a demoted master.
        """
        async with asyncio.timeout(self._call_timeout_s):
            await self._servers.reset()
            error = await self.library.ensure(
                self._servers.on_all_masters, is_cluster=self._servers.is_cluster
            )
        if error is not None:
            self._mark_writes_refused(error)
        elif self.write_refusal is not None:
            self.write_refusal = None
            _log.info("Store accepts writes")


def _describe(error: BaseException) -> str:
    name = type(error).__name__
    return tls_problem(error) or (f"{name}: {error}" if str(error) else name)


def _is_write_refusal(reply: Any) -> bool:
    return isinstance(reply, Exception) and kind_of(reply) is StoreErrorKind.WRITES_REFUSED


def _is_missing(reply: Any) -> bool:
    return isinstance(reply, ResponseError) and is_missing(reply)
