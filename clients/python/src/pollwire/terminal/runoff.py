"""Rounds of a ranked poll as sentences: the eliminated option, its transfers, and the winner."""

from __future__ import annotations

from pollwire.errors import Document


def rounds_told(poll: Document, results: Document) -> list[str]:
    """Return a sentence for each round.

    The list is empty without votes, and for results without rounds (those of a stream).
    """
    labels = {option["id"]: option["label"] for option in poll.get("options") or ()}
    return [
        f"Round {number}: {_told(done, labels, results)}"
        for number, done in enumerate(results.get("rounds") or (), start=1)
    ]


def _told(done: Document, labels: dict[str, str], results: Document) -> str:
    counts, out = done["counts"], done.get("eliminated")
    if out is None:
        winner = results["winner"]
        share = f"{counts[winner]:,} of {sum(counts.values()):,} votes"
        exhausted = f" ({done['exhausted']:,} exhausted)" if done["exhausted"] else ""
        return f"{labels.get(winner, winner)} wins with {share}{exhausted}."
    moved = [f"{votes:,} to {labels.get(heir, heir)}" for heir, votes in done["transfers"].items()]
    lost = counts[out] - sum(done["transfers"].values())
    if lost:
        moved.append(f"{lost:,} exhausted")
    passing = f": {', '.join(moved)}" if moved else ""
    return f"{labels.get(out, out)} goes out with {counts[out]:,}{passing}."
