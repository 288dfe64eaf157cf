"""Retry delays: exponential backoff with full jitter, limited by ``patience_s``.

Full jitter draws each pause evenly from zero to the bound. It spreads the
clients of a service that has restarted. The bound doubles, so that clients do
not overload a service that stays unavailable. A pause that the service requests
(``Retry-After``, ``after_ms``) is the minimum: jitter only makes it longer.
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import Final

FIRST_BOUND_S: Final = 0.1
LAST_BOUND_S: Final = 5.0


class Backoff:
    """Pauses between the attempts of one call, until ``patience_s`` (None: no limit) is used up."""

    def __init__(self, patience_s: float | None) -> None:
        self._bound_s = FIRST_BOUND_S
        self._begun_at = time.monotonic()
        self._deadline = None if patience_s is None else self._begun_at + patience_s

    def never_give_up(self) -> None:
        """Remove the time limit from now on."""
        self._deadline = None

    async def pause(self, at_least_s: float = 0.0) -> bool:
        """Wait before the next attempt. Return False at once if the time limit would end first."""
        now = time.monotonic()
        if now - self._begun_at > LAST_BOUND_S:  # the last attempt lasted, so this is a new failure
            self._bound_s = FIRST_BOUND_S
        pause_s = at_least_s + random.uniform(0, self._bound_s)
        if self._deadline is not None and now + pause_s > self._deadline:
            return False
        self._bound_s = min(self._bound_s * 2, LAST_BOUND_S)
        await asyncio.sleep(pause_s)
        self._begun_at = time.monotonic()
        return True
