"""Effort of the fuzz tests: a short run with a seed by default, or a longer random run.

``POLLWIRE_FUZZ=20 make test PYTEST="tests/fuzz"`` runs twenty times as many random examples. Hypothesis
prints failing ones.
"""

from __future__ import annotations

import os
from typing import Final

from hypothesis import HealthCheck, settings

TIMES: Final = max(1, int(os.environ.get("POLLWIRE_FUZZ", "1")))
"""Factor of the effort. Above 1, runs have no seed."""


def effort(examples: int, *, steps: int = 50) -> settings:
    """Return the settings of a property with ``examples`` examples in the default run."""
    return settings(
        max_examples=examples * TIMES,
        derandomize=TIMES == 1,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        stateful_step_count=steps,
    )
