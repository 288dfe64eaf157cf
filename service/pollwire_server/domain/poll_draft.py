"""Request bodies that create or edit a poll, and the creation itself.

``PollDraft`` and ``PollPatch`` define the bodies. ``decoding`` rejects unknown fields, wrong types and
unknown kinds with the path of the field. ``new_poll`` creates a poll from a draft; ``poll_edits`` applies a
patch.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pollwire_server.domain.errors import InvalidPoll
from pollwire_server.domain.identifiers import Identifier
from pollwire_server.domain.options import (
    ChoicesDraft,
    OptionDrafts,
    ScaleDraft,
    build_choices,
    build_options,
    build_scale,
)
from pollwire_server.domain.poll import Identity, Kind, Poll, ResultsMode, Revote, Ties
from pollwire_server.domain.poll_validation import validate_poll, validate_times
from pollwire_server.domain.text_validation import check_text
from pollwire_server.domain.timestamps import load_timezone, parse_timestamp

Question = Annotated[str, Meta(min_length=1, max_length=300)]
Description = Annotated[str, Meta(max_length=2000)]
Origin = Annotated[
    str,
    Meta(
        max_length=300,
        pattern=r"^(\*|https?://[a-z0-9.:\[\]-]+)\Z",
        description="a site in lower case without a path, such as https://news.example, or *",
    ),
]
Issuer = Annotated[str, Meta(min_length=1, max_length=300)]
Language = Annotated[
    str,
    Meta(
        max_length=35,
        pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*\Z",
        description="a language tag such as fr or pt-BR",
    ),
]

Origins = Annotated[tuple[Origin, ...], Meta(max_length=100)]


class PollDraft(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body that creates a poll."""

    id: Identifier | None = None
    kind: Kind
    question: Question
    description: Description | None = None
    options: OptionDrafts = ()
    choices: ChoicesDraft | None = None
    scale: ScaleDraft | None = None
    forecast: bool = False
    ordered: bool = False
    series: Identifier | None = None
    resolve_by: str | None = None
    opens_at: str | None = None
    closes_at: str | None = None
    visible_at: str | None = None
    timezone: str | None = None
    revote: Revote | None = None
    identity: Identity = Identity.DEVICE
    issuer: Issuer | None = None
    results: ResultsMode = ResultsMode.ALWAYS
    shards: Annotated[int, Meta(ge=1, le=1)] = 1
    ties: Ties = Ties.LOT
    origins: Origins | None = None
    network_tags: bool = False
    shuffle: bool = False
    lang: Language | None = None


class PollPatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body that edits a poll. Absent fields stay unchanged. ``options`` replaces the whole list."""

    kind: Kind | UnsetType = UNSET
    question: Question | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    options: OptionDrafts | UnsetType = UNSET
    choices: ChoicesDraft | UnsetType | None = UNSET
    scale: ScaleDraft | UnsetType | None = UNSET
    opens_at: str | UnsetType = UNSET
    closes_at: str | UnsetType | None = UNSET
    visible_at: str | UnsetType | None = UNSET
    timezone: str | None = None
    revote: Revote | UnsetType = UNSET
    identity: Identity | UnsetType = UNSET
    issuer: Issuer | UnsetType | None = UNSET
    results: ResultsMode | UnsetType = UNSET
    forecast: bool | UnsetType = UNSET
    ordered: bool | UnsetType = UNSET
    series: Identifier | UnsetType | None = UNSET
    resolve_by: str | UnsetType | None = UNSET
    ties: Ties | UnsetType = UNSET
    origins: Origins | UnsetType | None = UNSET
    network_tags: bool | UnsetType = UNSET
    shuffle: bool | UnsetType = UNSET
    lang: Language | UnsetType | None = UNSET


def new_poll(draft: PollDraft, *, poll_id: str, now: int, tie_seed: str = "") -> Poll:
    """Create the poll of a draft at ``now``. ``tie_seed`` is random text. Raises ``InvalidPoll``."""
    check_texts(draft)
    options = build_options(draft.kind, draft.options, ())
    opens_at = parse_optional_timestamp(draft.opens_at, draft.timezone, "opens_at")
    poll = Poll(
        id=poll_id,
        kind=draft.kind,
        question=draft.question,
        description=draft.description,
        options=options,
        choices=build_choices(draft.kind, draft.choices, len(options)),
        scale=build_scale(draft.kind, draft.scale),
        opens_at=now if opens_at is None else opens_at,
        closes_at=parse_optional_timestamp(draft.closes_at, draft.timezone, "closes_at"),
        visible_at=parse_optional_timestamp(draft.visible_at, draft.timezone, "visible_at"),
        timezone=draft.timezone,
        revote=draft.revote or Revote.NEVER,
        identity=draft.identity,
        issuer=draft.issuer,
        results=draft.results,
        series=draft.series,
        resolve_by=parse_optional_timestamp(draft.resolve_by, draft.timezone, "resolve_by"),
        forecast=draft.forecast,
        ordered=draft.ordered,
        ties=draft.ties,
        tie_seed=tie_seed,
        origins=draft.origins,
        network_tags=draft.network_tags,
        shuffle=draft.shuffle,
        lang=draft.lang,
        created_at=now,
    )
    check_timezone(draft.timezone)
    validate_poll(poll)
    validate_times(poll)
    if poll.resolve_by is not None and poll.resolve_by <= now:
        raise InvalidPoll("resolve_by", "resolve_by must be in the future.")
    return poll


def check_texts(body: PollDraft | PollPatch) -> None:
    """Check the question, the description and the labels. Raises ``InvalidPoll``."""
    if isinstance(body.question, str):
        check_text(body.question, "question")
    if isinstance(body.description, str):
        check_text(body.description, "description", multiline=True)
    if not isinstance(body.options, UnsetType):
        for index, option in enumerate(body.options):
            check_text(option.label, f"options[{index}].label")


def parse_optional_timestamp(text: str | None, timezone: str | None, field: str) -> int | None:
    """Parse a time of a request body, if there is one. Raises ``InvalidPoll``."""
    return None if text is None else parse_timestamp(text, timezone, field)


def check_timezone(timezone: str | None) -> None:
    """Reject an unknown time zone, even if no time needs it. A misspelt name must not be ignored."""
    if timezone is not None:
        load_timezone(timezone)
