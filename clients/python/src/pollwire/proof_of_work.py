"""Proof of work (ALTCHA, version 2), required of new voters when very many come from one network."""

from __future__ import annotations

import asyncio
from typing import Final

from altcha.v2 import Challenge, Payload, solve_challenge

from pollwire.errors import ApiError, Document

REQUIRED: Final = "challenge-required"
SOLVED_WITHIN_S: Final = 120.0
"""The hardest challenge takes some seconds on a slow machine."""


async def solution_of(error: ApiError) -> Document:
    """Solve the challenge in ``error``. Return the body that contains the solution.

    The solver runs in a thread, so it does not block the event loop. Raises ``error`` on timeout.
    """
    challenge = Challenge.from_dict(error.document["challenge"])
    found = await asyncio.to_thread(solve_challenge, challenge, timeout=SOLVED_WITHIN_S)
    if found is None:
        raise error
    return {"challenge": Payload(challenge, found).to_base64()}
