"""How an operator writes a poll down, and which edits keep faith with votes already cast.

``PollDraft`` and ``PollPatch`` are the shapes of the request bodies; unknown
fields, wrong types and kinds that this service does not run are refused with
the path of the field (``service.domain.reading``). ``new_poll``
and ``edited`` make the poll that is to stand.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from service.domain.errors import EditRefused, InvalidPoll, PhaseConflict
from service.domain.options import (
    ChoicesDraft,
    Id,
    OptionDrafts,
    ScaleDraft,
    check_options,
    choices_of,
    edited_choices,
    edited_scale,
    options_of,
    scale_of,
)
from service.domain.poll import WIDEST_FIRST, Identity, Kind, Poll, ResultsMode, Revote
from service.domain.texts import check_text
from service.domain.window import Phase, parse_instant, zone_named

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
    _check_texts(draft)
    options = options_of(draft.kind, draft.options, ())
    opens_at = _instant(draft.opens_at, draft.timezone, "opens_at")
    poll = Poll(
        id=poll_id,
        kind=draft.kind,
        question=draft.question,
        description=draft.description,
        options=options,
        choices=choices_of(draft.kind, draft.choices, len(options)),
        scale=scale_of(draft.kind, draft.scale),
        opens_at=now if opens_at is None else opens_at,
        closes_at=_instant(draft.closes_at, draft.timezone, "closes_at"),
        visible_at=_instant(draft.visible_at, draft.timezone, "visible_at"),
        timezone=draft.timezone,
        revote=draft.revote or Revote.NEVER,
        identity=draft.identity,
        issuer=draft.issuer,
        results=draft.results,
        series=draft.series,
        resolve_by=_instant(draft.resolve_by, draft.timezone, "resolve_by"),
        origins=draft.origins,
        network_tags=draft.network_tags,
        shuffle=draft.shuffle,
        lang=draft.lang,
        created_at=now,
    )
    _check_zone(draft.timezone)
    _check_whole(poll)
    _check_hour(poll)
    if poll.resolve_by is not None and poll.resolve_by <= now:
        raise InvalidPoll("resolve_by", "resolve_by must lie in the future.")
    return poll


def edited(poll: Poll, patch: PollPatch, *, now: int, voted: bool) -> Poll:
    """The poll after the edit, its ``version`` grown by one.

    Raises ``InvalidPoll`` for what no poll can be, ``EditRefused`` for what
    would falsify votes (``voted``: at least one was ever counted), and
    ``PhaseConflict`` for moving a closed poll: ``reopen`` does that.
    """
    after: Poll = msgspec.structs.replace(poll, version=poll.version + 1, **_changes(poll, patch, voted))
    after = msgspec.structs.replace(
        after,
        choices=edited_choices(poll, after, patch.choices),
        scale=edited_scale(poll, after, patch.scale),
    )
    _check_whole(after)
    if (after.visible_at, after.closes_at) != (
        poll.visible_at,
        poll.closes_at,
    ):  # an act may have left them so
        _check_hour(after)
    _check_window_edit(poll, after, now)
    _check_series_edit(poll, after, voted)
    _check_outcome_edit(poll, after, now)
    if voted:
        _check_faith(poll, after, now)
    return after


_AS_GIVEN: Final = (
    *("kind", "question", "description", "revote", "identity", "issuer", "results", "series"),
    *("origins", "network_tags", "shuffle", "lang"),
)
_TIMES: Final = ("opens_at", "closes_at", "visible_at", "resolve_by")


def _changes(poll: Poll, patch: PollPatch, voted: bool) -> dict[str, object]:
    """The fields that the patch names, as the poll holds them; bounds and scale follow once options stand."""
    _check_zone(patch.timezone)
    _check_texts(patch)
    changes = {name: value for name in _AS_GIVEN if (value := getattr(patch, name)) is not UNSET}
    for name in _TIMES:
        if (text := getattr(patch, name)) is not UNSET:
            changes[name] = _instant(text, patch.timezone, name)
    if patch.timezone is not None:
        changes["timezone"] = patch.timezone
    kind = poll.kind if patch.kind is UNSET else patch.kind
    if patch.options is not UNSET:
        changes["options"] = options_of(kind, patch.options, poll.options if voted else ())
    elif kind is Kind.RATING:
        changes["options"] = ()  # they go with the kind that had them, as choices and scale do
    return changes


def _check_whole(poll: Poll) -> None:
    check_options(poll)
    _check_prediction(poll)
    if poll.closes_at is not None and poll.closes_at <= poll.opens_at:
        raise InvalidPoll("closes_at", "closes_at must be later than opens_at.")
    if (poll.identity is Identity.SIGNED) != (poll.issuer is not None):
        raise InvalidPoll(
            "issuer", "A signed poll names the issuer of its voters' tokens, and no other does."
        )
    if poll.identity is Identity.OPEN and poll.revote is not Revote.NEVER:
        raise InvalidPoll(
            "revote", "An open poll knows no voters, so nobody can change a vote: revote must be never."
        )
    if poll.identity is Identity.OPEN and poll.results is ResultsMode.AFTER_VOTE:
        raise InvalidPoll(
            "results", "An open poll does not know who has voted: results cannot be after_vote."
        )


def _check_prediction(poll: Poll) -> None:
    if poll.kind is not Kind.PREDICTION:
        for name in ("series", "resolve_by"):
            if getattr(poll, name) is not None:
                raise InvalidPoll(name, f"Only a prediction has {name}.")
    if poll.resolve_by is not None and poll.resolve_by <= (poll.closes_at or poll.opens_at):
        raise InvalidPoll(
            "resolve_by", "resolve_by must be later than closes_at, or opens_at where it has no end."
        )
    if poll.series is not None and poll.identity is Identity.OPEN:
        raise InvalidPoll("identity", "A series knows its voters by name and score: identity cannot be open.")
    if poll.series is not None and poll.results is ResultsMode.OPERATORS:
        raise InvalidPoll(
            "results", "A series' leaderboard tells who was right, so its polls' results cannot be operators."
        )


def _check_series_edit(before: Poll, after: Poll, voted: bool) -> None:
    """A poll lies in the store with its series, and cannot be moved there in one step (ADR 0015)."""
    if after.series == before.series:
        return
    if voted:
        raise EditRefused("series", "People have voted under the present series, so it stays.")
    raise EditRefused(
        "series",
        "A prediction keeps the series that it was made with. Nobody has voted yet: delete the poll and make"
        " it anew, under the same id if you like, with the series that you want.",
    )


def _check_outcome_edit(before: Poll, after: Poll, now: int) -> None:
    if after.resolve_by != before.resolve_by:
        if before.phase(now) in (Phase.RESOLVED, Phase.CANCELED, Phase.ARCHIVED):
            raise PhaseConflict("edit", before.phase(now))
        if after.resolve_by is not None and after.resolve_by <= now:
            raise InvalidPoll("resolve_by", "resolve_by must lie in the future.")
    if before.resolution is not None and (after.kind, after.outcome) != (before.kind, before.outcome):
        raise EditRefused("options", "An outcome of this prediction stands; unresolve it first.")


def _check_window_edit(before: Poll, after: Poll, now: int) -> None:
    if (before.opens_at, before.closes_at) == (after.opens_at, after.closes_at):
        return
    phase = before.phase(now)
    if phase.is_over:
        raise PhaseConflict("edit", phase)
    if before.opens_at != after.opens_at and phase is not Phase.SCHEDULED:
        raise EditRefused("opens_at", "The poll has opened already, so its opening cannot be moved.")
    if after.closes_at is not None and after.closes_at <= now:
        raise EditRefused(
            "closes_at", "closes_at must be in the future; use the act close to close the poll now."
        )


def _is_later(before: Poll, after: Poll) -> bool:
    return after.visible_at is not None and after.visible_at > (before.visible_at or 0)


def _check_faith(before: Poll, after: Poll, now: int) -> None:
    for name in ("kind", "identity", "issuer", "network_tags"):
        if getattr(before, name) != getattr(after, name):
            raise EditRefused(name, f"Votes were cast under the present {name}, so it stays.")
    if after.choices != edited_choices(before, after, UNSET):
        raise EditRefused("choices", "Votes were cast under the present choices, so they stay.")
    if after.scale != before.scale:
        raise EditRefused("scale", "Votes were cast on the present scale, so it stays.")
    phase = before.phase(now)
    if len(after.options) > len(before.options) and phase.is_over:
        raise EditRefused(
            "options", f"The poll is {phase}; options are added while people can vote for them."
        )
    if before.visible_at != after.visible_at and not after.is_visible(now) and _is_later(before, after):
        raise EditRefused("visible_at", "People have voted, so the poll cannot be hidden for longer.")
    if WIDEST_FIRST.index(after.results) < WIDEST_FIRST.index(before.results):
        raise EditRefused("results", "People voted under the present promise; results may only be narrowed.")


def _check_texts(given: PollDraft | PollPatch) -> None:
    if isinstance(given.question, str):
        check_text(given.question, "question")
    if isinstance(given.description, str):
        check_text(given.description, "description", may_break=True)
    if not isinstance(given.options, UnsetType):
        for place, option in enumerate(given.options):
            check_text(option.label, f"options[{place}].label")


def _check_hour(poll: Poll) -> None:
    if poll.visible_at is not None and poll.closes_at is not None and poll.visible_at > poll.closes_at:
        raise InvalidPoll("visible_at", "visible_at must not be later than closes_at: nobody could vote.")


def _instant(text: str | None, timezone: str | None, field: str) -> int | None:
    return None if text is None else parse_instant(text, timezone, field)


def _check_zone(timezone: str | None) -> None:
    """A zone that no time needs must still be one: a misspelt name is told, not ignored."""
    if timezone is not None:
        zone_named(timezone)
