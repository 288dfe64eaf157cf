"""A poll: what is asked, of whom, and under which policies.

``Poll`` is what stands; ``service.domain.draft`` says how one is written down
by an operator, ``soundness`` what every one must be, and ``edits`` which edits
keep faith with the votes already cast.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from pollwire_server.domain.window import Phase, phase_at


class Kind(StrEnum):
    """What is asked of a voter."""

    SINGLE = "single"
    MULTIPLE = "multiple"
    RATING = "rating"
    RANKED = "ranked"
    PREDICTION = "prediction"


class Revote(StrEnum):
    """Whether a voter may change a vote, or take it back as well."""

    NEVER = "never"
    CHANGE = "change"
    WITHDRAW = "withdraw"


class Identity(StrEnum):
    """How one voter is told from another."""

    DEVICE = "device"
    SIGNED = "signed"
    OPEN = "open"


class ResultsMode(StrEnum):
    """Who sees totals, from everybody to nobody but operators."""

    ALWAYS = "always"
    AFTER_VOTE = "after_vote"
    AFTER_CLOSE = "after_close"
    OPERATORS = "operators"


WIDEST_FIRST: Final = tuple(ResultsMode)
"""Modes from the widest audience to the narrowest; an edit may only go rightwards once people have voted."""


class Option(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing to vote for.

    ``code`` is the option's one-letter name in stored ballots and counts:
    given once, never given again, whatever is added, renamed or reordered.
    """

    id: str
    label: str
    code: str
    image: str | None = None
    capacity: int | None = None
    """The most voters who may choose it at one time; None: any number."""


class Choices(msgspec.Struct, frozen=True):
    """How many options a voter of a ``multiple`` poll may pick."""

    min: int
    max: int


HIGHEST_VALUE: Final = 10
"""Of any scale; the lowest is 0."""


class Scale(msgspec.Struct, frozen=True):
    """The values of a ``rating``: every whole number from ``min`` to ``max``."""

    min: int
    max: int

    @property
    def values(self) -> range:
        """What a voter may give, the least first."""
        return range(self.min, self.max + 1)


def code_of_value(value: int) -> str:
    """A value's one-character name in stored ballots and counts: ``0`` to ``9``, then ``:`` for 10."""
    return chr(ord("0") + value)


class Resolution(msgspec.Struct, frozen=True):
    """What a prediction has come to, and on whose word. Times are milliseconds since the epoch."""

    code: str | None
    """Of the outcome that came true; None: annulled, nobody was right or wrong."""
    at: int
    effective_at: int
    """A choice that was last changed after this does not score."""
    by: str
    version: int
    """Of the poll, since this resolution stands."""
    note: str | None = None


class Poll(msgspec.Struct, frozen=True, kw_only=True):
    """A poll as it stands. Times are milliseconds since the epoch."""

    id: str
    kind: Kind
    question: str
    description: str | None = None
    options: tuple[Option, ...]
    choices: Choices | None = None
    scale: Scale | None = None
    opens_at: int
    closes_at: int | None = None
    planned_closes_at: int | None = None
    visible_at: int | None = None
    timezone: str | None = None
    """The IANA zone in which its operators wrote its times; pages tell them in it beside the reader's own."""
    revote: Revote = Revote.NEVER
    identity: Identity = Identity.DEVICE
    issuer: str | None = None
    """The site whose tokens say who votes, where ``identity`` is signed."""
    results: ResultsMode = ResultsMode.ALWAYS
    series: str | None = None
    """Of predictions that share one leaderboard, and know a voter by one key."""
    resolve_by: int | None = None
    """A prediction that has no outcome by then is canceled."""
    origins: tuple[str, ...] | None = None
    network_tags: bool = False
    """Whether a keyed tag of the network that a ballot came from is kept beside it, for its operators."""
    shuffle: bool = False
    lang: str | None = None
    created_at: int
    version: int = 1
    closed_at: int | None = None
    """The latch: when the window ended, once anybody has seen that it has."""
    ended: Phase | None = None
    """Canceled or archived, where the poll was ended for good."""
    resolution: Resolution | None = None
    """Of a prediction, where one stands."""
    is_scoring: bool = False
    """Whether voters are being scored, or scores taken back; the clock cancels nothing meanwhile."""

    def phase(self, now: int) -> Phase:
        """Where the poll is in its life at ``now``."""
        return phase_at(
            now,
            opens_at=self.opens_at,
            closes_at=self.closes_at,
            closed_at=self.closed_at,
            ended=self.ended,
            is_resolved=self.resolution is not None,
            resolve_by=None if self.is_scoring else self.resolve_by,
        )

    def is_visible(self, now: int) -> bool:
        """Whether the public may know of the poll at all."""
        return self.visible_at is None or now >= self.visible_at

    @property
    def outcome(self) -> str | None:
        """The id of the option that came true; None while there is none, and where the poll was annulled."""
        code = None if self.resolution is None else self.resolution.code
        return next((option.id for option in self.options if option.code == code), None)

    @property
    def choice_bounds(self) -> tuple[int, int]:
        """The least and the most options of one ballot."""
        if self.choices is not None:
            return self.choices.min, self.choices.max
        return 1, len(self.options) if self.kind is Kind.RANKED else 1

    @property
    def codes(self) -> dict[str, str]:
        """What is counted, in the order in which it is told: the name that readers know, and its code."""
        if self.scale is not None:
            return {str(value): code_of_value(value) for value in self.scale.values}
        return {option.id: option.code for option in self.options}
