"""Resolution of predictions by operators, and its reversal.

The store checks atomically if the action is allowed, as for every action. This module converts requests to
plain values, and results to responses.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pollwire_server.admin.requests import Object, Precondition, read_nothing
from pollwire_server.domain.decoding import decode_document
from pollwire_server.domain.errors import PhaseConflict
from pollwire_server.domain.poll import Kind
from pollwire_server.domain.poll_document import PollDocument, poll_document
from pollwire_server.domain.text_validation import check_text
from pollwire_server.domain.timestamps import parse_timestamp
from pollwire_server.store import Store
from pollwire_server.store.polls.repository import PollRecord
from pollwire_server.store.predictions.progress import Progress
from pollwire_server.store.predictions.resolutions import ResolutionRequest

Note = Annotated[str, Meta(max_length=2000)]
Source = Annotated[
    str,
    Meta(
        pattern=r"^https://[!-~]+\Z",
        max_length=2000,
        description="a URL that starts with https://, without spaces",
    ),
]


class ResolutionDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Request body with the outcome of a prediction. ``outcome`` null annuls it.

    ``correct`` replaces the outcome of a resolved prediction.
    """

    outcome: str | None
    effective_at: str | None = None
    timezone: str | None = None
    note: Note | None = None
    source: Source | None = None
    correct: bool = False


class ScoringProgress(msgspec.Struct, frozen=True):
    """Progress of scoring, or of a new order of a leaderboard. Repeat the request until it is complete."""

    done: int
    total: int
    waiting_for: str | UnsetType = UNSET
    """The poll of the series that is scored first."""


class PredictionAdmin:
    """Service for predictions. Its methods return documents that are ready to be encoded."""

    __slots__ = ("_store",)

    def __init__(self, store: Store) -> None:
        self._store = store

    async def resolve(
        self, record: PollRecord, body: Object, precondition: Precondition, by: str
    ) -> PollDocument | ScoringProgress:
        """Resolve a prediction. Return the poll, or the progress during scoring.

        Raises ``InvalidPoll``, ``VersionMismatch`` and ``PhaseConflict``.
        """
        draft = decode_document(body, ResolutionDraft)
        check_text(draft.note or "", "note", multiline=True)
        effective_at = None
        if draft.effective_at is not None:
            effective_at = parse_timestamp(draft.effective_at, draft.timezone, "effective_at")
        _check_kind(record, "resolve")
        resolving = ResolutionRequest(draft.outcome, effective_at, draft.note, draft.source, draft.correct)
        version = _version(record, precondition)
        after = await self._store.resolutions.resolve(record.poll.id, resolving, version=version, by=by)
        return await self._answer(after)

    async def unresolve(
        self, record: PollRecord, body: Object, precondition: Precondition, by: str
    ) -> PollDocument | ScoringProgress:
        """Undo the resolution. Return the closed poll, or the progress."""
        read_nothing(body)
        _check_kind(record, "unresolve")
        version = _version(record, precondition)
        after = await self._store.resolutions.unresolve(record.poll.id, version=version, by=by)
        return await self._answer(after)

    async def _answer(self, after: PollRecord | Progress) -> PollDocument | ScoringProgress:
        if isinstance(after, Progress):
            return progress_document(after)
        return poll_document(after.poll, await self._store.polls.now())


def progress_document(progress: Progress) -> ScoringProgress:
    """Return the progress as it is sent."""
    waiting_for = UNSET if progress.waiting_for is None else progress.waiting_for
    return ScoringProgress(progress.done, progress.total, waiting_for)


def _check_kind(record: PollRecord, action: str) -> None:
    if record.poll.kind is not Kind.PREDICTION:
        reason = f"Only a prediction comes to an outcome; this poll is of kind {record.poll.kind}."
        raise PhaseConflict(action, "closed" if record.poll.closed_at else "open", reason)


def _version(record: PollRecord, precondition: Precondition) -> int | None:
    """Return the version that the action requires (None: any). Raises ``VersionMismatch``.

    Scoring increments the version when it starts. So a repeated request during scoring skips the check and
    continues the scoring.
    """
    if not precondition.is_given or record.poll.is_scoring:
        return None
    precondition.check(record.poll.version)
    return record.poll.version
