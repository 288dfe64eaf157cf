"""Options, bounds and scales: request shapes, validation, and their values after an edit.

Each kind of poll has its own parts. Bounds belong to ``multiple``. A ``rating`` has a scale and no options.
A part that does not belong to the kind raises ``InvalidPoll`` for its field.
"""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_lowercase, ascii_uppercase
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pollwire_server.domain.errors import EditRefused, InvalidPoll
from pollwire_server.domain.identifiers import Identifier
from pollwire_server.domain.poll import MAX_SCALE_VALUE, Choices, Kind, Option, Poll, Scale

Label = Annotated[str, Meta(min_length=1, max_length=200)]
Image = Annotated[
    str,
    Meta(
        max_length=2000,
        pattern=r"^(https?://|/(?![/\\]))\S+\Z",
        description="a URL that starts with http:// or https://, or a path that starts with /",
    ),
]

MIN_OPTIONS: Final = 2
MAX_OPTIONS: Final = 50
CODES: Final = ascii_uppercase + ascii_lowercase
"""The codes of options, in the order of assignment."""

MAX_CAPACITY: Final = 10**9


class OptionDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One option in a request body."""

    id: Identifier
    label: Label
    image: Image | None = None
    capacity: Annotated[int, Meta(ge=1, le=MAX_CAPACITY)] | None = None


class ChoicesDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The bounds of a ``multiple`` ballot in a request body. ``max`` defaults to the number of options."""

    min: Annotated[int, Meta(ge=1, le=MAX_OPTIONS)] = 1
    max: Annotated[int, Meta(ge=1, le=MAX_OPTIONS)] | None = None


class ScaleDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The scale of a ``rating`` in a request body: every whole number from ``min`` to ``max``."""

    min: Annotated[int, Meta(ge=0, le=MAX_SCALE_VALUE)] = 1
    max: Annotated[int, Meta(ge=0, le=MAX_SCALE_VALUE)] = 5


OptionDrafts = tuple[OptionDraft, ...]


def build_options(
    kind: Kind, drafts: Sequence[OptionDraft], existing: Sequence[Option]
) -> tuple[Option, ...]:
    """Return the options with their codes. An option in ``existing``, which may have votes, keeps its code.

    No existing option may be removed. A poll therefore never needs more than ``MAX_OPTIONS`` codes, and the
    52 letters suffice.
    """
    _check_kind(kind, drafts)
    _check_ids(drafts, existing)
    codes = {option.id: option.code for option in existing}
    unused = (letter for letter in CODES if letter not in codes.values())
    return tuple(
        Option(
            id=draft.id,
            label=draft.label,
            code=codes.get(draft.id) or next(unused),
            image=draft.image,
            capacity=draft.capacity,
        )
        for draft in drafts
    )


def check_options(poll: Poll) -> None:
    """Raise ``InvalidPoll`` for a poll with too few options, or with capacities that its kind does not
    have."""
    if poll.kind is Kind.RATING:
        return
    if len(poll.options) < MIN_OPTIONS:
        raise InvalidPoll("options", f"A poll must have at least {MIN_OPTIONS} options.")
    _check_capacities(poll)


def _check_kind(kind: Kind, drafts: Sequence[OptionDraft]) -> None:
    if kind is Kind.RATING and drafts:
        raise InvalidPoll("options", "A rating has no options. Define its values with scale.")


def _check_capacities(poll: Poll) -> None:
    """Reject capacities in a ranked poll or a forecast.

    A ranking or a forecast names many options and counts for one of them at a time, so it does not occupy a
    place.
    """
    for position, option in enumerate(poll.options):
        if poll.forecast and option.capacity is not None:
            raise InvalidPoll(f"options[{position}].capacity", "An outcome of a forecast has no capacity.")
        if poll.kind is Kind.RANKED and option.capacity is not None:
            raise InvalidPoll(f"options[{position}].capacity", "An option of a ranked poll has no capacity.")


def _check_ids(drafts: Sequence[OptionDraft], existing: Sequence[Option]) -> None:
    if len(drafts) > MAX_OPTIONS:
        raise InvalidPoll("options", f"A poll has at most {MAX_OPTIONS} options, not {len(drafts)}.")
    ids: set[str] = set()
    for position, draft in enumerate(drafts):
        if draft.id in ids:
            raise InvalidPoll(f"options[{position}].id", f"The option id {draft.id!r} is used twice.")
        ids.add(draft.id)
    if removed := {option.id for option in existing} - ids:
        raise EditRefused(
            "options", f"These options have votes and cannot be removed: {', '.join(sorted(removed))}."
        )


def build_choices(kind: Kind, draft: ChoicesDraft | None, option_count: int) -> Choices | None:
    """Return the bounds of a poll, or None for a kind without bounds. Raises ``InvalidPoll``."""
    if kind is not Kind.MULTIPLE:
        if draft is not None:
            raise InvalidPoll("choices", f"Only a multiple poll has choices; this poll is {kind}.")
        return None
    draft = draft or ChoicesDraft()
    maximum = option_count if draft.max is None else draft.max
    if draft.min > option_count:
        raise InvalidPoll(
            "choices.min", f"choices.min is {draft.min}, but the poll has {option_count} options."
        )
    if not draft.min <= maximum <= option_count:
        raise InvalidPoll(
            "choices.max", f"choices.max must be from {draft.min} (choices.min) to {option_count} (options)."
        )
    return Choices(min=draft.min, max=maximum)


def edited_choices(before: Poll, after: Poll, draft: ChoicesDraft | UnsetType | None) -> Choices | None:
    """Return the bounds after an edit: those of the patch, otherwise the current ones.

    A current maximum that includes all options continues to include all options.
    """
    if draft is not UNSET:
        return build_choices(after.kind, draft, len(after.options))
    if after.kind is not Kind.MULTIPLE:
        return None
    if before.choices is None:
        return build_choices(after.kind, None, len(after.options))
    includes_all = before.choices.max == len(before.options)
    current = ChoicesDraft(before.choices.min, None if includes_all else before.choices.max)
    return build_choices(after.kind, current, len(after.options))


def build_scale(kind: Kind, draft: ScaleDraft | None) -> Scale | None:
    """Return the scale of a poll, or None for a kind without a scale. Raises ``InvalidPoll``."""
    if kind is not Kind.RATING:
        if draft is not None:
            raise InvalidPoll("scale", f"Only a rating poll has a scale; this poll is {kind}.")
        return None
    draft = draft or ScaleDraft()
    if draft.min >= draft.max:
        raise InvalidPoll("scale.max", f"scale.max must be greater than scale.min ({draft.min}).")
    return Scale(min=draft.min, max=draft.max)


def edited_scale(before: Poll, after: Poll, draft: ScaleDraft | UnsetType | None) -> Scale | None:
    """Return the scale after an edit: that of the patch, otherwise the current one if the kind has a
    scale."""
    if draft is UNSET and after.kind is Kind.RATING and before.scale is not None:
        return before.scale
    return build_scale(after.kind, None if draft is UNSET else draft)
