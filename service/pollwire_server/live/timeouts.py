"""Timeouts of live streams."""

from __future__ import annotations

from typing import Final, NamedTuple

HEARTBEAT_S: Final = 10.0
"""Silence after which a heartbeat is sent. A page that misses two of them knows within 25 s that its
connection is dead. Common proxies close connections after 30 or 60 s of silence."""
SEND_TIMEOUT_S: Final = 15.0
"""Time that a client may take to receive one message. Waiting is cheap, because newer frames only replace
each other. A slower client is better off with a new stream."""
CLOSE_TIMEOUT_S: Final = 5.0
"""Time that the end of a stream may take if the client does not read."""
CHECK_INTERVAL_S: Final = 5.0
"""Time between two timer checks of a fast-path socket. Its timeouts are accurate to within this."""
PING_S: Final = 10.0
"""Silence of the client after which a fast-path socket sends a ping. After twice the time it is aborted, so a
client that is gone holds its slot for at most 25 s."""


class StreamTimeouts(NamedTuple):
    """Timeouts of one stream, in seconds."""

    heartbeat_s: float = HEARTBEAT_S
    send_timeout_s: float = SEND_TIMEOUT_S
    close_timeout_s: float = CLOSE_TIMEOUT_S
    ping_s: float = PING_S
    check_interval_s: float = CHECK_INTERVAL_S
