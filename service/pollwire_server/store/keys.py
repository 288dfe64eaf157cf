"""Every name under which anything is kept, and nothing else.

All keys of a poll share one hash tag, so that one function may reach them in
a cluster (Redis Cluster: keys with the same ``{tag}`` lie in one slot). A poll
of a series lies in the series' slot with what the series keeps, so that a
resolution and its leaderboard are one step; the slot of its id holds a
*home* alone, which says where it lies (``homes.py``).
"""

from __future__ import annotations

from typing import Final, NamedTuple

BUCKETS: Final = 16
"""Hashes that a poll's ballots lie in, by the low half of a voter's first byte (``includes/ballots.lua``)."""

FIRST_BUCKET: Final = 2
"""Where the buckets begin among the keys of a poll: poll, tally, then they."""

RANKINGS: Final = FIRST_BUCKET + BUCKETS
"""Where the rankings of a ranked poll are among its keys: how many voters gave each."""

RECOUNT_SAVED: Final = RANKINGS + 1
"""Where among a poll's keys a recount has what ballots were before they were replaced."""

TIMELINE: Final = RECOUNT_SAVED + 1
"""Where among a poll's keys its totals over time are."""

OUTBOX: Final = TIMELINE + 1
"""Where among a poll's keys the events are that sites have not been told yet."""

ALLOWANCES: Final = OUTBOX + 1
"""Where among a poll's keys it stands how many more votes each network may cast just now."""

TAGS: Final = ALLOWANCES + 1
"""Where among a poll's keys it stands from which network each ballot came, if the poll asks for that."""


class SeriesKeys(NamedTuple):
    """What a series keeps beside its polls, in the order in which functions take it."""

    series: bytes
    """A hash: the voters' key, and how many polls still need it."""
    members: bytes
    """A sorted set: the series' polls by the instant of creation."""
    scores: bytes
    """A hash: what each voter has scored."""
    ranks: bytes
    """A sorted set: voters by what ranks them."""
    names: bytes
    """A hash: what voters want to be called."""


_POLL_KEYS: Final = (
    "poll",
    "tally",
    *(f"b{number:x}" for number in range(BUCKETS)),
    "rankings",
    "aside",
    "timeline",
    "outbox",
    "allowances",
    "tags",
)


def slot_of(poll_id: str, series: str | None = None) -> str:
    """What a poll's keys begin with, its hash tag first."""
    return f"{{p:{poll_id}}}" if series is None else f"{{s:{series}}}:p:{poll_id}"


def keys_of(namespace: str, poll_id: str, series: str | None = None) -> tuple[bytes, ...]:
    """The keys of a poll as functions take them; ``_POLL_KEYS`` is their order."""
    return tuple(_key(namespace, slot_of(poll_id, series), name) for name in _POLL_KEYS)


def audit_key(namespace: str, poll_id: str, series: str | None = None) -> bytes:
    """What operators did to a poll; it outlives the poll for a while."""
    return _key(namespace, slot_of(poll_id, series), "audit")


def outbox_scan_keys(namespace: str, poll_id: str, series: str | None = None) -> tuple[bytes, ...]:
    """A poll's keys and its log's, as ``functions/look.lua`` takes them."""
    return (*keys_of(namespace, poll_id, series), audit_key(namespace, poll_id, series))


def scored_voters_key(namespace: str, poll_id: str, series: str) -> bytes:
    """The voters of the bucket at hand whom a resolution has scored already."""
    return _key(namespace, slot_of(poll_id, series), "met")


def location_key(namespace: str, poll_id: str) -> bytes:
    """In the slot of an id: which series its poll lies with; not there for polls without one."""
    return _key(namespace, slot_of(poll_id), "home")


def series_keys(namespace: str, series: str) -> SeriesKeys:
    """What a series keeps beside its polls."""
    return SeriesKeys(*(_key(namespace, f"{{s:{series}}}", name) for name in SeriesKeys._fields))


def _key(namespace: str, slot: str, name: str) -> bytes:
    return f"{namespace}:{slot}:{name}".encode()


def index_key(namespace: str) -> bytes:
    """The sorted set of poll ids by the instant of creation; a list of where to look, never the truth."""
    return f"{namespace}:polls".encode()


def schedule_key(namespace: str) -> bytes:
    """The sorted set of polls by the instant at which there will be something to look at."""
    return f"{namespace}:dues".encode()


def relay_key(namespace: str) -> bytes:
    """Whose turn it is to look."""
    return f"{namespace}:relay".encode()


def webhook_keys(namespace: str, webhook: str) -> tuple[bytes, ...]:
    """What is kept of one webhook's deliveries, in the order in which functions take it."""
    slot = f"{namespace}:{{webhook:{webhook}}}"
    return tuple(
        f"{slot}:{name}".encode() for name in ("state", "due", "strands", "events", "seen", "recent")
    )


def notice_channel(namespace: str) -> bytes:
    """The channel on which changes are told."""
    return f"{namespace}:notices".encode()


def registry_key(namespace: str, roster: str) -> bytes:
    """The hash of a roster's members (operators' keys, issuers), by id."""
    return f"{namespace}:{{roster:{roster}}}".encode()


def uses_key(namespace: str, roster: str) -> bytes:
    """The hash of when each member of a roster was last used, in the roster's slot."""
    return registry_key(namespace, roster) + b":used"


def allowances_key(namespace: str, name: str) -> bytes:
    """What each network may still do of what no one poll is asked about, in a slot of its own."""
    return f"{namespace}:allowances:{name}".encode()


def used_once_key(namespace: str, name: bytes) -> bytes:
    """That something good for once was used; it is forgotten with its term."""
    return f"{namespace}:spent:".encode() + name


def issuer_voter_key_key(namespace: str) -> bytes:
    """The key under which voters of other sites get an id here; made once for the life of the store."""
    return f"{namespace}:voters-key".encode()
