"""One deadline for all store calls of one request, however many there are.

Each call has its own bound (``connection``). A very slow store could use that bound twice in one request. A
client must learn within a second that it has to retry.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from pollwire_server.domain.errors import StoreUnavailable

REQUEST_TIMEOUT_S: Final = 0.9
"""Not less than the bound of one call (``CALL_TIMEOUT_S``), and short enough for a response within a
second."""


@asynccontextmanager
async def request_deadline() -> AsyncIterator[None]:
    """Raise ``StoreUnavailable`` if the block exceeds the deadline.

    Calls that were sent may still take effect.
    """
    try:
        async with asyncio.timeout(REQUEST_TIMEOUT_S):
            yield
    except TimeoutError:
        raise StoreUnavailable from None
