"""What was measured: values by round, their medians and ratios, and the goals they are held to."""

from __future__ import annotations

from statistics import median
from typing import Literal

import msgspec

Better = Literal["at most", "at least"]


class Row(msgspec.Struct):
    """One measure of one subject; ``rounds`` has a value for each round."""

    part: str
    subject: str
    measure: str
    unit: str
    rounds: list[float]

    @property
    def median(self) -> float:
        """The middle round."""
        return median(self.rounds)


class Goal(msgspec.Struct):
    """What a figure is held to; ``value`` is None where it could not be measured."""

    part: str
    what: str
    value: float | None
    limit: float
    better: Better = "at most"

    @property
    def is_met(self) -> bool:
        """Whether it was measured, and good enough."""
        if self.value is None:
            return False
        return self.value <= self.limit if self.better == "at most" else self.value >= self.limit


class Record(msgspec.Struct):
    """Everything one run found out."""

    rows: list[Row] = msgspec.field(default_factory=list)
    goals: list[Goal] = msgspec.field(default_factory=list)
    failures: list[str] = msgspec.field(default_factory=list)
    left_out: list[str] = msgspec.field(default_factory=list)
    again: list[str] = msgspec.field(default_factory=list)
    """Why a part was measured a second time, apart from the others."""

    def note(self, part: str, subject: str, measure: str, unit: str, value: float) -> None:
        """One round's value."""
        row = self.find(part, subject, measure)
        if row is None:
            self.rows.append(Row(part, subject, measure, unit, [value]))
        else:
            row.rounds.append(value)

    def find(self, part: str, subject: str, measure: str) -> Row | None:
        """The row, or None where it was not measured."""
        wanted = (part, subject, measure)
        return next((row for row in self.rows if (row.part, row.subject, row.measure) == wanted), None)

    def ratio(self, part: str, measure: str, ours: str, theirs: str) -> float | None:
        """The median of the rounds' ratios: the machine's mood changes between rounds, less within one."""
        mine, other = self.find(part, ours, measure), self.find(part, theirs, measure)
        if mine is None or other is None:
            return None
        pairs = zip(mine.rounds, other.rounds, strict=False)
        return median([a / b for a, b in pairs if b > 0] or [float("inf")])

    def hold(
        self, part: str, what: str, value: float | None, limit: float, better: Better = "at most"
    ) -> None:
        """Hold a figure to a goal."""
        self.goals.append(Goal(part, what, value, limit, better))

    def hold_ratio(self, part: str, measure: str, ours: str, theirs: str, limit: float) -> None:
        """Hold the ratio of two subjects to a goal."""
        value = self.ratio(part, measure, ours, theirs)
        self.hold(part, f"{measure}: {ours} against {theirs}", value, limit)

    def hold_median(
        self, part: str, subject: str, measure: str, limit: float, better: Better = "at most"
    ) -> None:
        """Hold a subject's own figure to a goal."""
        row = self.find(part, subject, measure)
        what = f"{measure}, {subject}" + (f" ({row.unit})" if row else "")
        self.hold(part, what, row.median if row else None, limit, better)
