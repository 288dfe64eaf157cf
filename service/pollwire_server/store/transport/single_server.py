"""Client of a single server: pipelined calls, plain commands, and connections outside the pool.

``cluster`` implements the same protocol (``StoreServers``) for many servers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import hiredis
from redis.asyncio import ConnectionPool, Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

Command = Sequence[bytes | str | int]


class StoreServers(Protocol):
    """Servers of a store behind one interface. Methods raise the exceptions of ``redis``."""

    @property
    def is_cluster(self) -> bool:
        """Return True if keys of different slots can be on different servers."""

    @property
    def client(self) -> Any:
        """Return the redis client of the one server; None in a cluster."""

    async def send(self, commands: Sequence[Command]) -> list[Any]:
        """Send the commands in one round trip.

        Return replies in order; a failed command's error is in its place.
        """

    async def command(self, *words: bytes | str | int) -> Any:
        """Return one command's reply, parsed by the client.

        The word after the name is the key, if there is one.
        """

    async def on_all_masters(self, *words: bytes | str | int, ignored_error: str = "") -> Any:
        """Return every master's reply to one command (in a cluster: by server).

        Raises the first error after all masters have replied. An error that contains ``ignored_error``
        counts as the reply None.
        """

    async def masters(self) -> Sequence[SingleServer]:
        """Return every master, each as a server of its own."""

    def new_connection(self) -> Any:
        """Return a connection outside the pools, not connected yet."""

    async def reset(self) -> None:
        """Close idle connections and look up the masters again at the next call."""

    async def aclose(self) -> None:
        """Close all connections."""


def create_client(settings: Mapping[str, Any]) -> Redis:
    """Return a client with a pool of its own. ``settings`` are those of its connections and its pool."""
    return Redis.from_pool(ConnectionPool(**settings))


class SingleServer:
    """One server, or the current master of a Sentinel service."""

    is_cluster: Final = False

    def __init__(self, client: Redis, *, close_also: Callable[[], Awaitable[None]] | None = None) -> None:
        self.client: Final[Any] = client
        self._close_also = close_also
        """Closes resources that ``client`` depends on but does not own (the Sentinel connections)."""
        self._sent = 0

    async def send(self, commands: Sequence[Command]) -> list[Any]:
        """Send the commands like the client's pipeline, but packed by hiredis.

        The pipeline packs in Python, at 1.5 us for each argument, and a batch has one argument for each
        vote. As in the pipeline, a connection with a failed or cancelled call disconnects, so no call reads
        the reply of another.

        An ECHO with a number follows the commands, and its reply must follow theirs. A proxy that repeats or
        drops replies breaks the order. In that case none of the replies is used.
        """
        pool = self.client.connection_pool
        self._sent += 1
        number = b"%d" % self._sent
        connection = await pool.get_connection()
        try:
            packed = [hiredis.pack_command(command) for command in (*commands, ("ECHO", number))]  # type: ignore[arg-type]  # the stub is too narrow
            await connection.send_packed_command(packed, check_health=False)
            replies = [await _reply_on(connection) for _ in commands]
            if await _reply_on(connection) != number:
                await connection.disconnect()
                raise RedisConnectionError("replies of the store are out of order")
            return replies
        finally:
            await pool.release(connection)

    async def command(self, *words: bytes | str | int) -> Any:
        """Return one command's reply."""
        return await self.client.execute_command(*words)

    async def on_all_masters(self, *words: bytes | str | int, ignored_error: str = "") -> Any:
        """Return the reply; None for an error that contains ``ignored_error``."""
        try:
            return await self.command(*words)
        except ResponseError as error:
            if ignored_error and ignored_error in str(error):
                return None
            raise

    async def masters(self) -> Sequence[SingleServer]:
        """Return the one master."""
        return (self,)

    def new_connection(self) -> Any:
        """Return a connection outside the pool."""
        return self.client.connection_pool.make_connection()

    async def reset(self) -> None:
        """Close idle connections, so that new ones ask the Sentinels for the master."""
        await self.client.connection_pool.disconnect(inuse_connections=False)

    async def aclose(self) -> None:
        """Close all connections."""
        await self.client.aclose()
        if self._close_also is not None:
            await self._close_also()


async def _reply_on(connection: Any) -> Any:
    try:
        return await connection.read_response()
    except ResponseError as error:
        return error
