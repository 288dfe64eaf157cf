"""The audit logs, read: they are written by the functions, each entry in the step that it tells of.

That the clock canceled a prediction is written by the step that tells the sites of it, since steps that
voters and readers make are not to carry the log's key. So whoever reads the log looks at the poll first
(``look.lua``), and whatever the clock has done by then is there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from pollwire_server.domain.audit import AuditEntry, Change
from pollwire_server.domain.errors import InvalidPoll
from pollwire_server.domain.poll_document import Document
from pollwire_server.domain.window import format_instant
from pollwire_server.store.keys import audit_key, outbox_scan_keys
from pollwire_server.store.polls.location import PollLocations
from pollwire_server.store.transport.connection import StoreConnection

BY_SERVICE: Final = "pollwire"
"""Who made a poll that no operator did (the demo polls)."""

_PLACE: Final = re.compile(r"[0-9]{1,15}-[0-9]{1,10}", re.ASCII)
_STATE: Final = ("version", "phase", "opens_at", "closes_at", "results", "voters")
_ALWAYS_TOLD: Final = ("version", "phase")
_NUMBERS: Final = ("version", "voters")
_INSTANTS: Final = ("opens_at", "closes_at")


class AuditLog:
    """What was done to each poll of the namespace."""

    def __init__(self, connection: StoreConnection, homes: PollLocations) -> None:
        self._connection = connection
        self._homes = homes

    async def entries(
        self, poll_id: str, *, cursor: str | None, limit: int
    ) -> tuple[list[AuditEntry], str | None]:
        """At most ``limit`` entries, the newest first, and where to go on (None: nowhere).

        None at all where no such poll ever was, or it was deleted long ago. Raises ``InvalidPoll`` for a
        broken cursor, and ``StoreUnavailable``.
        """
        if cursor is not None and not _PLACE.fullmatch(cursor):
            raise InvalidPoll("cursor", "cursor must be the next of an earlier page.")
        where = (self._connection.namespace, poll_id, await self._homes.series_of(poll_id))
        if cursor is None:
            await self._connection.call("look", outbox_scan_keys(*where), ("",))
        newest, key = "+" if cursor is None else f"({cursor}", audit_key(*where)
        found = await self._connection.command("XREVRANGE", key, newest, "-", "COUNT", limit + 1)
        page = found[:limit]
        more = page[-1][0].decode() if len(found) > limit else None
        return [_entry(fields) for _, fields in page], more


def _entry(fields: Mapping[bytes, bytes]) -> AuditEntry:
    told = {name.decode(): value.decode() for name, value in fields.items()}
    before, after = _state(told["before"]), _state(told["after"])
    change: Change = msgspec.json.decode(told["change"]) if told["change"] else {}
    return AuditEntry(
        at=format_instant(int(told["at"])),
        by=told["by"],
        act=told["act"],
        before=_side(before, after, change.get("before", {})),
        after=_side(after, before, change.get("after", {})),
    )


def _side(own: Document, other: Document, change: Document) -> Document | None:
    """One side of an entry: the version, the phase, and what differs from the other side."""
    if not own:
        return None
    told = {name: value for name, value in own.items() if name in _ALWAYS_TOLD or value != other.get(name)}
    return told | change


def _state(text: str) -> Document:
    """``state_of`` of ``includes/audit.lua``; empty where there was no poll."""
    return {name: _value(name, word) for name, word in zip(_STATE, text.split(), strict=False)}


def _value(name: str, word: str) -> Any:  # Any: numbers and texts
    if word == "-":
        return None
    if name in _NUMBERS:
        return int(word)
    return format_instant(int(word)) if name in _INSTANTS else word
