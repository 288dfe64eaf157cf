"""Proof of work for new voters of a network that already had its share: a price instead of a refusal.

A challenge is ALTCHA's (version 2): find the number under which PBKDF2-SHA-256 begins as asked. It is made
and checked by that project's library, here, with no other service: one that is posed is signed and not
remembered.

How hard it is grows with what the network owes: each time it has had its whole allowance once more, twice the
work. The first level is a quarter of a second of a telephone, the last some seconds; to stuff a poll with
100,000 votes that way takes a day of a processor. PBKDF2 is what browsers compute natively, so that an
attacker's machine is not a hundred times as quick as a voter's.

A solution is good once, for all workers (it is spent in the store) and for five minutes. It is spent before
the work is checked: to make us check takes a challenge each time, and what plainly cannot be right is not
checked at all. The check itself (a millisecond or two) runs in a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any, Final, NamedTuple, Protocol

from altcha.v2 import Payload, create_challenge, verify_solution

from pollwire_server.domain.errors import InvalidChoice

LIFETIME_S: Final = 300
"""From being posed to being spent: time enough for a slow telephone, and a short life for what is sold on."""
ALGORITHM: Final = "PBKDF2/SHA-256"
MOST_AT_ONCE: Final = 2
"""Solutions checked at one time; the others wait, and the loop does not."""
FIELD: Final = "challenge"


class Difficulty(NamedTuple):
    """Rounds of PBKDF2 for each attempt, and how the right one's key begins (16 times the work a digit)."""

    cost: int
    prefix: str


LEVELS: Final = (
    Difficulty(1000, "00"),
    Difficulty(2000, "00"),
    Difficulty(4000, "00"),
    Difficulty(500, "000"),
    Difficulty(1000, "000"),
    Difficulty(2000, "000"),
)


class OneTimeStore(Protocol):
    """What the challenges need of the store (``service.store.allowances.Allowances``)."""

    async def use_once(self, name: bytes, lives_ms: int) -> bool:
        """Whether nobody has spent ``name`` before."""


class ProofOfWork:
    """Poses challenges and checks their solutions."""

    def __init__(self, secrets: Sequence[str], spends: OneTimeStore, clock: Callable[[], int]) -> None:
        self._keys = tuple(_key_of(secret) for secret in secrets)
        self._spends = spends
        self._clock = clock
        self._checking = asyncio.Semaphore(MOST_AT_ONCE)

    def create(self, owed: float) -> dict[str, object]:
        """A challenge as JSON has it, for a network that owes so many whole allowances."""
        level = LEVELS[min(int(owed), len(LEVELS) - 1)]
        posed = create_challenge(
            ALGORITHM,
            level.cost,
            key_prefix=level.prefix,
            expires_at=self._clock() // 1000 + LIFETIME_S,
            hmac_secret=self._keys[0],
        )
        return posed.to_dict()

    async def verify(self, solution: str) -> None:
        """Passes for the first use of a right one. Raises ``InvalidChoice`` and ``StoreUnavailable``."""
        payload = _payload_of(solution)
        key = next((key for key in self._keys if _is_signed(payload, key)), None)
        if key is None or not _may_be_right(payload):
            raise _wrong("This is no solution of a challenge that was posed here in the last minutes.")
        nonce = bytes.fromhex(payload.challenge.parameters.nonce)
        if not await self._spends.use_once(nonce, 2 * LIFETIME_S * 1000):
            raise _wrong("This solution was used before.")
        async with self._checking:
            checked = await asyncio.to_thread(verify_solution, payload, key)
        if not checked.verified:
            raise _wrong("This does not solve the challenge.")


def _wrong(detail: str) -> InvalidChoice:
    return InvalidChoice(f"{detail} Ask without one to be posed another.", FIELD)


def _key_of(secret: str) -> bytes:
    return blake2b(secret.encode(), digest_size=32, person=b"challenge").digest()


def _payload_of(solution: str) -> Payload:
    try:
        return Payload.from_base64(solution)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _wrong("challenge must be an ALTCHA payload of version 2, in base64.") from None


def _is_signed(payload: Payload, key: bytes) -> bool:
    """Whether the challenge was posed here and has not expired; without the work being checked."""
    looked_at = verify_solution(payload, key, derive_key=_no_work)
    return looked_at.invalid_signature is False and not looked_at.expired


def _no_work(parameters: Any, salt: bytes, password: bytes) -> bytes:  # Any: as the library types it
    return b""


def _may_be_right(payload: Payload) -> bool:
    found = payload.solution.derived_key
    return isinstance(found, str) and found.startswith(payload.challenge.parameters.key_prefix)
