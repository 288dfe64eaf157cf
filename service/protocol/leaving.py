"""Clients who leave while they are being answered: what is still said to them goes nowhere, and is no error.

Where a write finds the client gone, the event loop closes the transport at once, but tells the protocol
only in its next turn. An answer that is written in between (of a request that was pipelined behind, say)
would raise on a closed transport and be logged as a failure of ours.
"""

from __future__ import annotations

import asyncio

from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, ASGISendEvent, Scope
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


def _ignore_after_disconnect(
    app: ASGI3Application, cycle: RequestResponseCycle, transport: asyncio.Transport
) -> ASGI3Application:
    """The application, for one request: its cycle learns before each message whether the client is gone."""

    async def answering(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        async def send_unless_gone(message: ASGISendEvent) -> None:
            if transport.is_closing():
                cycle.disconnected = True
            await send(message)

        await app(scope, receive, send_unless_gone)

    return answering
