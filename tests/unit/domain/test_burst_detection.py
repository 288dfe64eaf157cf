"""Detection of bursts of votes."""

from __future__ import annotations

from collections import Counter

import pytest
from pollwire_server.domain.burst_detection import MAX_BURSTS, find_bursts, median_per_minute


def test_consecutive_busy_minutes_form_one_burst() -> None:
    minutes = {minute: Counter(A=5, B=5) for minute in range(100, 120)}
    minutes[110], minutes[111] = Counter(A=2, B=98), Counter(B=100)
    (burst,) = find_bursts(minutes)
    assert (burst.first, burst.last, burst.votes, burst.code) == (110, 111, 200, "B")
    assert (burst.share, burst.share_elsewhere) == (0.99, 0.5)


@pytest.mark.parametrize("minutes", [{}, {1: Counter(A=19)}, {1: Counter(A=100), 2: Counter(A=90)}])
def test_steady_or_small_poll_has_no_bursts(minutes: dict[int, Counter[str]]) -> None:
    assert find_bursts(minutes) == []


def test_bursts_are_sorted_by_size_and_limited() -> None:
    minutes = {minute: Counter(A=1) for minute in range(1000)}
    minutes |= {10 * place: Counter(A=50 + place) for place in range(60)}
    votes = [burst.votes for burst in find_bursts(minutes)]
    assert votes == sorted(votes, reverse=True)
    assert (len(votes), votes[0], median_per_minute(minutes)) == (MAX_BURSTS, 109, 1)
