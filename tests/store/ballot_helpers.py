"""Helpers for store tests that create polls and cast ballots."""

from __future__ import annotations

from typing import Any

from pollwire_server.domain.errors import PollwireError
from pollwire_server.domain.tally import Tally
from pollwire_server.store import Store
from pollwire_server.store.keys import FIRST_BUCKET, RANKINGS
from pollwire_server.store.polls.repository import PollRecord
from pollwire_server.store.votes.ballots import BallotInput, BallotOutcome, BallotStatus, CastReply

from tests.factories import a_poll

DAY_MS = 24 * 60 * 60 * 1000


async def made(store: Store, **changes: Any) -> PollRecord:
    """Create a poll as ``a_poll`` describes it, and return its record."""
    record, created = await store.polls.create(a_poll(**changes), "digest")
    assert created
    return record


async def reply_to(store: Store, record: PollRecord, *casts: BallotInput) -> CastReply:
    """Return the reply to one batch, or raise its error."""
    (reply,) = await store.ballots.cast_many([(record, casts)])
    if isinstance(reply, PollwireError):
        raise reply
    return reply


async def outcomes_of(store: Store, record: PollRecord, *casts: BallotInput) -> list[BallotOutcome]:
    """Return the outcomes of one batch."""
    reply = await reply_to(store, record, *casts)
    assert reply.outcomes is not None
    return reply.outcomes


async def cast(store: Store, record: PollRecord, *casts: BallotInput) -> list[BallotStatus]:
    """Cast ballots and return the status of each."""
    return [outcome.status for outcome in await outcomes_of(store, record, *casts)]


async def tally_of(store: Store, record: PollRecord) -> Tally:
    """Return the current tally."""
    return (await store.results.read(record.poll.id)).tally


async def set_field(store: Store, record: PollRecord, field: str, value: object) -> None:
    """Write a field of a poll directly to the store."""
    await store.connection.client.hset(record.keys[0], field, value)


async def set_tally(store: Store, record: PollRecord, field: str, value: object) -> None:
    """Write a field of a tally directly to the store, as after lost history."""
    await store.connection.client.hset(record.keys[1], field, value)


async def stored_ballots(store: Store, record: PollRecord) -> dict[bytes, bytes]:
    """Return all ballots of all buckets as fields and values."""
    found: dict[bytes, bytes] = {}
    for bucket in record.keys[FIRST_BUCKET:RANKINGS]:
        found |= await store.connection.client.hgetall(bucket)
    return found
