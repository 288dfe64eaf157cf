"""Which edits keep faith with votes already cast, and with what else has happened since.

``edited`` makes the poll that a patch asks for, or says why it cannot be.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import UNSET

from pollwire_server.domain.errors import EditRefused, InvalidPoll, PhaseConflict
from pollwire_server.domain.options import edited_choices, edited_scale, options_of
from pollwire_server.domain.poll import WIDEST_FIRST, Kind, Poll
from pollwire_server.domain.poll_draft import PollPatch, check_texts, check_zone, instant_of
from pollwire_server.domain.poll_validation import validate_poll, validate_times
from pollwire_server.domain.window import Phase

_AS_GIVEN: Final = (
    *("kind", "question", "description", "revote", "identity", "issuer", "results", "series"),
    *("origins", "network_tags", "shuffle", "lang"),
)
_TIMES: Final = ("opens_at", "closes_at", "visible_at", "resolve_by")


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
    validate_poll(after)
    if (after.visible_at, after.closes_at) != (poll.visible_at, poll.closes_at):
        validate_times(after)  # only then: an act may have left them so
    _check_window_edit(poll, after, now)
    _check_series_edit(poll, after, voted)
    _check_outcome_edit(poll, after, now)
    if voted:
        _check_faith(poll, after, now)
    return after


def _changes(poll: Poll, patch: PollPatch, voted: bool) -> dict[str, object]:
    """The fields that the patch names, as the poll holds them; bounds and scale follow once options stand."""
    check_zone(patch.timezone)
    check_texts(patch)
    changes = {name: value for name in _AS_GIVEN if (value := getattr(patch, name)) is not UNSET}
    for name in _TIMES:
        if (text := getattr(patch, name)) is not UNSET:
            changes[name] = instant_of(text, patch.timezone, name)
    if patch.timezone is not None:
        changes["timezone"] = patch.timezone
    kind = poll.kind if patch.kind is UNSET else patch.kind
    if patch.options is not UNSET:
        changes["options"] = options_of(kind, patch.options, poll.options if voted else ())
    elif kind is Kind.RATING:
        changes["options"] = ()  # they go with the kind that had them, as choices and scale do
    return changes


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
