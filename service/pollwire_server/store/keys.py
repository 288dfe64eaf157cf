"""Names of all keys in the store.

All keys of a poll share one hash tag, so that one function can use all of them
in a cluster. Redis Cluster puts keys with the same ``{tag}`` into one slot.

A poll of a series is stored in the slot of its series, beside the keys of the
series, so that one step can resolve a poll and update the leaderboard. The slot
of the poll id then holds a single key, the *location*, which names the series
(``polls/location.py``).

A change of a name here needs a step in ``migration.py``.
"""

from __future__ import annotations

from typing import Final, NamedTuple

BUCKETS: Final = 16
"""Number of hashes for the ballots of a poll. The low half of the voter's first byte selects the hash
(``includes/ballots.lua``)."""

FIRST_BUCKET: Final = 2
"""Index of the first ballot hash in the keys of a poll, after poll and tally."""

RANKINGS: Final = FIRST_BUCKET + BUCKETS
"""Index of the rankings of a ranked poll: a hash from ranking to its number of voters."""

RECOUNT_SAVED: Final = RANKINGS + 1
"""Index of the ballots that a running recount still needs, as they were before they changed."""

TIMELINE: Final = RECOUNT_SAVED + 1
"""Index of the totals over time."""

OUTBOX: Final = TIMELINE + 1
"""Index of the events that are not in the queues of the webhooks yet."""

RATE_LIMITS: Final = OUTBOX + 1
"""Index of the vote limits by network (``includes/rate_limit.lua``)."""

TAGS: Final = RATE_LIMITS + 1
"""Index of the network tags of the ballots, for polls that store them (``includes/network_tags.lua``)."""


HISTORY: Final = TAGS + 1
"""Index of the history of changed votes in a prediction (``includes/vote_history.lua``)."""


SCORED_VOTERS: Final = HISTORY + 1
"""Index of the set of voters that a scoring has summed in its current bucket."""


class SeriesKeys(NamedTuple):
    """Keys of a series, without its polls, in the order that the functions expect."""

    series: bytes
    """A hash: the voter key, and how many polls still need it."""
    members: bytes
    """A sorted set: the polls of the series by creation time."""
    scores: bytes
    """A hash: voter -> score."""
    ranks: bytes
    """A sorted set: voters by ranking value."""
    names: bytes
    """A hash: voter -> display name."""
    other_ranks: bytes
    """The second set of ``ranks``: one of both is shown (``includes/score_rows.lua``)."""


_POLL_KEYS: Final = (
    "poll",
    "tally",
    *(f"b{number:x}" for number in range(BUCKETS)),
    "rankings",
    "recount_saved",
    "timeline",
    "outbox",
    "rate_limits",
    "tags",
    "history",
    "scored_voters",
)


def slot_of(poll_id: str, series: str | None = None) -> str:
    """Return the prefix of a poll's keys. It starts with the hash tag."""
    return f"{{p:{poll_id}}}" if series is None else f"{{s:{series}}}:p:{poll_id}"


def keys_of(namespace: str, poll_id: str, series: str | None = None) -> tuple[bytes, ...]:
    """Return the keys of a poll in the order that the functions expect."""
    return tuple(_key(namespace, slot_of(poll_id, series), name) for name in _POLL_KEYS)


def poll_key(namespace: str, poll_id: str, series: str) -> bytes:
    """Return the key of the poll itself, in a series."""
    return _key(namespace, slot_of(poll_id, series), _POLL_KEYS[0])


def audit_key(namespace: str, poll_id: str, series: str | None = None) -> bytes:
    """Return the key of a poll's audit log. The log outlives the poll for 90 days."""
    return _key(namespace, slot_of(poll_id, series), "audit")


def outbox_scan_keys(namespace: str, poll_id: str, series: str | None = None) -> tuple[bytes, ...]:
    """Return the keys that ``functions/scan_outbox.lua`` expects: those of the poll, then its audit log."""
    return (*keys_of(namespace, poll_id, series), audit_key(namespace, poll_id, series))


def location_key(namespace: str, poll_id: str) -> bytes:
    """Return the key, in the slot of the poll id, that names the poll's series.

    The key does not exist for polls without a series.
    """
    return _key(namespace, slot_of(poll_id), "location")


def series_keys(namespace: str, series: str) -> SeriesKeys:
    """Return the keys of a series, without those of its polls."""
    return SeriesKeys(*(_key(namespace, f"{{s:{series}}}", name) for name in SeriesKeys._fields))


def _key(namespace: str, slot: str, name: str) -> bytes:
    return f"{namespace}:{slot}:{name}".encode()


def index_key(namespace: str) -> bytes:
    """Return the key of the sorted set of poll ids by creation time. Entries may be stale."""
    return f"{namespace}:poll_index".encode()


def schedule_key(namespace: str) -> bytes:
    """Return the key of the sorted set of polls by the time of their next outbox scan."""
    return f"{namespace}:schedule".encode()


def relay_key(namespace: str) -> bytes:
    """Return the key of the lease of the worker that scans outboxes."""
    return f"{namespace}:relay_lease".encode()


def webhook_keys(namespace: str, webhook: str) -> tuple[bytes, ...]:
    """Return the keys of a webhook's delivery queue in the order that the functions expect."""
    slot = f"{namespace}:{{webhook:{webhook}}}"
    return tuple(f"{slot}:{name}".encode() for name in ("state", "due", "queues", "events", "seen", "recent"))


def service_audit_key(namespace: str) -> bytes:
    """Return the key of the audit log of the service, a stream."""
    return f"{namespace}:service_audit".encode()


def changes_channel(namespace: str) -> bytes:
    """Return the pub/sub channel of change notifications."""
    return f"{namespace}:changes".encode()


def registry_key(namespace: str, registry: str) -> bytes:
    """Return the key of a registry: a hash of documents (API keys, issuers, webhooks) by id."""
    return f"{namespace}:{{registry:{registry}}}".encode()


def uses_key(namespace: str, registry: str) -> bytes:
    """Return the key, in the registry's slot, of the hash from member to the time of its last use."""
    return registry_key(namespace, registry) + b":used"


def rate_limits_key(namespace: str, name: str) -> bytes:
    """Return the key of the limits by network for actions outside a poll, such as voter registration."""
    return f"{namespace}:rate_limits:{name}".encode()


def used_once_key(namespace: str, name: bytes) -> bytes:
    """Return the key that marks a single-use value as used. It expires with the value."""
    return f"{namespace}:used_once:".encode() + name


def issuer_voter_key_key(namespace: str) -> bytes:
    """Return the key of the secret that turns the subjects of external issuers into voter ids."""
    return f"{namespace}:issuer_voter_key".encode()


def schema_key(namespace: str) -> bytes:
    """Return the key of the version of the key names and fields (``migration.py``)."""
    return f"{namespace}:schema".encode()


def migration_lease_key(namespace: str) -> bytes:
    """Return the key of the lease of the worker that migrates the data."""
    return f"{namespace}:schema_lease".encode()
