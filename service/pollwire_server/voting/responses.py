"""Response documents of the voting API, and their headers."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, Literal
from urllib.parse import quote

import msgspec
from msgspec import UNSET, UnsetType

from pollwire_server.auth.cors import Headers
from pollwire_server.domain.ballot import Choice
from pollwire_server.domain.poll_document import CrowdScoreDocument
from pollwire_server.domain.timestamps import TimestampText, format_timestamp
from pollwire_server.domain.visibility import ReaderRole, may_see_totals
from pollwire_server.problem_details import HttpResponse
from pollwire_server.store.polls.repository import PollRecord
from pollwire_server.store.votes.ballots import BallotStatus

PRIVATE_JSON: Final = (
    (b"content-type", b"application/json"),
    (b"cache-control", b"private, no-store"),
)

_encode = msgspec.json.Encoder().encode
time_text = lru_cache(maxsize=256)(format_timestamp)
"""Cached: the votes of a batch have the same time. Formatting it costs more than the rest of a response."""


NotCountedReason = Literal["replaced", "archived", "gone"]
"""Why a vote does not count (see ``own_votes``)."""


class VoteResponse(msgspec.Struct, frozen=True, gc=False):
    """Response to a vote, or (with ``choice`` null) to its withdrawal."""

    status: BallotStatus
    poll: str
    choice: Choice | None
    at: TimestampText
    revision: int
    seq: int | UnsetType = UNSET
    """Omitted if the voter may not see totals, because it reveals the number of votes."""
    receipt: str | UnsetType = UNSET


class PastVoteResponse(msgspec.Struct, frozen=True):
    """An earlier vote of a voter. ``choice`` is null after a withdrawal."""

    at: TimestampText
    choice: Choice | None


class OwnVoteResponse(msgspec.Struct, frozen=True):
    """The voter's current vote. For a prediction, also whether it was correct."""

    poll: str
    choice: Choice
    at: TimestampText
    revision: int
    correct: bool | UnsetType | None = UNSET
    """Null while there is no outcome, if the prediction was annulled, or if the choice came too late."""
    scored: bool | UnsetType = UNSET
    """True if a choice counts for scores: there is an outcome, and the choice was made in time."""
    history: list[PastVoteResponse] | UnsetType = UNSET
    """Earlier votes in a prediction, oldest first. The one that was current at ``effective_at`` is scored."""
    score: ForecastScoreResponse | UnsetType | None = UNSET
    """The scores of a forecast. Null until the prediction is resolved, and if no forecast is scored."""


class ForecastScoreResponse(msgspec.Struct, frozen=True):
    """The scores of the voter's own forecast."""

    coverage: float
    """The share of the scored instants at which there was a forecast."""
    brier: float
    """For ordered outcomes, the ranked probability score."""
    baseline: float
    peer: float | UnsetType = UNSET
    """This and the next three fields are omitted if the voter may not see totals."""
    skill: float | UnsetType | None = UNSET
    crowd: CrowdScoreDocument | UnsetType = UNSET
    better_than: float | UnsetType | None = UNSET
    """The percentile rank of the outcome's probability among all forecasts, from 0 to 1. Null if votes after
    ``effective_at`` are in the totals."""


class ErasureResponse(msgspec.Struct, frozen=True):
    """Response to an erasure. ``counts`` is true if the vote remains in the totals, without a voter."""

    poll: str
    counts: bool


class ReceiptResponse(msgspec.Struct, frozen=True):
    """Response to a receipt check. ``counted`` is true if this vote is the one that counts now."""

    valid: bool
    counted: bool
    choice: Choice | None
    at: TimestampText
    reason: NotCountedReason | UnsetType = UNSET
    """Why it does not count: a later vote replaced it, the poll is archived, or the vote is gone.

    Omitted if it counts."""


class TokenResponse(msgspec.Struct, frozen=True):
    """Response with a voter's token."""

    token: str
    expires_at: TimestampText


class TicketResponse(msgspec.Struct, frozen=True):
    """Response with a ticket for reading results."""

    ticket: str
    expires_at: TimestampText


def json_response(
    document: msgspec.Struct,
    status: int = 200,
    headers: Headers = (),
    poll_origins: tuple[str, ...] | None = None,
) -> HttpResponse:
    """Return a JSON response that shared caches must not store."""
    return HttpResponse(status, PRIVATE_JSON + headers, _encode(document), poll_origins)


@lru_cache(maxsize=256)
def shows_totals(record: PollRecord, now: int, reader: ReaderRole) -> bool:
    """Return True if ``reader`` may see totals at ``now``.

    Cached: the votes of one batch need the same result.
    """
    return may_see_totals(record.poll, record.poll.phase(now), reader)


def poll_path(poll_id: str, subpath: str) -> str:
    """Return the path of a poll's resource, for the ``instance`` of a problem."""
    return f"/v1/polls/{quote(poll_id, safe='')}/{subpath}"
