"""The work that a new voter does where very many come from one network (ALTCHA, version 2)."""

from __future__ import annotations

import asyncio
from typing import Final

from altcha.v2 import Challenge, Payload, solve_challenge

from pollwire.errors import ApiError, Document

REQUIRED: Final = "challenge-required"
SOLVED_WITHIN_S: Final = 120.0
"""The hardest takes a slow machine some seconds."""


async def solution_of(refusal: ApiError) -> Document:
    """The body that answers the challenge in ``refusal``; found in a thread, while the loop goes on."""
    challenge = Challenge.from_dict(refusal.document["challenge"])
    found = await asyncio.to_thread(solve_challenge, challenge, timeout=SOLVED_WITHIN_S)
    if found is None:
        raise refusal
    return {"challenge": Payload(challenge, found).to_base64()}
