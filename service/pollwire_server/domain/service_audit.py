"""Entries of the audit log of the service, and the hash chain that links them.

Each entry carries the hash of the entry before it. An entry that is changed, removed or inserted later breaks
the chain. Someone who can write to the store can replace the whole chain, so every entry is also a log line
and may be a webhook event: the hash of one entry, stored elsewhere, proves all entries before it.

The hash is SHA-256 over the entry as JSON without ``hash``: names sorted, no spaces, UTF-8. All names are
ASCII and no value is a float, so this is the canonical form of RFC 8785.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final

import msgspec

from pollwire_server.domain.tally import Tally
from pollwire_server.domain.timestamps import TimestampText

FIRST_PREVIOUS: Final = ""
"""``previous`` of the first entry."""


class AuditAct(StrEnum):
    """An action in the audit log of the service. Actions on polls are ``poll.`` and their name."""

    SERVICE_STARTED = "service.started"
    KEY_CREATED = "key.created"
    KEY_REVOKED = "key.revoked"
    KEYS_REJECTED = "keys.rejected"
    ISSUER_REGISTERED = "issuer.registered"
    ISSUER_REPLACED = "issuer.replaced"
    ISSUER_DELETED = "issuer.deleted"
    SERIES_EDITED = "series.edited"
    WEBHOOK_CREATED = "webhook.created"
    WEBHOOK_ENABLED = "webhook.enabled"
    WEBHOOK_DELETED = "webhook.deleted"
    TICKETS_ISSUED = "tickets.issued"
    VOTES_SENT = "votes.sent"
    VOTES_EXPORTED = "votes.exported"
    POLL_CREATED = "poll.created"
    POLL_EDITED = "poll.edited"
    POLL_DELETED = "poll.deleted"
    POLL_PURGED = "poll.purged"
    POLL_VOTE_ERASED = "poll.vote-erased"
    POLL_ACTED = "poll.acted"


class Actor(msgspec.Struct, frozen=True):
    """The API key that acted: its id, which is unique, and its name. The service itself has no id."""

    id: str
    name: str


SERVICE: Final = Actor("", "pollwire")


class ServiceAuditEntry(msgspec.Struct, frozen=True):
    """An entry of the audit log of the service."""

    n: int
    """The place in the chain, from 1."""
    at: TimestampText
    act: str
    """The action, such as ``key.created``."""
    by: Actor
    target: str
    """Id of the key, issuer, webhook, series or poll."""
    detail: dict[str, Any]  # Any: values of JSON
    previous: str
    """The ``hash`` of the entry before."""
    hash: str = ""
    """SHA-256 of the entry without this field, in hex."""


class NewAuditEntry(msgspec.Struct, frozen=True):
    """An action that is not in the log yet."""

    act: str
    by: Actor = SERVICE
    target: str = ""
    """Id of the key, issuer, webhook, series or poll."""
    detail: Mapping[str, object] = {}


def chained(entry: NewAuditEntry, *, n: int, at: str, previous: str) -> ServiceAuditEntry:
    """Return the entry with its place in the chain and its hash."""
    linked = ServiceAuditEntry(n, at, entry.act, entry.by, entry.target, dict(entry.detail), previous)
    return msgspec.structs.replace(linked, hash=hash_of(linked))


def canonical(entry: ServiceAuditEntry) -> bytes:
    """Return the bytes that are hashed."""
    fields: dict[str, object] = msgspec.to_builtins(entry)
    del fields["hash"]
    return msgspec.json.encode(fields, order="sorted")


def hash_of(entry: ServiceAuditEntry) -> str:
    """Return the hash of an entry, in hex."""
    return sha256(canonical(entry)).hexdigest()


def totals_hash(poll_id: str, tally: Tally) -> str:
    """Return a hash of a poll's totals, which shows whether they were edited after the entry."""
    totals = {
        "poll": poll_id,
        "epoch": tally.epoch,
        "seq": tally.seq,
        "voters": tally.voters,
        "counts": {code: count for code, count in tally.counts.items() if count},
    }
    return sha256(msgspec.json.encode(totals, order="sorted")).hexdigest()
