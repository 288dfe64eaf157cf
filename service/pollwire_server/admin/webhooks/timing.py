"""Timeouts, leases and retry delays of webhooks."""

from __future__ import annotations

from typing import Final, Self

import msgspec

PAUSES_S: Final = (5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
"""Delays before each retry, close to the recommendation of Standard Webhooks: three days in total."""

JITTER: Final = 0.2
"""Fraction of a delay, added or subtracted. It spreads the retries of webhooks that failed together."""


class WebhookTiming(msgspec.Struct, frozen=True):
    """Timing of webhooks, in milliseconds unless the name has ``_s``. Tests use ``accelerated`` timing."""

    progress_ms: int = 10_000
    """Minimum interval between two progress events of one poll."""
    answer_within_s: float = 12.0
    """Timeout of a whole request. Standard Webhooks recommends 15 to 30 s at most. No client waits for it."""
    lease_ms: int = 30_000
    """Lease of a claim. It is longer than any attempt, so that only the lease of a dead worker expires."""
    relay_lease_ms: int = 3_000
    """Lease of the relay. Another worker takes over from a dead one after this time."""
    scan_interval_s: float = 1.0
    pauses_ms: tuple[int, ...] = tuple(1000 * pause_s for pause_s in PAUSES_S)

    def accelerated(self, times: float) -> Self:
        """Return the timing divided by ``times``. Leases remain longer than the request timeout."""
        if times == 1:
            return self
        return msgspec.structs.replace(
            self,
            progress_ms=max(50, int(self.progress_ms / times)),
            answer_within_s=max(0.5, self.answer_within_s / times),
            lease_ms=max(800, int(self.lease_ms / times)),
            relay_lease_ms=max(300, int(self.relay_lease_ms / times)),
            scan_interval_s=max(0.02, self.scan_interval_s / times),
            pauses_ms=tuple(int(pause / times) for pause in self.pauses_ms),
        )

    def pause_after(self, tries: int, chance: float) -> int | None:
        """Return the delay after ``tries`` attempts (``chance`` from 0 to 1). None after the last one."""
        if tries > len(self.pauses_ms):
            return None
        return int(self.pauses_ms[tries - 1] * (1 - JITTER + 2 * JITTER * chance))
