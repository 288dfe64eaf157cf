"""Rewrite of the append-only file, so that deleted votes also leave the store's files.

Archiving deletes ballots and the voter key from memory in one step. The append-only
file still has the commands that wrote them, until it is rewritten. So every master
is asked for a rewrite (``BGREWRITEAOF``). A rewrite that already runs may have copied
the deleted data, so another one follows it.

An external store may reject the command, or keep snapshots and copies. The log then
says so, and docs/operations has the manual steps. If the process dies before the
rewrite begins, a repeat of the action asks again; the store's next automatic rewrite
has the same effect.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

from redis.exceptions import ResponseError

from pollwire_server.domain.errors import StoreUnavailable
from pollwire_server.store.transport.connection import StoreConnection

_log = logging.getLogger("pollwire.store")

RETRY_INTERVAL_S: Final = 1.0
MAX_ATTEMPTS: Final = 600
"""Ten minutes: enough for a running rewrite of some GB, and then ours."""


class AofRewriter:
    """Rewrite requests of one process."""

    def __init__(self, connection: StoreConnection) -> None:
        self._connection = connection
        self._task: asyncio.Task[None] | None = None
        self._is_wanted = False

    def begin(self) -> None:
        """Start a rewrite in the background. Requests during a rewrite share the next one."""
        self._is_wanted = True
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run(), name="store-erasure")

    async def close(self) -> None:
        """Cancel pending requests."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while self._is_wanted:
            self._is_wanted = False
            await self._rewrite()

    async def _rewrite(self) -> None:
        error_text = ""
        for _ in range(MAX_ATTEMPTS):
            try:
                error_text = await self._request()
            except StoreUnavailable:
                error_text = "the store does not reply"
            else:
                if not _is_busy(error_text):
                    break
            await asyncio.sleep(RETRY_INTERVAL_S)
        if error_text:
            _log.warning(
                "Rewrite of the append-only file failed: %s. The files may still contain votes of an archived"
                " poll; run BGREWRITEAOF on every master.",
                error_text,
            )

    async def _request(self) -> str:
        """Return an empty text if a rewrite began or none is needed, else the error text."""
        try:
            if not _has_append_only_file(await self._connection.on_all_masters("INFO", "persistence")):
                return ""
            await self._connection.on_all_masters("BGREWRITEAOF")
        except ResponseError as error:
            return str(error)
        _log.info("Rewrite of the append-only file started: votes were deleted")
        return ""


def _is_busy(error_text: str) -> bool:
    return "in progress" in error_text


def _has_append_only_file(info: Mapping[str, Any]) -> bool:
    """Return True if any master has an append-only file. The replies of a cluster are keyed by node."""
    if "aof_enabled" in info:
        return bool(info["aof_enabled"])
    return any(_has_append_only_file(part) for part in info.values() if isinstance(part, Mapping))
