"""What was destroyed must be gone from the store's files as well.

An archived poll's ballots and its voters' key leave the store's memory in one
step, but an append-only file goes on telling how they came about until it is
written anew. So a rewrite is asked for (``BGREWRITEAOF``), on every master.
One that runs already began before, and may have copied what must go: then it
is asked for again once that one is done.

A store that is not ours may refuse the command, or keep snapshots and copies
of which nobody here knows; the log says so, and ``docs/operations.md`` what to
do. A process that dies before the rewrite began has asked for nothing: the act
repeated asks again, and the store's own next rewrite does the same.
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

ASK_AGAIN_S: Final = 1.0
MOST_TRIES: Final = 600
"""Ten minutes: a rewrite of a store of some GB, and then ours."""


class AofRewriter:
    """One process's requests that the store's files be written anew."""

    def __init__(self, connection: StoreConnection) -> None:
        self._connection = connection
        self._task: asyncio.Task[None] | None = None
        self._is_wanted = False

    def begin(self) -> None:
        """Has the files written anew, in the background; what was asked for meanwhile is done together."""
        self._is_wanted = True
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run(), name="store-erasure")

    async def close(self) -> None:
        """Ask for nothing more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while self._is_wanted:
            self._is_wanted = False
            await self._rewrite()

    async def _rewrite(self) -> None:
        refusal = ""
        for _ in range(MOST_TRIES):
            try:
                refusal = await self._ask()
            except StoreUnavailable:
                refusal = "it does not answer"
            else:
                if not _is_busy(refusal):
                    break
            await asyncio.sleep(ASK_AGAIN_S)
        if refusal:
            _log.warning(
                "a poll was archived, and the store's files may still hold its votes;"
                " have them written anew by hand (BGREWRITEAOF): %s",
                refusal,
            )

    async def _ask(self) -> str:
        """Empty where a rewrite has begun or none is needed, else why it was refused."""
        try:
            if not _keeps_history(await self._connection.on_all_masters("INFO", "persistence")):
                return ""
            await self._connection.on_all_masters("BGREWRITEAOF")
        except ResponseError as error:
            return str(error)
        _log.info("a poll was archived: the store writes its append-only file anew")
        return ""


def _is_busy(refusal: str) -> bool:
    return "in progress" in refusal


def _keeps_history(info: Mapping[str, Any]) -> bool:
    """Whether any master has an append-only file (a cluster's answers come by node)."""
    if "aof_enabled" in info:
        return bool(info["aof_enabled"])
    return any(_keeps_history(part) for part in info.values() if isinstance(part, Mapping))
