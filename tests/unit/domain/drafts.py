"""Request bodies of polls, for the tests of drafts and edits."""

from __future__ import annotations

from collections.abc import Sequence

from pollwire_server.domain.decoding import decode_document
from pollwire_server.domain.poll import Poll
from pollwire_server.domain.poll_draft import PollDraft, PollPatch, new_poll
from pollwire_server.domain.poll_edits import apply_patch

NOW = 1_730_000_000_000
OPENING, CLOSING = "2024-12-01T00:00:00Z", "2024-12-02T00:00:00Z"
"""A window that starts after ``NOW``."""


def option_documents(ids: str | Sequence[str]) -> list[dict[str, object]]:
    return [{"id": name, "label": f"Team {name}"} for name in ids]


def a_document(**changes: object) -> dict[str, object]:
    """Return the document of a poll with three options. ``options`` may be ids."""
    document = {"kind": "single", "question": "Who wins?", "options": "abc"} | changes
    return document | {"options": _spelt_out(document["options"])}


def made(**changes: object) -> Poll:
    """Return the poll of the document, created at ``NOW``."""
    return new_poll(decode_document(a_document(**changes), PollDraft), poll_id="ghana-2024", now=NOW)


def patched(poll: Poll, *, now: int = NOW, voted: bool = False, **changes: object) -> Poll:
    """Return the poll after the edit. ``options`` may be ids."""
    if "options" in changes:
        changes["options"] = _spelt_out(changes["options"])
    return apply_patch(poll, decode_document(changes, PollPatch), now=now, voted=voted)


def ids_of(poll: Poll) -> list[str]:
    return [option.id for option in poll.options]


def codes_of(poll: Poll) -> dict[str, str]:
    return {option.id: option.code for option in poll.options}


def _spelt_out(options: object) -> object:
    if isinstance(options, list) and all(isinstance(option, str) for option in options):
        return option_documents(options)
    return option_documents(options) if isinstance(options, str) else options
