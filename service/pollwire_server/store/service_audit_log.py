"""Audit log of the service: one hash chain of all workers, in one stream.

An append reads the newest entry and adds the next one in a step that fails if another worker was faster.
Appends are rare, so the loser tries again.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from pollwire_server.domain.errors import InvalidPoll, Overloaded
from pollwire_server.domain.service_audit import (
    FIRST_PREVIOUS,
    NewAuditEntry,
    ServiceAuditEntry,
    canonical,
    chained,
)
from pollwire_server.domain.timestamps import format_timestamp
from pollwire_server.store.keys import service_audit_key
from pollwire_server.store.transport.connection import StoreConnection
from pollwire_server.store.transport.function_library import ReplyCode

MAX_ENTRIES: Final = 100_000
"""The oldest entries are dropped. An entry has some 400 bytes."""
_TRIES: Final = 50
_NUMBER: Final = re.compile(r"[0-9]{1,15}", re.ASCII)


class ServiceAuditLog:
    """The audit log of a namespace."""

    def __init__(self, connection: StoreConnection) -> None:
        self._connection = connection
        self._key = service_audit_key(connection.namespace)
        self._newest = (0, FIRST_PREVIOUS)
        """Number and hash of the newest entry that this process knows."""

    async def append(self, entry: NewAuditEntry, at: int) -> ServiceAuditEntry:
        """Append an entry. Return it with its number and hash. Raises ``StoreUnavailable``.

        A repeat after a lost reply appends nothing, unless another entry followed meanwhile.
        """
        for _ in range(_TRIES):
            number, previous = self._newest
            linked = chained(entry, n=number + 1, at=format_timestamp(at), previous=previous)
            args = (linked.n, previous, canonical(linked), linked.hash, MAX_ENTRIES)
            reply = await self._connection.call("append_service_audit", (self._key,), args)
            if reply[0] == ReplyCode.DONE.encode():
                self._newest = (linked.n, linked.hash)
                return linked
            self._newest = (int(reply[1]), reply[2].decode())
            if self._newest == (linked.n, linked.hash):
                return linked
        raise Overloaded  # pragma: no cover  # other workers append some entries a second

    async def entries(self, *, cursor: str | None, limit: int) -> tuple[list[ServiceAuditEntry], str | None]:
        """Return at most ``limit`` entries, newest first, and the cursor of the next page (None: last page).

        Raises ``InvalidPoll`` for a malformed cursor, and ``StoreUnavailable``.
        """
        if cursor is not None and not _NUMBER.fullmatch(cursor):
            raise InvalidPoll("cursor", "cursor must be the next of an earlier page.")
        newest = "+" if cursor is None else f"({cursor}-0"
        found = await self._connection.command("XREVRANGE", self._key, newest, "-", "COUNT", limit + 1)
        page = [_entry(fields) for _, fields in found[:limit]]
        return page, str(page[-1].n) if len(found) > limit else None


def _entry(fields: dict[bytes, bytes]) -> ServiceAuditEntry:
    entry = msgspec.json.decode(fields[b"entry"], type=ServiceAuditEntry)
    return msgspec.structs.replace(entry, hash=fields[b"hash"].decode())
