"""Moderation routes: erase one vote, purge many votes, and read the fraud report.

``POST /v1/admin/polls/{id}/erase`` erases one vote. Its voter provides the receipt.

``POST /v1/admin/polls/{id}/purge`` removes the votes of a time range, a network, or both. It needs a
confirmation and is written to the audit log.

``GET /v1/admin/polls/{id}/report`` lists bursts and networks that look like fraud.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Annotated, Final, Protocol

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import UNSET, Meta, UnsetType

from pollwire_server.admin.audit_trail import AuditTrail
from pollwire_server.admin.polls import PollAdmin
from pollwire_server.admin.requests import AnyRequest, optional_object, query_of, require_operator
from pollwire_server.admin.responses import Encoded, json_response
from pollwire_server.auth.api_keys import ApiKeyAuthenticator, Scope
from pollwire_server.domain.ballot import Choice, ReceiptBody
from pollwire_server.domain.burst_detection import MINUTE_MS, Burst, find_bursts, median_per_minute
from pollwire_server.domain.decoding import decode_document
from pollwire_server.domain.errors import InvalidPoll, PhaseConflict
from pollwire_server.domain.network_report import NetworkStats, NetworkStatsCollector
from pollwire_server.domain.service_audit import AuditAct
from pollwire_server.domain.timestamps import TimestampText, format_timestamp, parse_timestamp
from pollwire_server.domain.window import Phase
from pollwire_server.store import Store
from pollwire_server.store.polls.cache import PollRecord
from pollwire_server.store.votes.purges import Purges, PurgeSelector
from pollwire_server.store.votes.vote_erasure import ErasureResult

ERASE_PATH: Final = "/v1/admin/polls/{poll_id:str}/erase"


class VerifiedReceipt(Protocol):
    """Content of a verified receipt: the voter and the time of the vote."""

    @property
    def voter(self) -> bytes:
        """Return the voter id (16 bytes)."""

    @property
    def at(self) -> int:
        """Return the time at which the vote was counted, in ms."""


ReceiptReader = Callable[[str, str], VerifiedReceipt]
"""Verifies a receipt, given the poll id and the receipt. Raises ``ReceiptInvalid``."""


class ErasedResponse(msgspec.Struct, frozen=True):
    """Response of an erase request. ``erased`` is false if the voter had no current vote."""

    erased: bool


def erasing(
    store: Store, polls: PollAdmin, keys: ApiKeyAuthenticator, reads: ReceiptReader, trail: AuditTrail
) -> HTTPRouteHandler:
    """Return the route handler that erases one vote."""

    @post(ERASE_PATH, summary="Erase one vote by its receipt", status_code=200)
    async def erase_vote(request: AnyRequest, poll_id: FromPath[str]) -> Encoded:
        operator = require_operator(keys, request, Scope.POLLS_DESTROY)
        record = await polls.find(poll_id, operator)
        proof = reads(record.poll.id, decode_document(await optional_object(request), ReceiptBody).receipt)
        what = await store.vote_eraser.erase(record, proof.voter, at=proof.at, by=operator.name)
        store.aof_rewriter.begin()  # removes the vote from the append-only file too
        await trail.record_for_poll(AuditAct.POLL_VOTE_ERASED, operator, poll_id)
        return json_response(ErasedResponse(what is not ErasureResult.NOTHING))

    return erase_vote


PURGE_PATH: Final = "/v1/admin/polls/{poll_id:str}/purge"
_TAG: Final = re.compile(r"[0-9a-f]{8}")


class PurgeBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"since": "from"}):
    """Request body that selects votes by time (``from <= t < to``), by network tag, or by both."""

    confirm: str
    since: str | UnsetType = UNSET
    to: str | UnsetType = UNSET
    tag: Annotated[str, Meta(extra_json_schema={"pattern": "^[0-9a-f]{8}$"})] | UnsetType = UNSET
    timezone: str | None = None


class PurgeResponse(msgspec.Struct, frozen=True):
    """Number of removed votes."""

    purged: int


def purging(
    purges: Purges, polls: PollAdmin, keys: ApiKeyAuthenticator, trail: AuditTrail
) -> HTTPRouteHandler:
    """Return the route handler that purges votes."""

    @post(
        PURGE_PATH,
        summary="Purge votes by time range or network",
        status_code=200,
    )
    async def purge_votes(request: AnyRequest, poll_id: FromPath[str]) -> Encoded:
        operator = require_operator(keys, request, Scope.POLLS_DESTROY)
        operator.require_scope(Scope.RESULTS_READ)  # the response counts the votes of a selection
        record = await polls.find(poll_id, operator)
        selector = _selector_of(decode_document(await optional_object(request), PurgeBody), record)
        purged = await purges.purge(record, selector, by=operator.name)
        await trail.record_for_poll(AuditAct.POLL_PURGED, operator, poll_id, purged=purged)
        return json_response(PurgeResponse(purged))

    return purge_votes


def _selector_of(body: PurgeBody, record: PollRecord) -> PurgeSelector:
    """Return the selected votes. Raises ``InvalidPoll`` if the selection is incomplete or not confirmed."""
    poll_id = record.poll.id
    if body.confirm != poll_id:
        raise InvalidPoll("confirm", f"To purge this poll, confirm its id: {poll_id!r}.")
    tag = _tag_of(body, record)
    if body.since is UNSET and body.to is UNSET and tag:
        return PurgeSelector(tag=tag)
    if body.since is UNSET or body.to is UNSET:
        missing = "from" if body.since is UNSET else "to"
        raise InvalidPoll(missing, "A purge needs a time span (from and to), a tag, or both.")
    from_ms = parse_timestamp(body.since, body.timezone, "from")
    to_ms = parse_timestamp(body.to, body.timezone, "to")
    if not 0 <= from_ms < to_ms:
        raise InvalidPoll("to", "to must be later than from.")
    return PurgeSelector(from_ms, to_ms, tag)


def _tag_of(body: PurgeBody, record: PollRecord) -> bytes:
    """Return the tag of the request, empty for none. Raises ``InvalidPoll``."""
    if body.tag is UNSET:
        return b""
    if not record.poll.network_tags:
        raise InvalidPoll("tag", "This poll was created without network_tags.")
    if not _TAG.fullmatch(body.tag):
        raise InvalidPoll("tag", "tag must have 8 digits of 0 to 9 and a to f, as in the report.")
    return bytes.fromhex(body.tag)


REPORT_PATH: Final = "/v1/admin/polls/{poll_id:str}/report"


class BurstDocument(msgspec.Struct, frozen=True, rename={"since": "from"}):
    """Burst with ``from <= t < to``, the format of a purge request."""

    since: TimestampText
    to: TimestampText
    votes: int
    choice: Choice
    share: float
    share_elsewhere: float


class NetworkDocument(msgspec.Struct, frozen=True):
    """Votes of one network. ``tag`` has the format of a purge request, null for votes without a network."""

    tag: str | None
    votes: int
    share: float
    choice: Choice
    choice_share: float
    share_elsewhere: float
    busiest_minute: TimestampText
    votes_in_minute: int


class FraudReport(msgspec.Struct, frozen=True):
    """Current votes, the median of votes a minute, and the bursts and networks, largest first."""

    votes: int
    usual_per_minute: float
    bursts: list[BurstDocument]
    tags: list[NetworkDocument] | None
    """Busiest networks. Null if the poll stores no network tags."""


def reporting(store: Store, polls: PollAdmin, keys: ApiKeyAuthenticator) -> HTTPRouteHandler:
    """Return the route handler that reads the fraud report."""

    @get(REPORT_PATH, summary="Report suspicious voting")
    async def read_report(request: AnyRequest, poll_id: FromPath[str]) -> Encoded:
        operator = require_operator(keys, request, Scope.RESULTS_READ)
        record = await polls.find(poll_id, operator)
        query_of(request, ())
        return json_response(await report_of(store, record))

    return read_report


async def report_of(store: Store, record: PollRecord) -> FraudReport:
    """Build the report from all ballots, page by page. Raises ``PhaseConflict`` if the poll is archived."""
    if record.poll.ended is Phase.ARCHIVED:
        raise PhaseConflict("report", Phase.ARCHIVED.value)
    reading = await store.results.read(record.poll.id)
    minutes: dict[int, Counter[str]] = {}
    networks = NetworkStatsCollector() if reading.record.poll.network_tags else None
    async for page in store.ballot_scan.pages(reading):
        for ballot in page:
            if ballot.code:
                minute = ballot.at // MINUTE_MS
                minutes.setdefault(minute, Counter())[ballot.code] += 1
                if networks is not None:
                    networks.add(ballot.tag, ballot.code, minute)
    record = await store.polls.get(record.poll.id)  # an option may be newer than this record
    return FraudReport(
        sum(codes.total() for codes in minutes.values()),
        median_per_minute(minutes),
        [_burst_document(record, burst) for burst in find_bursts(minutes)],
        None if networks is None else [_network_document(record, stats) for stats in networks.busiest()],
    )


def _burst_document(record: PollRecord, burst: Burst) -> BurstDocument:
    return BurstDocument(
        format_timestamp(burst.first * MINUTE_MS),
        format_timestamp((burst.last + 1) * MINUTE_MS),
        burst.votes,
        record.codec.decode_choice(burst.code),
        round(burst.share, 4),
        round(burst.share_elsewhere, 4),
    )


def _network_document(record: PollRecord, stats: NetworkStats) -> NetworkDocument:
    return NetworkDocument(
        stats.tag.hex() or None,
        stats.votes,
        round(stats.share, 4),
        record.codec.decode_choice(stats.code),
        round(stats.choice_share, 4),
        round(stats.share_elsewhere, 4),
        format_timestamp(stats.minute * MINUTE_MS),
        stats.votes_in_minute,
    )
