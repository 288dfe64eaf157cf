"""Results: totals, positions, ranked results and timelines."""
