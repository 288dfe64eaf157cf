"""Reader of the audit log of each poll.

Lua functions write the log: each function appends its entry in the same step as the change itself.

One entry has no request behind it: the clock cancels a prediction at ``resolve_by``. Votes and reads do not
carry the key of the log, so they cannot write that entry. The outbox scan writes it. For this reason the
reader runs an outbox scan of the poll first, and then the entry exists.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from pollwire_server.domain.audit import AuditEntry, Change
from pollwire_server.domain.errors import InvalidPoll
from pollwire_server.domain.poll_document import Document
from pollwire_server.domain.timestamps import format_timestamp
from pollwire_server.store.keys import audit_key, outbox_scan_keys
from pollwire_server.store.polls.location import PollLocations
from pollwire_server.store.transport.connection import StoreConnection

BY_SERVICE: Final = "pollwire"
"""Actor of changes that the service makes itself (demo polls)."""

_STREAM_ID: Final = re.compile(r"[0-9]{1,15}-[0-9]{1,10}", re.ASCII)
_STATE_FIELDS: Final = ("version", "phase", "opens_at", "closes_at", "results", "voters")
_ALWAYS_SHOWN: Final = ("version", "phase")
_NUMBERS: Final = ("version", "voters")
_INSTANTS: Final = ("opens_at", "closes_at")


class AuditLog:
    """Audit log entries of every poll in the namespace."""

    def __init__(self, connection: StoreConnection, locations: PollLocations) -> None:
        self._connection = connection
        self._locations = locations

    async def entries(
        self, poll_id: str, *, cursor: str | None, limit: int
    ) -> tuple[list[AuditEntry], str | None]:
        """Return at most ``limit`` entries, newest first, and the cursor of the next page (None: last page).

        Returns no entries if the poll never existed, or its log has expired after deletion.

        Raises ``InvalidPoll`` for a malformed cursor, and ``StoreUnavailable``.
        """
        if cursor is not None and not _STREAM_ID.fullmatch(cursor):
            raise InvalidPoll("cursor", "cursor must be the next of an earlier page.")
        location = (self._connection.namespace, poll_id, await self._locations.series_of(poll_id))
        if cursor is None:
            await self._connection.call("scan_outbox", outbox_scan_keys(*location), ("",))
        newest, key = "+" if cursor is None else f"({cursor}", audit_key(*location)
        found = await self._connection.command("XREVRANGE", key, newest, "-", "COUNT", limit + 1)
        page = found[:limit]
        next_cursor = page[-1][0].decode() if len(found) > limit else None
        return [_entry(fields) for _, fields in page], next_cursor


def _entry(fields: Mapping[bytes, bytes]) -> AuditEntry:
    texts = {name.decode(): value.decode() for name, value in fields.items()}
    before, after = _state(texts["before"]), _state(texts["after"])
    change: Change = msgspec.json.decode(texts["change"]) if texts["change"] else {}
    return AuditEntry(
        at=format_timestamp(int(texts["at"])),
        by=texts["by"],
        act=texts["act"],
        before=_side(before, after, change.get("before", {})),
        after=_side(after, before, change.get("after", {})),
    )


def _side(own: Document, other: Document, change: Document) -> Document | None:
    """Return one side of an entry: version, phase, and every field that differs from the other side."""
    if not own:
        return None
    shown = {name: value for name, value in own.items() if name in _ALWAYS_SHOWN or value != other.get(name)}
    return shown | change


def _state(text: str) -> Document:
    """Decode the output of ``audit_state`` (``functions/includes/audit.lua``); empty if there was no poll."""
    return {name: _value(name, word) for name, word in zip(_STATE_FIELDS, text.split(), strict=False)}


def _value(name: str, word: str) -> Any:  # Any: numbers and texts
    if word == "-":
        return None
    if name in _NUMBERS:
        return int(word)
    return format_timestamp(int(word)) if name in _INSTANTS else word
