"""Every name under which anything is kept, and nothing else.

All keys of a poll share one hash tag, so that one function may reach them in
a cluster (Redis Cluster: keys with the same ``{tag}`` lie in one slot).
"""

from __future__ import annotations

from typing import Final

BUCKETS: Final = 16
"""Hashes that a poll's ballots lie in, by the low half of a voter's first byte (``includes/ballots.lua``)."""

FIRST_BUCKET: Final = 2
"""Where the buckets begin among the keys of a poll: poll, tally, then they."""

RANKINGS: Final = FIRST_BUCKET + BUCKETS
"""Where the rankings of a ranked poll are among its keys: how many voters gave each."""

ASIDE: Final = RANKINGS + 1
"""Where among a poll's keys a recount has what ballots were before they were replaced."""

TIMELINE: Final = ASIDE + 1
"""Where among a poll's keys its totals over time are."""

OUTBOX: Final = TIMELINE + 1
"""Where among a poll's keys the events are that sites have not been told yet."""

ALLOWANCES: Final = OUTBOX + 1
"""Where among a poll's keys it stands how many more votes each network may cast just now."""


def slot_of(poll_id: str) -> str:
    """The hash tag of a poll's keys."""
    return f"{{p:{poll_id}}}"


def keys_of(namespace: str, poll_id: str) -> tuple[bytes, ...]:
    """The keys of a poll as functions take them: poll, tally, 16 buckets, rankings, aside, timeline, outbox, allowances."""
    names = (
        "poll",
        "tally",
        *(f"b{number:x}" for number in range(BUCKETS)),
        "rankings",
        "aside",
        "timeline",
        "outbox",
        "allowances",
    )
    return tuple(_key(namespace, poll_id, name) for name in names)


def audit_key(namespace: str, poll_id: str) -> bytes:
    """What operators did to a poll; it outlives the poll for a while."""
    return _key(namespace, poll_id, "audit")


def _key(namespace: str, poll_id: str, name: str) -> bytes:
    return f"{namespace}:{slot_of(poll_id)}:{name}".encode()


def index_key(namespace: str) -> bytes:
    """The sorted set of poll ids by the instant of creation; a list of where to look, never the truth."""
    return f"{namespace}:polls".encode()


def notice_channel(namespace: str) -> bytes:
    """The channel on which changes are told."""
    return f"{namespace}:notices".encode()


def roster_key(namespace: str, roster: str) -> bytes:
    """The hash of a roster's members (operators' keys, issuers), by id."""
    return f"{namespace}:{{roster:{roster}}}".encode()


def uses_key(namespace: str, roster: str) -> bytes:
    """The hash of when each member of a roster was last used, in the roster's slot."""
    return roster_key(namespace, roster) + b":used"


def voters_key_key(namespace: str) -> bytes:
    """The key under which voters of other sites get an id here; made once for the life of the store."""
    return f"{namespace}:voters-key".encode()
