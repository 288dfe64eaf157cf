"""Edits of a poll: apply a patch, and reject edits that would falsify votes or contradict the poll's
phase."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import UNSET

from pollwire_server.domain.errors import EditRefused, InvalidPoll, PhaseConflict
from pollwire_server.domain.options import build_options, edited_choices, edited_scale
from pollwire_server.domain.poll import WIDEST_FIRST, Kind, Poll
from pollwire_server.domain.poll_draft import PollPatch, check_texts, check_timezone, parse_optional_timestamp
from pollwire_server.domain.poll_validation import validate_poll, validate_times
from pollwire_server.domain.window import Phase

_COPIED_FIELDS: Final = (
    *("kind", "question", "description", "revote", "identity", "issuer", "results", "series"),
    *("forecast", "ordered", "ties"),
    *("origins", "network_tags", "shuffle", "lang"),
)
_TIME_FIELDS: Final = ("opens_at", "closes_at", "visible_at", "resolve_by")


def apply_patch(poll: Poll, patch: PollPatch, *, now: int, voted: bool) -> Poll:
    """Return the poll after the edit, with its ``version`` increased by one.

    ``voted`` is True if at least one vote was ever counted.
    Raises ``InvalidPoll`` for an invalid poll, ``EditRefused`` for an edit that would falsify votes, and
    ``PhaseConflict`` for a change to the window of a closed poll (the action ``reopen`` does that).
    """
    after: Poll = msgspec.structs.replace(poll, version=poll.version + 1, **_changes(poll, patch, voted))
    after = msgspec.structs.replace(
        after,
        choices=edited_choices(poll, after, patch.choices),
        scale=edited_scale(poll, after, patch.scale),
    )
    validate_poll(after)
    if (after.visible_at, after.closes_at) != (poll.visible_at, poll.closes_at):
        validate_times(after)  # only if they changed: an action may have produced the current times
    _check_window_edit(poll, after, now)
    if after.forecast != poll.forecast:
        raise EditRefused("forecast", "forecast is fixed when the poll is created.")
    _check_series_edit(poll, after, voted)
    _check_outcome_edit(poll, after, now)
    if voted:
        _check_votes_stay_valid(poll, after, now)
    return after


def lowers_capacity(before: Poll, after: Poll) -> bool:
    """Return True if an option gets a capacity that votes of today may exceed."""
    capacities = {option.id: option.capacity for option in before.options}
    return any(
        option.capacity is not None
        and option.id in capacities
        and ((old := capacities[option.id]) is None or option.capacity < old)
        for option in after.options
    )


def _changes(poll: Poll, patch: PollPatch, voted: bool) -> dict[str, object]:
    """Return the changed fields of the poll.

    Bounds and scale depend on the options, so the caller adds them.
    """
    check_timezone(patch.timezone)
    check_texts(patch)
    changes = {name: value for name in _COPIED_FIELDS if (value := getattr(patch, name)) is not UNSET}
    for name in _TIME_FIELDS:
        if (text := getattr(patch, name)) is not UNSET:
            changes[name] = parse_optional_timestamp(text, patch.timezone, name)
    if patch.timezone is not None:
        changes["timezone"] = patch.timezone
    kind = poll.kind if patch.kind is UNSET else patch.kind
    if patch.options is not UNSET:
        changes["options"] = build_options(kind, patch.options, poll.options if voted else ())
    elif kind is Kind.RATING:
        changes["options"] = ()  # a rating has no options, so they are removed with the old kind
    return changes


def _check_series_edit(before: Poll, after: Poll, voted: bool) -> None:
    """Reject a change of the series.

    The store keeps a poll in its series' slot and cannot move it (ADR 0015).
    """
    if after.series == before.series:
        return
    if voted:
        raise EditRefused("series", "The poll has votes, so series cannot be changed.")
    raise EditRefused(
        "series",
        "series cannot be changed. The poll has no votes yet, so you can delete it and create it again with"
        " the same id.",
    )


def _check_outcome_edit(before: Poll, after: Poll, now: int) -> None:
    if after.resolve_by != before.resolve_by:
        if before.phase(now) in (Phase.RESOLVED, Phase.CANCELED, Phase.ARCHIVED):
            raise PhaseConflict("edit", before.phase(now))
        if after.resolve_by is not None and after.resolve_by <= now:
            raise InvalidPoll("resolve_by", "resolve_by must be in the future.")
    if before.resolution is not None and (after.kind, after.outcome) != (before.kind, before.outcome):
        raise EditRefused("options", "This prediction is resolved. Unresolve it first.")


def _check_window_edit(before: Poll, after: Poll, now: int) -> None:
    if (before.opens_at, before.closes_at) == (after.opens_at, after.closes_at):
        return
    phase = before.phase(now)
    if phase.is_over:
        raise PhaseConflict("edit", phase)
    if before.opens_at != after.opens_at and phase is not Phase.SCHEDULED:
        raise EditRefused("opens_at", "The poll has already opened, so opens_at cannot be changed.")
    if after.closes_at is not None and after.closes_at <= now:
        raise EditRefused(
            "closes_at", "closes_at must be in the future. To end voting now, close the poll instead."
        )


def _is_later(before: Poll, after: Poll) -> bool:
    return after.visible_at is not None and after.visible_at > (before.visible_at or 0)


def _check_votes_stay_valid(before: Poll, after: Poll, now: int) -> None:
    """Raise ``EditRefused`` for an edit that would change the meaning or the conditions of existing votes."""
    for name in ("kind", "identity", "issuer", "network_tags", "ties"):
        if getattr(before, name) != getattr(after, name):
            raise EditRefused(name, f"The poll has votes, so {name} cannot be changed.")
    if after.choices != edited_choices(before, after, UNSET):
        raise EditRefused("choices", "The poll has votes, so choices cannot be changed.")
    if after.scale != before.scale:
        raise EditRefused("scale", "The poll has votes, so scale cannot be changed.")
    if before.forecast and [option.id for option in after.options] != [
        option.id for option in before.options
    ]:
        raise EditRefused(
            "options", "Each forecast names all outcomes, so none can be added or moved after the first vote."
        )
    if after.ordered != before.ordered:
        raise EditRefused("ordered", "The poll has votes, so ordered cannot be changed.")
    phase = before.phase(now)
    if len(after.options) > len(before.options) and phase.is_over:
        raise EditRefused("options", f"The poll is {phase}. Options can be added only before voting ends.")
    if before.visible_at != after.visible_at and not after.is_visible(now) and _is_later(before, after):
        raise EditRefused("visible_at", "The poll has votes, so it cannot be hidden for longer.")
    if WIDEST_FIRST.index(after.results) < WIDEST_FIRST.index(before.results):
        raise EditRefused(
            "results", "The poll has votes, so its results can be shown to fewer readers, but not to more."
        )
