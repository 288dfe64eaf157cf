"""One deadline for all that one request asks of the store, however many calls that takes.

Each call is bounded by itself (``connection``), but a store that is only just
alive could use that bound up twice in one request; nobody is to wait longer
than a second to learn that it has to be asked again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from pollwire_server.domain.errors import StoreUnavailable

REQUEST_WITHIN_S: Final = 0.9
"""More than one call's bound, by which a dead store is noticed; the answer is out within a second."""


@asynccontextmanager
async def request_deadline() -> AsyncIterator[None]:
    """Raises ``StoreUnavailable`` when the block is not done in time; what it asked for may yet happen."""
    try:
        async with asyncio.timeout(REQUEST_WITHIN_S):
            yield
    except TimeoutError:
        raise StoreUnavailable from None
