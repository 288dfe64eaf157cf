"""One server: calls that share a round trip, plain commands, and a link for one user alone.

``cluster`` speaks the same words for many servers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol

import hiredis
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

Command = Sequence[bytes | str | int]


class StoreServers(Protocol):
    """What a store is made of, as one thing to talk to; errors are redis' own."""

    @property
    def is_cluster(self) -> bool:
        """Whether keys of different slots may lie on different servers."""

    @property
    def client(self) -> Any:
        """The redis client of the one server; None in a cluster."""

    async def send(self, commands: Sequence[Command]) -> list[Any]:
        """The replies in order, a command's own error in its place."""

    async def command(self, *words: bytes | str | int) -> Any:
        """One command's reply, parsed by the client. The word after its name is its key, if it has one."""

    async def on_all_masters(self, *words: bytes | str | int, fine: str = "") -> Any:
        """Every master's reply to one command (a cluster's by server).

        Raises the first error, once all have answered; one that says ``fine`` is none.
        """

    async def masters(self) -> Sequence[SingleServer]:
        """Return every master, each as a server of its own."""

    def new_connection(self) -> Any:
        """A connection outside the pools, not connected yet."""

    async def reset(self) -> None:
        """Close what is not in use, and ask next who the masters are: what was known may be over."""

    async def aclose(self) -> None:
        """Let go of every connection."""


class SingleServer:
    """A server, or whichever is a Sentinel's master at the time."""

    is_cluster: Final = False

    def __init__(self, client: Redis, *, beside: Callable[[], Awaitable[None]] | None = None) -> None:
        self.client: Final[Any] = client
        self._close_also = beside
        """Closes what the client does not, and stands on."""
        self._sent = 0

    async def send(self, commands: Sequence[Command]) -> list[Any]:
        """What the client's pipeline does, but packed by hiredis.

        The pipeline packs in Python at 1.5 us an argument, and a batch has an argument a vote. As there,
        a link whose call fails or is cancelled disconnects itself, so no reply is ever taken for another's.
        Behind the calls goes a number, which has to come back behind the replies: what stands between here
        and the store, and repeats or swallows replies, puts them out of step: then none is believed.
        """
        pool = self.client.connection_pool
        self._sent += 1
        number = b"%d" % self._sent
        link = await pool.get_connection()
        try:
            packed = [hiredis.pack_command(command) for command in (*commands, ("ECHO", number))]  # type: ignore[arg-type]  # a stub too narrow
            await link.send_packed_command(packed, check_health=False)
            replies = [await _reply_on(link) for _ in commands]
            if await _reply_on(link) != number:
                await link.disconnect()
                raise RedisConnectionError("the store's replies are out of step")
            return replies
        finally:
            await pool.release(link)

    async def command(self, *words: bytes | str | int) -> Any:
        """One command's reply."""
        return await self.client.execute_command(*words)

    async def on_all_masters(self, *words: bytes | str | int, fine: str = "") -> Any:
        """The one master's reply; None for an error that says ``fine``."""
        try:
            return await self.command(*words)
        except ResponseError as error:
            if fine and fine in str(error):
                return None
            raise

    async def masters(self) -> Sequence[SingleServer]:
        """Return the one master."""
        return (self,)

    def new_connection(self) -> Any:
        """A connection outside the pool."""
        return self.client.connection_pool.make_connection()

    async def reset(self) -> None:
        """The pool makes new connections, and asks the Sentinels for each."""
        await self.client.connection_pool.disconnect(inuse_connections=False)

    async def aclose(self) -> None:
        """Let go of every connection."""
        await self.client.aclose()
        if self._close_also is not None:
            await self._close_also()


async def _reply_on(link: Any) -> Any:
    try:
        return await link.read_response()
    except ResponseError as error:
        return error
