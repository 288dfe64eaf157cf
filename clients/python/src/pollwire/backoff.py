"""When a client tries again: exponential backoff with full jitter, within the caller's patience.

Full jitter (each pause drawn evenly from zero to the bound) spreads the
clients of a service that comes back; a bound that doubles keeps them from
hammering one that does not. A pause that the service asks for
(``Retry-After``, ``after_ms``) is kept and jittered upwards only.
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import Final

FIRST_BOUND_S: Final = 0.1
LAST_BOUND_S: Final = 5.0


class Backoff:
    """The pauses of one attempt after another, until ``patience_s`` (None: for ever) is used up."""

    def __init__(self, patience_s: float | None) -> None:
        self._bound_s = FIRST_BOUND_S
        self._begun_at = time.monotonic()
        self._deadline = None if patience_s is None else self._begun_at + patience_s

    def never_give_up(self) -> None:
        """From now on patience is endless."""
        self._deadline = None

    async def pause(self, at_least_s: float = 0.0) -> bool:
        """Waits for the next attempt; False, at once, where patience would end first."""
        now = time.monotonic()
        if now - self._begun_at > LAST_BOUND_S:  # the last attempt held for a while, so this is a new trouble
            self._bound_s = FIRST_BOUND_S
        pause_s = at_least_s + random.uniform(0, self._bound_s)
        if self._deadline is not None and now + pause_s > self._deadline:
            return False
        self._bound_s = min(self._bound_s * 2, LAST_BOUND_S)
        await asyncio.sleep(pause_s)
        self._begun_at = time.monotonic()
        return True
