"""What looks odd in a poll, for its operators: ``GET /v1/admin/polls/{id}/report``."""

from __future__ import annotations

from collections import Counter
from typing import Final

import msgspec
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from service.domain.bursts import MINUTE_MS, Burst, find_bursts, median_per_minute
from service.domain.errors import PhaseConflict
from service.domain.tags import NetworkStats, NetworkStatsCollector
from service.domain.window import Phase, format_instant
from service.identity.api_keys import ApiKeyAuthenticator, Scope
from service.operators.polls import PollAdmin
from service.operators.requests import AnyRequest, query_of
from service.store import Store
from service.store.polls import PollRecord

PATH: Final = "/v1/admin/polls/{poll_id:str}/report"


class BurstDocument(msgspec.Struct, frozen=True, rename={"since": "from"}):
    """A burst as a purge takes it: ``from <= t < to``."""

    since: str
    to: str
    votes: int
    choice: object
    share: float
    share_elsewhere: float


class NetworkDocument(msgspec.Struct, frozen=True):
    """What one network has; ``tag`` as a purge takes it, null for all votes from nobody knows where."""

    tag: str | None
    votes: int
    share: float
    choice: object
    choice_share: float
    share_elsewhere: float
    busiest_minute: str
    votes_in_minute: int


class FraudReport(msgspec.Struct, frozen=True):
    """Votes that stand, how many a minute are usual, the bursts and the networks, the largest first."""

    votes: int
    usual_per_minute: float
    bursts: list[BurstDocument]
    tags: list[NetworkDocument] | None
    """The busiest networks; null where the poll keeps no tags."""


def reporting(store: Store, polls: PollAdmin, keys: ApiKeyAuthenticator) -> HTTPRouteHandler:
    """The route."""

    @get(PATH, summary="Read what looks odd", tags=["operators"])
    async def read_report(request: AnyRequest, poll_id: FromPath[str]) -> Response[bytes]:
        keys.require_operator(request.headers.get("authorization")).require_scope(Scope.POLLS_READ)
        record = await polls.find(poll_id)
        query_of(request, ())
        return Response(
            msgspec.json.encode(await report_of(store, record)),
            media_type="application/json",
            headers={"cache-control": "private, no-store"},
        )

    return read_report


async def report_of(store: Store, record: PollRecord) -> FraudReport:
    """Made from every ballot, a page at a time; ``PhaseConflict`` where they are gone."""
    if record.poll.ended is Phase.ARCHIVED:
        raise PhaseConflict("report", Phase.ARCHIVED.value)
    reading = await store.results.read(record.poll.id)
    minutes: dict[int, Counter[str]] = {}
    networks = NetworkStatsCollector() if reading.record.poll.network_tags else None
    async for page in store.scan.pages(reading):
        for ballot in page:
            if ballot.code:
                minute = ballot.at // MINUTE_MS
                minutes.setdefault(minute, Counter())[ballot.code] += 1
                if networks is not None:
                    networks.add(ballot.tag, ballot.code, minute)
    record = await store.polls.get(record.poll.id)  # an option may be newer than the poll at hand
    return FraudReport(
        sum(codes.total() for codes in minutes.values()),
        median_per_minute(minutes),
        [_told(record, burst) for burst in find_bursts(minutes)],
        None if networks is None else [_tag_told(record, tagged) for tagged in networks.busiest()],
    )


def _told(record: PollRecord, burst: Burst) -> BurstDocument:
    return BurstDocument(
        format_instant(burst.first * MINUTE_MS),
        format_instant((burst.last + 1) * MINUTE_MS),
        burst.votes,
        record.codec.decode_choice(burst.code),
        round(burst.share, 4),
        round(burst.share_elsewhere, 4),
    )


def _tag_told(record: PollRecord, tagged: NetworkStats) -> NetworkDocument:
    return NetworkDocument(
        tagged.tag.hex() or None,
        tagged.votes,
        round(tagged.share, 4),
        record.codec.decode_choice(tagged.code),
        round(tagged.choice_share, 4),
        round(tagged.share_elsewhere, 4),
        format_instant(tagged.minute * MINUTE_MS),
        tagged.votes_in_minute,
    )
