"""Factories of polls and voters for tests. Every field has a valid default."""

from __future__ import annotations

import secrets
from typing import Any

import msgspec
from pollwire_server.domain.poll import Kind, Option, Poll

LONG_AGO = 1_700_000_000_000
"""Default time at which test polls open."""
FAR_OFF = 4_000_000_000_000
"""A time that no test run reaches."""


def options(*ids: str) -> tuple[Option, ...]:
    """Return options with these ids and the codes ``A``, ``B``, ..."""
    return tuple(
        Option(id=name, label=name.upper(), code=chr(ord("A") + position))
        for position, name in enumerate(ids)
    )


def a_poll(**changes: Any) -> Poll:  # Any: each field has its own type, and msgspec holds them apart
    """Return an open poll with a random id. Every field can be overridden."""
    poll = Poll(
        id=f"poll-{secrets.token_hex(6)}",
        kind=Kind.SINGLE,
        question="Which team has the higher chance of winning?",
        options=options("npp", "ndc", "other"),
        opens_at=LONG_AGO,
        created_at=LONG_AGO,
    )
    return msgspec.structs.replace(poll, **changes)


def a_voter() -> bytes:
    """Return a new voter: 16 random bytes."""
    return secrets.token_bytes(16)
