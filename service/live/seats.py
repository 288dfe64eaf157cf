"""How many streams one address may have open: a count for each address, kept only where there is a limit.

Each worker counts its own. The kernel spreads one address's connections over the workers by chance, so a
limit divided among them would refuse somebody who is well below it; counted together in the store, every
handshake would wait for a round trip.
"""

from __future__ import annotations

from typing import Final

from service.domain.errors import Overloaded, PollwireError

COME_BACK_AFTER_S: Final = 10


class ConnectionLimitExceeded(Overloaded):
    """This address has as many streams open as it may."""

    def __init__(self) -> None:
        PollwireError.__init__(
            self, "Too many streams are open from this address; close some, or come back a little later."
        )
        self.retry_after_s = COME_BACK_AFTER_S


class ConnectionLimiter:
    """Who has how many streams; ``most`` for one address, None for any number."""

    __slots__ = ("_most", "_taken")

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._taken: dict[bytes, int] = {}

    def acquire(self, address: bytes) -> bool:
        """Whether there was a seat, to be left at the stream's end; an unknown address always finds one."""
        if self._most is None or not address:
            return True
        taken = self._taken.get(address, 0)
        if taken >= self._most:
            return False
        self._taken[address] = taken + 1
        return True

    def release(self, address: bytes) -> None:
        """One stream less."""
        if self._most is None or not address:
            return
        if self._taken[address] == 1:
            del self._taken[address]
        else:
            self._taken[address] -= 1

    def __len__(self) -> int:
        return len(self._taken)
