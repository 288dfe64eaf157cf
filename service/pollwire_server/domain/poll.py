"""A poll: its question, options, window and policies.

``Poll`` is the current state of one poll. ``poll_draft`` has the request bodies, ``poll_validation`` the
rules for every poll, and ``poll_edits`` the edits that do not falsify votes.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from pollwire_server.domain.window import Phase, phase_at


class Kind(StrEnum):
    """The kind of choice that a voter makes."""

    SINGLE = "single"
    MULTIPLE = "multiple"
    RATING = "rating"
    RANKED = "ranked"
    PREDICTION = "prediction"


class Revote(StrEnum):
    """Permission of a voter to change a vote, or to change and withdraw it."""

    NEVER = "never"
    CHANGE = "change"
    WITHDRAW = "withdraw"


class Identity(StrEnum):
    """How the service distinguishes voters."""

    DEVICE = "device"
    SIGNED = "signed"
    OPEN = "open"


class ResultsMode(StrEnum):
    """The audience of the totals, from everyone to operators only."""

    ALWAYS = "always"
    AFTER_VOTE = "after_vote"
    AFTER_CLOSE = "after_close"
    OPERATORS = "operators"


WIDEST_FIRST: Final = tuple(ResultsMode)
"""The modes from the widest audience to the narrowest. After the first vote an edit may only narrow it."""


class Ties(StrEnum):
    """The tie rule of a ranked poll, for a tie of all remaining options."""

    LOT = "lot"
    DECLARE = "declare"


class Option(msgspec.Struct, frozen=True, omit_defaults=True):
    """One option of a poll.

    ``code`` is the option's letter in stored ballots and counts. It never changes and is never reused for
    another option that votes could be cast for, whatever options are added, renamed or reordered.
    """

    id: str
    label: str
    code: str
    image: str | None = None
    capacity: int | None = None
    """The maximum number of current votes for this option. None means no limit."""


class Choices(msgspec.Struct, frozen=True):
    """The number of options that a voter of a ``multiple`` poll may choose."""

    min: int
    max: int


MAX_SCALE_VALUE: Final = 10
"""The highest value of any scale. The lowest is 0."""


class Scale(msgspec.Struct, frozen=True):
    """The scale of a ``rating``: every whole number from ``min`` to ``max``."""

    min: int
    max: int

    @property
    def values(self) -> range:
        """Return the values of the scale, in ascending order."""
        return range(self.min, self.max + 1)


def code_of_value(value: int) -> str:
    """Return the code of a value in stored ballots and counts: ``0`` to ``9``, then ``:`` for 10."""
    return chr(ord("0") + value)


class CrowdScore(msgspec.Struct, frozen=True):
    """The scores of the mean forecast, in millionths."""

    brier: int
    baseline: int
    peer: int


class Resolution(msgspec.Struct, frozen=True):
    """The resolution of a prediction. Times are milliseconds since the epoch."""

    code: str | None
    """The code of the correct outcome. None means that the prediction is void and no choice is scored."""
    at: int
    effective_at: int
    """A choice that was last changed after this time is not scored, because the outcome was known."""
    by: str
    """The name of the operator's API key."""
    version: int
    """The version of the poll that introduced this resolution."""
    note: str | None = None
    source: str | None = None
    """An https URL with evidence of the outcome."""
    forecasters: int | None = None
    """The number of scored forecasts. None for picks, and for a void prediction."""
    log_sum: int = 0
    """The sum of the logarithms of the floored probabilities of the outcome, in billionths."""
    crowd: CrowdScore | None = None
    """The scores of the mean forecast."""


class Poll(msgspec.Struct, frozen=True, kw_only=True):
    """The current state of a poll. Times are milliseconds since the epoch."""

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
    """The IANA zone of the operator's times. Pages show times in this zone next to the reader's own zone."""
    revote: Revote = Revote.NEVER
    identity: Identity = Identity.DEVICE
    issuer: str | None = None
    """The issuer of the voters' tokens, if ``identity`` is signed."""
    results: ResultsMode = ResultsMode.ALWAYS
    forecast: bool = False
    """True if voters of the prediction give every outcome a probability, instead of picking one."""
    ordered: bool = False
    """True if the outcomes are a scale, lowest first. Scores then use the ranked probability score."""
    series: str | None = None
    """The series of predictions that share one leaderboard and one voter key."""
    resolve_by: int | None = None
    """A prediction without an outcome is canceled at this time."""
    ties: Ties = Ties.LOT
    tie_seed: str = ""
    """Random text, chosen by the service at creation and never edited. Empty in polls of older versions."""
    origins: tuple[str, ...] | None = None
    network_tags: bool = False
    """True if each ballot stores a keyed tag of the client's network, for reports to operators."""
    shuffle: bool = False
    lang: str | None = None
    created_at: int
    version: int = 1
    closed_at: int | None = None
    """The end of the window, stored by the first operation that observes it. The poll then stays closed."""
    ended: Phase | None = None
    """Canceled or archived, if an operator ended the poll permanently."""
    resolution: Resolution | None = None
    """The current resolution of a prediction."""
    is_scoring: bool = False
    """True while scores are being added or removed. Meanwhile ``resolve_by`` cancels nothing."""

    def phase(self, now: int) -> Phase:
        """Return the phase of the poll at ``now``."""
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
        """Return True if the public may see the poll at ``now``."""
        return self.visible_at is None or now >= self.visible_at

    @property
    def lot_seed(self) -> str:
        """Return the seed of the lots that break ties. A poll of an older version uses its id."""
        return self.tie_seed or self.id

    @property
    def outcome(self) -> str | None:
        """Return the id of the correct option, or None if the poll is unresolved or void."""
        code = None if self.resolution is None else self.resolution.code
        return next((option.id for option in self.options if option.code == code), None)

    @property
    def choice_bounds(self) -> tuple[int, int]:
        """Return the minimum and maximum number of options on one ballot."""
        if self.choices is not None:
            return self.choices.min, self.choices.max
        return 1, len(self.options) if self.kind is Kind.RANKED else 1

    @property
    def codes(self) -> dict[str, str]:
        """Map each counted name (option id or scale value) to its code, in the order of the results."""
        if self.scale is not None:
            return {str(value): code_of_value(value) for value in self.scale.values}
        return {option.id: option.code for option in self.options}
