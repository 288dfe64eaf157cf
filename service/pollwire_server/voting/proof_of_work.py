"""Proof of work for new voters of a network that has used up its rate limit.

A challenge is an ALTCHA challenge, version 2: find the number for which a PBKDF2-SHA-256 key has a given
prefix. The ``altcha`` library creates and verifies challenges in this process, without an external service. A
challenge is signed, so the service does not store it.

The difficulty grows with the network's excess: it doubles each time the network has used its full limit once
more. The first level takes a phone about a quarter of a second, the last some seconds. Stuffing a poll with
100,000 votes this way takes about one day of CPU time. Browsers compute PBKDF2 natively, so that an
attacker's machine is not 100 times faster than a voter's.

A challenge is bound to its network, its level and its time, so that challenges cannot be collected while they
are easy. It is valid for two minutes (five at the high levels), for the network that requested it, and while
the network's level is at most one higher. Each challenge costs the network a quarter of a token.

A solution can be used once across all workers, because the store records its use. The use is recorded before
the work is verified, so each verification costs the client one challenge. Solutions that are obviously wrong
are not verified at all. Verification takes a millisecond or two and runs in a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any, Final, NamedTuple, Protocol

from altcha.v2 import Payload, create_challenge, verify_solution

from pollwire_server.domain.errors import InvalidChoice
from pollwire_server.store.rate_limits import ANY_DEBT

MAX_LIFETIME_S: Final = 300
ALGORITHM: Final = "PBKDF2/SHA-256"
MAX_CONCURRENT_CHECKS: Final = 2
"""Solutions verified at the same time. Others wait without blocking the event loop."""
FIELD: Final = "challenge"


class Difficulty(NamedTuple):
    """Iterations of PBKDF2 for each attempt, and the key's prefix. Each digit is 16 times the work."""

    cost: int
    prefix: str
    lifetime_s: int = 120
    """From creation to use: long enough for a slow phone, short enough to make resale of solutions hard."""


LEVELS: Final = (
    Difficulty(1000, "00"),
    Difficulty(2000, "00"),
    Difficulty(4000, "00"),
    Difficulty(500, "000", MAX_LIFETIME_S),
    Difficulty(1000, "000", MAX_LIFETIME_S),
    Difficulty(2000, "000", MAX_LIFETIME_S),
)
MAX_LEVEL_RISE: Final = 1
"""A solution is accepted while the network's level is at most this much higher than the challenge's."""


class OneTimeStore(Protocol):
    """Interface of the store for one-time names."""

    async def use_once(self, name: bytes, lives_ms: int) -> bool:
        """Return True if ``name`` was not used before, and record its use for ``lives_ms``."""


class ProofOfWork:
    """Creator of challenges and verifier of their solutions."""

    def __init__(
        self, secrets: Sequence[str], one_time_store: OneTimeStore, clock: Callable[[], int]
    ) -> None:
        self._keys = tuple(_key_of(secret) for secret in secrets)
        self._one_time_store = one_time_store
        self._clock = clock
        self._check_slots = asyncio.Semaphore(MAX_CONCURRENT_CHECKS)

    def create(self, excess: float, network: bytes) -> dict[str, object]:
        """Create a challenge (a JSON object) for the network with this tag.

        ``excess`` is the network's use beyond its limit, in multiples of it.
        """
        number = min(int(excess), len(LEVELS) - 1)
        level = LEVELS[number]
        challenge = create_challenge(
            ALGORITHM,
            level.cost,
            key_prefix=level.prefix,
            expires_at=self._clock() // 1000 + level.lifetime_s,
            data={"level": number, "network": network.hex()},
            hmac_secret=self._keys[0],
        )
        return challenge.to_dict()

    async def verify(self, solution: str, network: bytes) -> int:
        """Return the debt that the solution pays for, in multiples of the limit.

        Raises ``InvalidChoice`` unless the solution is correct, not used before, and for this network. Raises
        ``StoreUnavailable``.
        """
        payload = _payload_of(solution)
        key = next((key for key in self._keys if _is_signed(payload, key)), None)
        if key is None or not _has_prefix(payload):
            raise _wrong("The solution is not for a recent challenge of this service.")
        data = payload.challenge.parameters.data or {}  # empty in challenges of the last version
        if data.get("network") != network.hex():
            raise _wrong("The challenge was created for another network.")
        nonce = bytes.fromhex(payload.challenge.parameters.nonce)
        if not await self._one_time_store.use_once(nonce, 2 * MAX_LIFETIME_S * 1000):
            raise _wrong("This solution was already used.")
        async with self._check_slots:
            result = await asyncio.to_thread(verify_solution, payload, key)
        if not result.verified:
            raise _wrong("The solution is wrong.")
        highest: int = data["level"] + MAX_LEVEL_RISE
        return highest + 1 if highest < len(LEVELS) - 1 else ANY_DEBT


def _wrong(detail: str) -> InvalidChoice:
    return InvalidChoice(f"{detail} Send the request without a solution to get a new challenge.", FIELD)


def _key_of(secret: str) -> bytes:
    return blake2b(secret.encode(), digest_size=32, person=b"challenge").digest()


def _payload_of(solution: str) -> Payload:
    try:
        return Payload.from_base64(solution)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _wrong("challenge must be an ALTCHA payload, version 2, in base64.") from None


def _is_signed(payload: Payload, key: bytes) -> bool:
    """Return True if this service created the challenge and it has not expired. Does not verify the work."""
    result = verify_solution(payload, key, derive_key=_no_work)
    return result.invalid_signature is False and not result.expired


def _no_work(parameters: Any, salt: bytes, password: bytes) -> bytes:  # Any: the library's types
    return b""


def _has_prefix(payload: Payload) -> bool:
    found = payload.solution.derived_key
    return isinstance(found, str) and found.startswith(payload.challenge.parameters.key_prefix)
