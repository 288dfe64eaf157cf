"""Results of a run: values by round, their medians and ratios, and the goals."""

from __future__ import annotations

from statistics import median
from typing import Literal

import msgspec

Better = Literal["at most", "at least"]


class Row(msgspec.Struct):
    """One measure of one subject, with a value for each round."""

    part: str
    subject: str
    measure: str
    unit: str
    rounds: list[float]

    @property
    def median(self) -> float:
        """Return the median of the rounds."""
        return median(self.rounds)


class Goal(msgspec.Struct):
    """Limit of a value. ``value`` is None if it could not be measured."""

    part: str
    what: str
    value: float | None
    limit: float
    better: Better = "at most"

    @property
    def is_met(self) -> bool:
        """Return True if the value was measured and is within the limit."""
        if self.value is None:
            return False
        return self.value <= self.limit if self.better == "at most" else self.value >= self.limit


class Record(msgspec.Struct):
    """All results of one run."""

    rows: list[Row] = msgspec.field(default_factory=list)
    goals: list[Goal] = msgspec.field(default_factory=list)
    failures: list[str] = msgspec.field(default_factory=list)
    left_out: list[str] = msgspec.field(default_factory=list)
    again: list[str] = msgspec.field(default_factory=list)
    """Failures after which a part was measured again, separately."""

    def add(self, part: str, subject: str, measure: str, unit: str, value: float) -> None:
        """Add the value of one round."""
        row = self.find(part, subject, measure)
        if row is None:
            self.rows.append(Row(part, subject, measure, unit, [value]))
        else:
            row.rounds.append(value)

    def find(self, part: str, subject: str, measure: str) -> Row | None:
        """Return the row, or None if it was not measured."""
        wanted = (part, subject, measure)
        return next((row for row in self.rows if (row.part, row.subject, row.measure) == wanted), None)

    def ratio(self, part: str, measure: str, ours: str, theirs: str) -> float | None:
        """Return the median of the ratios per round: machine noise differs more between rounds than within
        one."""
        mine, other = self.find(part, ours, measure), self.find(part, theirs, measure)
        if mine is None or other is None:
            return None
        pairs = zip(mine.rounds, other.rounds, strict=False)
        return median([a / b for a, b in pairs if b > 0] or [float("inf")])

    def hold(
        self, part: str, what: str, value: float | None, limit: float, better: Better = "at most"
    ) -> None:
        """Add a goal for a value."""
        self.goals.append(Goal(part, what, value, limit, better))

    def hold_ratio(self, part: str, measure: str, ours: str, theirs: str, limit: float) -> None:
        """Add a goal for the ratio of two subjects."""
        value = self.ratio(part, measure, ours, theirs)
        self.hold(part, f"{measure}: {ours} against {theirs}", value, limit)

    def hold_median(
        self, part: str, subject: str, measure: str, limit: float, better: Better = "at most"
    ) -> None:
        """Add a goal for the median of one subject."""
        row = self.find(part, subject, measure)
        what = f"{measure}, {subject}" + (f" ({row.unit})" if row else "")
        self.hold(part, what, row.median if row else None, limit, better)
