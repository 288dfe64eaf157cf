"""Rounds of a ranked poll as sentences: the eliminated option, its transfers, ties, and the winner."""

from __future__ import annotations

from typing import Final

from pollwire.errors import Document

_TIE_RULES: Final = {
    "earlier_round": "an earlier round decided",
    "lot": "the lot decided",
}


def describe_rounds(poll: Document, results: Document) -> list[str]:
    """Return a sentence for each round.

    The list is empty without votes, and for results without rounds (those of a stream).
    """
    labels = {option["id"]: option["label"] for option in poll.get("options") or ()}
    return [
        f"Round {number}: {_describe_round(done, labels, results)}"
        for number, done in enumerate(results.get("rounds") or (), start=1)
    ]


def _describe_round(done: Document, labels: dict[str, str], results: Document) -> str:
    counts, out = done["counts"], done.get("eliminated")
    tied = " and ".join(labels.get(option, option) for option in done.get("tied") or ())
    if out is None and results.get("tie"):
        return f"{tied} are tied with {min(counts.values()):,} votes each."
    if out is None:
        winner = results["winner"]
        share = f"{counts[winner]:,} of {sum(counts.values()):,} votes"
        exhausted = f" ({done['exhausted']:,} exhausted)" if done["exhausted"] else ""
        return f"{labels.get(winner, winner)} wins with {share}{exhausted}."
    moved = [
        f"{votes:,} to {labels.get(receiver, receiver)}" for receiver, votes in done["transfers"].items()
    ]
    lost = counts[out] - sum(done["transfers"].values())
    if lost:
        moved.append(f"{lost:,} exhausted")
    passing = f": {', '.join(moved)}" if moved else ""
    rule = _TIE_RULES.get(done.get("tie_rule", ""), "")
    tie = f" Tied: {tied}; {rule}." if done.get("tie_broken") else ""
    return f"{labels.get(out, out)} goes out with {counts[out]:,}{passing}.{tie}"
