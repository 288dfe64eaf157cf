"""Sentinel client that asks all Sentinels at once for the master and takes the newest answer.

A failing machine often takes the master and one Sentinel with it. The redis client asks Sentinels one after
the other. One silent Sentinel then uses nearly all the time of a call, two of them more than that, on every
attempt.

A Sentinel that was cut off reports an outdated master. Each failover has a higher ``config-epoch``, so the
highest one among the replies within ``OTHER_REPLIES_WAIT_S`` is the latest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from redis.asyncio import Redis
from redis.asyncio.sentinel import MasterNotFoundError, Sentinel
from redis.exceptions import AuthenticationError

from pollwire_server.store.transport.fan_out import gather_replies
from pollwire_server.store.transport.single_server import create_client
from pollwire_server.store.transport.store_errors import (
    STORE_ERRORS,
    StoreErrorKind,
    WrongSchemeError,
    error_code,
    kind_of,
)
from pollwire_server.store.transport.tls import tls_problem

_NOT_SENTINEL: Final = "A host of the store's URL is not a Sentinel; use redis://host:port for a server."
OTHER_REPLIES_WAIT_S: Final = 0.2
"""Wait for all Sentinels to reply. After it, the replies so far decide."""


class SentinelLoginError(AuthenticationError):
    """The Sentinels reject the login, which is not the login of the servers."""

    def __init__(self, code: str) -> None:
        super().__init__(
            f"The Sentinels reject their login ({code}). Add sentinel_password to the store's URL, and"
            " sentinel_username if they have users. The name and password before the hosts are the servers'."
        )


class UnknownServiceError(MasterNotFoundError):
    """A Sentinel replies, but names no master for the service of the URL."""


class SentinelGroup(Sentinel):
    """Sentinels at ``hosts``."""

    def __init__(self, hosts: Sequence[tuple[str, int]], settings: Mapping[str, Any]) -> None:
        super().__init__(())  # type: ignore[no-untyped-call]
        self.sentinels = [create_client({**settings, "host": host, "port": port}) for host, port in hosts]

    def master(self, service: str, settings: Mapping[str, Any]) -> Redis:
        """Return a client of the server that is currently the master of the service."""
        client: Redis = self.master_for(service, **settings)
        return client

    async def discover_master(self, service_name: str) -> tuple[str, int]:
        """Return the master's host and port.

        Called before each new connection. Raises ``MasterNotFoundError``.
        """
        queries = [
            asyncio.create_task(self._master_state(sentinel, service_name)) for sentinel in self.sentinels
        ]
        try:
            states = await gather_replies(queries, queries, OTHER_REPLIES_WAIT_S)
        except MasterNotFoundError as error:
            raise _most_specific(error, queries) from error.__cause__
        newest = max(states, key=lambda state: int(state["config-epoch"]))
        return newest["ip"], newest["port"]

    async def _master_state(self, sentinel: Redis, service: str) -> Mapping[str, Any]:
        """Return one Sentinel's view of the master.

        Raises ``MasterNotFoundError`` if it names none or fails, ``SentinelLoginError``, and
        ``WrongSchemeError``.
        """
        try:
            masters: Any = await sentinel.sentinel_masters()  # keyed by service; the stub also covers RESP3
        except STORE_ERRORS as error:
            if kind_of(error) is StoreErrorKind.LOGIN_REFUSED or error_code(error) == "NOPERM":
                raise SentinelLoginError(error_code(error.__cause__ or error)) from error
            if kind_of(error) is StoreErrorKind.REJECTED:
                raise WrongSchemeError(_NOT_SENTINEL) from error
            reason = tls_problem(error) or error
            raise MasterNotFoundError(f"a Sentinel does not reply: {reason}") from error
        state: dict[str, Any] | None = masters.get(service)
        if not state or not self.check_master_state(state, service):
            raise UnknownServiceError(f"no Sentinel names a master for {service!r}")
        return state


def _most_specific(error: Exception, queries: Sequence[asyncio.Task[Any]]) -> Exception:
    """Return the error of a Sentinel that replied, if there is one, or else ``error``."""
    errors = [query.exception() for query in queries if query.done() and not query.cancelled()]
    return next((found for found in errors if isinstance(found, UnknownServiceError)), error)
