"""Entries of a poll's audit log: operator, time, action, and the poll before and after.

An entry carries the poll's version and phase on both sides. Besides them it holds only the fields that the
action changed, in the format of the poll's own document.
"""

from __future__ import annotations

from typing import Final

import msgspec

from pollwire_server.domain.poll import Poll
from pollwire_server.domain.poll_document import Document, poll_document
from pollwire_server.domain.timestamps import TimestampText

MAX_CHANGE_BYTES: Final = 16_384
"""Upper bound for the change in one entry. For a larger change only the field names are stored."""
OMITTED: Final = "(too long to be kept here)"
"""Replaces each value of a change that exceeds ``MAX_CHANGE_BYTES``."""
_VOTE_COUNTS: Final = ("voters", "purged")
_ALWAYS_INCLUDED: Final = ("version", "phase")

Change = dict[str, Document]
"""``{"before": fields, "after": fields}``."""


class AuditEntry(msgspec.Struct, frozen=True):
    """One action. ``before`` is null for a creation, ``after`` for a deletion."""

    at: TimestampText
    by: str
    """The name of the operator's API key.

    ``clock`` if a date took effect, ``pollwire`` for the service itself.
    """
    act: str
    before: Document | None
    after: Document | None


def without_vote_counts(entry: AuditEntry) -> AuditEntry:
    """Return the entry without numbers of voters and purged votes."""
    before, after = (
        None if side is None else {name: value for name, value in side.items() if name not in _VOTE_COUNTS}
        for side in (entry.before, entry.after)
    )
    return msgspec.structs.replace(entry, before=before, after=after)


def diff_polls(before: Poll | None, after: Poll) -> Change:
    """Return the fields that differ, with both values. For a new poll, return the fields that are set."""
    new = _fields(after)
    old = dict.fromkeys(new) if before is None else _fields(before)
    names = [name for name in new if name not in _ALWAYS_INCLUDED and old[name] != new[name]]
    change = {"before": {name: old[name] for name in names}, "after": {name: new[name] for name in names}}
    if len(msgspec.json.encode(change)) <= MAX_CHANGE_BYTES:
        return change
    return {side: dict.fromkeys(names, OMITTED) for side in change}


def _fields(poll: Poll) -> Document:
    fields: Document = msgspec.to_builtins(poll_document(poll, poll.created_at))
    return fields
