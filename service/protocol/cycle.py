"""What stands where uvicorn keeps the cycle of its newest request, while a lane has that request."""

from __future__ import annotations


class _NullEvent:
    """Stands for the cycle's event, which only an ASGI task would wait for."""

    __slots__ = ()

    def set(self) -> None: ...


class FastPathCycle:
    """The request in a lane, of the shape in which uvicorn looks at its cycles; one a connection."""

    __slots__ = ("disconnected", "keep_alive", "response_complete")

    message_event = _NullEvent()
    response_started = False

    def __init__(self) -> None:
        self.disconnected = False
        self.keep_alive = True
        self.response_complete = True
