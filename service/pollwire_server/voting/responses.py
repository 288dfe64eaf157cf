"""What a voter is answered: the documents of this door, and the headers that they travel with."""

from __future__ import annotations

from functools import lru_cache
from typing import Final
from urllib.parse import quote

import msgspec
from msgspec import UNSET, UnsetType

from pollwire_server.auth.origins import Headers
from pollwire_server.domain.errors import PollwireError
from pollwire_server.domain.visibility import ReaderRole, may_see_totals
from pollwire_server.domain.window import format_instant
from pollwire_server.problem_details import HttpResponse, problem_response
from pollwire_server.store.polls.repository import PollRecord
from pollwire_server.store.votes.ballots import BallotStatus

PRIVATE_JSON: Final = (
    (b"content-type", b"application/json"),
    (b"cache-control", b"private, no-store"),
)

_encode = msgspec.json.Encoder().encode
time_text = lru_cache(maxsize=256)(format_instant)
"""Remembered: the votes of one batch share an instant, and writing it out costs more than the rest."""


class VoteResponse(msgspec.Struct, frozen=True, gc=False):
    """A vote that stands, or (``choice`` null) was taken back."""

    status: BallotStatus
    poll: str
    choice: object
    at: str
    revision: int
    seq: int | UnsetType = UNSET
    """Left out where this reader may not see totals: it tells how many have voted."""
    receipt: str | UnsetType = UNSET


class OwnVoteResponse(msgspec.Struct, frozen=True):
    """The caller's own vote as it stands; of a prediction also whether it was right."""

    poll: str
    choice: object
    at: str
    revision: int
    correct: bool | UnsetType | None = UNSET
    """Null while nothing stands, where the prediction was annulled, and where the choice came too late."""
    scored: bool | UnsetType = UNSET
    """Whether it counts: not before there is an outcome, nor where the choice came too late for it."""


class ErasureResponse(msgspec.Struct, frozen=True):
    """Nothing leads to the caller's vote any more; ``counts``: it is in the totals still, as nobody's."""

    poll: str
    counts: bool


class ReceiptResponse(msgspec.Struct, frozen=True):
    """What a receipt proves: ``counted`` says whether this very choice is the one that counts now."""

    valid: bool
    counted: bool
    choice: object
    at: str
    reason: str | UnsetType = UNSET
    """Why it does not count (``mine``); left out where it does."""


class TokenAnswer(msgspec.Struct, frozen=True):
    """A voter's token."""

    token: str
    expires_at: str


class TicketAnswer(msgspec.Struct, frozen=True):
    """A ticket to read with."""

    ticket: str
    expires_at: str


def json_response(document: msgspec.Struct, headers: Headers, status: int = 200) -> HttpResponse:
    """A document that nobody else may be given."""
    return HttpResponse(status, PRIVATE_JSON + headers, _encode(document))


def problem_with_headers(error: PollwireError, path: str, headers: Headers) -> HttpResponse:
    """A problem with the headers that let a page of an allowed site read it."""
    answer = problem_response(error, path)
    return HttpResponse(answer.status, answer.headers + headers, answer.body)


@lru_cache(maxsize=256)
def shows_totals(record: PollRecord, now: int, reader: ReaderRole) -> bool:
    """Whether ``reader`` may see totals at ``now``; remembered, since the votes of one batch ask alike."""
    return may_see_totals(record.poll, record.poll.phase(now), reader)


def poll_path(poll_id: str, address: str) -> str:
    """An address of a poll, as problems name it."""
    return f"/v1/polls/{quote(poll_id, safe='')}/{address}"
