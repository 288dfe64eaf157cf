"""How long the fuzz goes on: the same short run every time, or a long one that looks elsewhere each time.

``POLLWIRE_FUZZ=20 make test PYTEST="tests/fuzz"`` tries twenty times as much,
at random; what it finds is printed as hypothesis prints it.
"""

from __future__ import annotations

import os
from typing import Final

from hypothesis import HealthCheck, settings

TIMES: Final = max(1, int(os.environ.get("POLLWIRE_FUZZ", "1")))
"""How many times the usual effort; above 1 runs are no longer seeded."""


def effort(examples: int, *, steps: int = 50) -> settings:
    """The settings of a property that is tried ``examples`` times in the usual run, in so many steps."""
    return settings(
        max_examples=examples * TIMES,
        derandomize=TIMES == 1,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        stateful_step_count=steps,
    )
