"""What a poll gives voters to choose from: options, how many of them, or a scale.

As operators write it down, and as it stands after an edit. Each kind has its
own: bounds belong to ``multiple``, a scale (and no options) to ``rating``.
Whatever is not of the kind is refused by its field (``InvalidPoll``).
"""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_lowercase, ascii_uppercase
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pollwire_server.domain.errors import EditRefused, InvalidPoll
from pollwire_server.domain.poll import HIGHEST_VALUE, Choices, Kind, Option, Poll, Scale

Id = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9][a-z0-9-]{0,63}\Z",
        description="1 to 64 lower-case letters, digits and hyphens, not a hyphen first",
    ),
]
Label = Annotated[str, Meta(min_length=1, max_length=200)]
Image = Annotated[
    str,
    Meta(
        max_length=2000,
        pattern=r"^(https?://|/)\S+\Z",
        description="an address of http or https, or a path of this service, without blanks",
    ),
]

FEWEST_OPTIONS: Final = 2
MOST_OPTIONS: Final = 50
CODES: Final = ascii_uppercase + ascii_lowercase
"""The codes of options, in the order in which they are given."""


LARGEST_CAPACITY: Final = 10**9


class OptionDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One option as submitted."""

    id: Id
    label: Label
    image: Image | None = None
    capacity: Annotated[int, Meta(ge=1, le=LARGEST_CAPACITY)] | None = None


class ChoicesDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The bounds of a ``multiple`` ballot; ``max`` defaults to every option."""

    min: Annotated[int, Meta(ge=1, le=MOST_OPTIONS)] = 1
    max: Annotated[int, Meta(ge=1, le=MOST_OPTIONS)] | None = None


class ScaleDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The values of a ``rating``, from ``min`` to ``max``."""

    min: Annotated[int, Meta(ge=0, le=HIGHEST_VALUE)] = 1
    max: Annotated[int, Meta(ge=0, le=HIGHEST_VALUE)] = 5


OptionDrafts = tuple[OptionDraft, ...]


def options_of(kind: Kind, drafts: Sequence[OptionDraft], standing: Sequence[Option]) -> tuple[Option, ...]:
    """The drafts with their codes: an option that people could vote for (``standing``) keeps its own.

    None of those may go, so no poll ever gives more than ``MOST_OPTIONS`` codes: the letters suffice.
    """
    _check_kind(kind, drafts)
    _check_ids(drafts, standing)
    codes = {option.id: option.code for option in standing}
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
    """``InvalidPoll`` for a poll with too few options, or with options that are not of its kind."""
    if poll.kind is Kind.RATING:
        return
    if len(poll.options) < FEWEST_OPTIONS:
        raise InvalidPoll("options", f"A poll has at least {FEWEST_OPTIONS} options.")
    _check_capacities(poll.kind, poll.options)


def _check_kind(kind: Kind, drafts: Sequence[OptionDraft]) -> None:
    if kind is Kind.RATING and drafts:
        raise InvalidPoll("options", "A rating has no options; its scale says what can be given.")


def _check_capacities(kind: Kind, options: Sequence[Option]) -> None:
    """A ranking names many options and is counted for one at a time, so there is no place to be taken."""
    for position, option in enumerate(options):
        if kind is Kind.RANKED and option.capacity is not None:
            raise InvalidPoll(f"options[{position}].capacity", "An option of a ranked poll has no capacity.")


def _check_ids(drafts: Sequence[OptionDraft], standing: Sequence[Option]) -> None:
    if len(drafts) > MOST_OPTIONS:
        raise InvalidPoll("options", f"A poll has at most {MOST_OPTIONS} options, not {len(drafts)}.")
    ids: set[str] = set()
    for position, draft in enumerate(drafts):
        if draft.id in ids:
            raise InvalidPoll(f"options[{position}].id", f"The option id {draft.id!r} stands twice.")
        ids.add(draft.id)
    if gone := {option.id for option in standing} - ids:
        raise EditRefused(
            "options", f"Votes were cast with these options, so none may go: {', '.join(sorted(gone))}."
        )


def choices_of(kind: Kind, draft: ChoicesDraft | None, options: int) -> Choices | None:
    """The bounds of a poll of so many options; None for a kind that has none. Raises ``InvalidPoll``."""
    if kind is not Kind.MULTIPLE:
        if draft is not None:
            raise InvalidPoll("choices", f"Only a multiple poll has choices; this one is {kind}.")
        return None
    draft = draft or ChoicesDraft()
    most = options if draft.max is None else draft.max
    if draft.min > options:
        raise InvalidPoll("choices.min", f"choices.min is {draft.min}, and there are {options} options.")
    if not draft.min <= most <= options:
        raise InvalidPoll(
            "choices.max", f"choices.max must lie between choices.min ({draft.min}) and {options}."
        )
    return Choices(min=draft.min, max=most)


def edited_choices(before: Poll, after: Poll, draft: ChoicesDraft | UnsetType | None) -> Choices | None:
    """The bounds that an edit names, else those that stand, or all options where they meant all."""
    if draft is not UNSET:
        return choices_of(after.kind, draft, len(after.options))
    if after.kind is not Kind.MULTIPLE:
        return None
    if before.choices is None:
        return choices_of(after.kind, None, len(after.options))
    meant_all = before.choices.max == len(before.options)
    carried = ChoicesDraft(before.choices.min, None if meant_all else before.choices.max)
    return choices_of(after.kind, carried, len(after.options))


def scale_of(kind: Kind, draft: ScaleDraft | None) -> Scale | None:
    """The scale of a poll; None for a kind that has none. Raises ``InvalidPoll``."""
    if kind is not Kind.RATING:
        if draft is not None:
            raise InvalidPoll("scale", f"Only a rating poll has a scale; this one is {kind}.")
        return None
    draft = draft or ScaleDraft()
    if draft.min >= draft.max:
        raise InvalidPoll("scale.max", f"scale.max must be more than scale.min ({draft.min}).")
    return Scale(min=draft.min, max=draft.max)


def edited_scale(before: Poll, after: Poll, draft: ScaleDraft | UnsetType | None) -> Scale | None:
    """The scale that an edit names, else the one that stands, as far as the kind has any."""
    if draft is UNSET and after.kind is Kind.RATING and before.scale is not None:
        return before.scale
    return scale_of(after.kind, None if draft is UNSET else draft)
