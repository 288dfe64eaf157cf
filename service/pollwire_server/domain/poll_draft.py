"""How an operator writes a poll down.

``PollDraft`` and ``PollPatch`` are the shapes of the request bodies; unknown
fields, wrong types and kinds that this service does not run are refused with
the path of the field (``service.domain.reading``). ``new_poll`` makes the poll
that is to stand; of one that stands ``service.domain.edits`` makes another.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pollwire_server.domain.errors import InvalidPoll
from pollwire_server.domain.options import (
    ChoicesDraft,
    Id,
    OptionDrafts,
    ScaleDraft,
    choices_of,
    options_of,
    scale_of,
)
from pollwire_server.domain.poll import Identity, Kind, Poll, ResultsMode, Revote
from pollwire_server.domain.poll_validation import validate_poll, validate_times
from pollwire_server.domain.text_validation import check_text
from pollwire_server.domain.window import parse_instant, zone_named

Question = Annotated[str, Meta(min_length=1, max_length=300)]
Description = Annotated[str, Meta(max_length=2000)]
Origin = Annotated[
    str,
    Meta(
        max_length=300,
        pattern=r"^(\*|https?://[a-z0-9.:\[\]-]+)\Z",
        description="a site as browsers name it, such as https://news.example (lower case, no path), or *",
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
    """A poll to be created. ``forecast`` may be false, as in a poll's document."""

    id: Id | None = None
    kind: Kind
    question: Question
    description: Description | None = None
    options: OptionDrafts = ()
    choices: ChoicesDraft | None = None
    scale: ScaleDraft | None = None
    forecast: bool = False
    series: Id | None = None
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
    origins: Origins | None = None
    network_tags: bool = False
    shuffle: bool = False
    lang: Language | None = None


class PollPatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to change; absent fields stay. ``options`` replaces the list."""

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
    series: Id | UnsetType | None = UNSET
    resolve_by: str | UnsetType | None = UNSET
    origins: Origins | UnsetType | None = UNSET
    network_tags: bool | UnsetType = UNSET
    shuffle: bool | UnsetType = UNSET
    lang: Language | UnsetType | None = UNSET


def new_poll(draft: PollDraft, *, poll_id: str, now: int) -> Poll:
    """The poll that the draft asks for, created at ``now``. Raises ``InvalidPoll``."""
    if draft.forecast:
        raise InvalidPoll(
            "forecast", "Voters pick one outcome; forecasts of every outcome are not taken here."
        )
    check_texts(draft)
    options = options_of(draft.kind, draft.options, ())
    opens_at = instant_of(draft.opens_at, draft.timezone, "opens_at")
    poll = Poll(
        id=poll_id,
        kind=draft.kind,
        question=draft.question,
        description=draft.description,
        options=options,
        choices=choices_of(draft.kind, draft.choices, len(options)),
        scale=scale_of(draft.kind, draft.scale),
        opens_at=now if opens_at is None else opens_at,
        closes_at=instant_of(draft.closes_at, draft.timezone, "closes_at"),
        visible_at=instant_of(draft.visible_at, draft.timezone, "visible_at"),
        timezone=draft.timezone,
        revote=draft.revote or Revote.NEVER,
        identity=draft.identity,
        issuer=draft.issuer,
        results=draft.results,
        series=draft.series,
        resolve_by=instant_of(draft.resolve_by, draft.timezone, "resolve_by"),
        origins=draft.origins,
        network_tags=draft.network_tags,
        shuffle=draft.shuffle,
        lang=draft.lang,
        created_at=now,
    )
    check_zone(draft.timezone)
    validate_poll(poll)
    validate_times(poll)
    if poll.resolve_by is not None and poll.resolve_by <= now:
        raise InvalidPoll("resolve_by", "resolve_by must lie in the future.")
    return poll


def check_texts(given: PollDraft | PollPatch) -> None:
    """What people are to read can be read. Raises ``InvalidPoll``."""
    if isinstance(given.question, str):
        check_text(given.question, "question")
    if isinstance(given.description, str):
        check_text(given.description, "description", may_break=True)
    if not isinstance(given.options, UnsetType):
        for place, option in enumerate(given.options):
            check_text(option.label, f"options[{place}].label")


def instant_of(text: str | None, timezone: str | None, field: str) -> int | None:
    """A time as it is written down, in the zone where it names none. Raises ``InvalidPoll``."""
    return None if text is None else parse_instant(text, timezone, field)


def check_zone(timezone: str | None) -> None:
    """A zone that no time needs must still be one: a misspelt name is told, not ignored."""
    if timezone is not None:
        zone_named(timezone)
