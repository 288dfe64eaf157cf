"""How long anything about webhooks may take, and how long it waits."""

from __future__ import annotations

from typing import Final, Self

import msgspec

PAUSES_S: Final = (5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
"""Before each try after the first, much as the convention recommends: three days in all."""

JITTER: Final = 0.2
"""Of a pause, more or less, so that sites that failed together are not all tried together."""


class WebhookTiming(msgspec.Struct, frozen=True):
    """Milliseconds, save where the name says seconds; tests are in more of a hurry (``hurried``)."""

    progress_ms: int = 10_000
    """The least pause between two events that tell how the vote of one poll goes on."""
    answer_within_s: float = 12.0
    """A site's whole answer: the convention recommends 15 to 30 s at most; nobody waits for these."""
    lease_ms: int = 30_000
    """A claim's; longer than any try takes, so that only a dead worker's runs out."""
    turn_ms: int = 3_000
    """The relay's; a dead worker's is taken over after this."""
    look_every_s: float = 1.0
    pauses_ms: tuple[int, ...] = tuple(1000 * pause_s for pause_s in PAUSES_S)

    def accelerated(self, times: float) -> Self:
        """All that waits, so many times as fast; a lease still lasts longer than an answer may take."""
        if times == 1:
            return self
        return msgspec.structs.replace(
            self,
            progress_ms=max(50, int(self.progress_ms / times)),
            answer_within_s=max(0.5, self.answer_within_s / times),
            lease_ms=max(800, int(self.lease_ms / times)),
            turn_ms=max(300, int(self.turn_ms / times)),
            look_every_s=max(0.02, self.look_every_s / times),
            pauses_ms=tuple(int(pause / times) for pause in self.pauses_ms),
        )

    def pause_after(self, tries: int, chance: float) -> int | None:
        """How long to wait after so many tries (``chance`` from 0 to 1); None: that was the last."""
        if tries > len(self.pauses_ms):
            return None
        return int(self.pauses_ms[tries - 1] * (1 - JITTER + 2 * JITTER * chance))
