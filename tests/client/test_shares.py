"""Shares of votes in percent: shared vectors, and their properties."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pollwire.terminal.shares import shares_of

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "share_vectors.json").read_text("utf-8"))


def shares(counts: list[int], voters: int, digits: int = 0) -> list[float]:
    """Return the shares in the order of the counts."""
    numbered = {str(place): count for place, count in enumerate(counts)}
    return list(shares_of(numbered, voters, digits).values())


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["counts"]))
def test_shares_match_the_vectors(vector: dict[str, Any]) -> None:
    assert shares(vector["counts"], vector["voters"], vector.get("digits", 0)) == vector["shares"]


@given(counts=st.lists(st.integers(0, 10**6), min_size=1, max_size=50).filter(any))
def test_shares_of_single_choices_add_up_and_hide_no_vote(counts: list[int]) -> None:
    voters = sum(counts)
    found = shares(counts, voters)
    assert sum(found) == 100
    for count, share in zip(counts, found, strict=True):
        assert (share == 0) == (count == 0)
        assert (share == 100) == (count == voters)
