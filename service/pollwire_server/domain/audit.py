"""What the audit log of a poll says: who did what and when, and how the poll stood before and after.

An entry carries the poll's version and phase on both sides, and beside them
only what the act changed, in the words of the poll's own document.
"""

from __future__ import annotations

from typing import Final

import msgspec

from pollwire_server.domain.poll import Poll
from pollwire_server.domain.poll_document import Document, poll_document

MOST_BYTES: Final = 16_384
"""Of what one entry keeps of an edit; one that changes more keeps its fields' names alone."""
NOT_KEPT: Final = "(too long to be kept here)"
_ALWAYS_INCLUDED: Final = ("version", "phase")

Change = dict[str, Document]
"""``{"before": fields, "after": fields}``."""


class AuditEntry(msgspec.Struct, frozen=True):
    """One act. ``before`` is null for a create, ``after`` for a delete."""

    at: str
    by: str
    """The name of the operator's key; ``pollwire`` where no operator did it, ``clock`` where a date did."""
    act: str
    before: Document | None
    after: Document | None


def diff_polls(before: Poll | None, after: Poll) -> Change:
    """The fields that differ, on either side; of a new poll those that are set."""
    new = poll_document(after, after.created_at)
    old = dict.fromkeys(new) if before is None else poll_document(before, before.created_at)
    names = [name for name in new if name not in _ALWAYS_INCLUDED and old[name] != new[name]]
    change = {"before": {name: old[name] for name in names}, "after": {name: new[name] for name in names}}
    if len(msgspec.json.encode(change)) <= MOST_BYTES:
        return change
    return {side: dict.fromkeys(names, NOT_KEPT) for side in change}
