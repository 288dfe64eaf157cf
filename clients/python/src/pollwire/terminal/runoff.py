"""The rounds of a ranked poll in sentences: who goes out, where those votes pass to, who wins."""

from __future__ import annotations

from pollwire.errors import Document


def rounds_told(poll: Document, results: Document) -> list[str]:
    """A sentence a round; none where nobody has voted, or where the results bring no rounds (a stream's)."""
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
