"""Short words for what the tests of the store do all the time."""

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
    """A poll in the store, as ``a_poll`` makes it."""
    record, created = await store.polls.create(a_poll(**changes), "digest")
    assert created
    return record


async def reply_to(store: Store, record: PollRecord, *casts: BallotInput) -> CastReply:
    """The reply to one batch; an error in its place is raised."""
    (reply,) = await store.ballots.cast_many([(record, casts)])
    if isinstance(reply, PollwireError):
        raise reply
    return reply


async def outcomes_of(store: Store, record: PollRecord, *casts: BallotInput) -> list[BallotOutcome]:
    """The outcomes of one batch that was judged."""
    reply = await reply_to(store, record, *casts)
    assert reply.outcomes is not None
    return reply.outcomes


async def cast(store: Store, record: PollRecord, *casts: BallotInput) -> list[BallotStatus]:
    """Cast ballots and return the status of each."""
    return [outcome.status for outcome in await outcomes_of(store, record, *casts)]


async def tally_of(store: Store, record: PollRecord) -> Tally:
    """The totals as they are read now."""
    return (await store.results.read(record.poll.id)).tally


async def set_field(store: Store, record: PollRecord, field: str, value: object) -> None:
    """Write a poll's field behind the service's back."""
    await store.connection.client.hset(record.keys[0], field, value)


async def set_tally(store: Store, record: PollRecord, field: str, value: object) -> None:
    """Write a tally's field behind the service's back, as a store that lost history has it."""
    await store.connection.client.hset(record.keys[1], field, value)


async def stored_ballots(store: Store, record: PollRecord) -> dict[bytes, bytes]:
    """Every ballot's field and value, from all buckets."""
    found: dict[bytes, bytes] = {}
    for bucket in record.keys[FIRST_BUCKET:RANKINGS]:
        found |= await store.connection.client.hgetall(bucket)
    return found
