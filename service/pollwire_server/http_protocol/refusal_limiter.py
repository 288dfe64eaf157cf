"""Rate limiter for refused and pipelined requests of a network.

A request that is refused before its client is identified counts towards no other limit, and may cost as much
as a vote. So refusals have a bucket of their own for each network (GCRA, see ``domain/rate_limit.py``).
Beyond it nothing is refused: the connection that was refused is read later. Its network gets
``REFUSAL_LIMIT`` in total, however many connections it uses. Other connections of the network are not
delayed. New ones are read ``NEW_CONNECTION_DELAY_S`` later while the network is beyond its limit, or a client
could reconnect at once.

Requests that are pipelined behind another count as well: a segment of 250 KB may hold thousands of them, and
neither browsers nor proxies pipeline.

Each worker counts on its own, in memory. The connections of trusted proxies are not delayed, because each
carries the requests of many clients. There, the proxy must limit requests.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from pollwire_server.domain.rate_limit import RateLimit

REFUSAL_LIMIT: Final = RateLimit(200, 2)
"""Refusals of a network: 200 at once (a tenth of a second of work), then 100 a second."""
MAX_DELAY_S: Final = 10.0
"""Longest delay. A client that has made one mistake must not wait for all of another one's."""
COUNTED_STATUSES: Final = frozenset({400, 401, 404, 405, 411, 413, 414, 415, 422, 431})
"""Refusals of a request itself. 403, 409 and 429 also happen to a large audience that does nothing wrong."""
NEW_CONNECTION_DELAY_S: Final = 1.0
PIPELINED_BEYOND_LIMIT: Final = 4
"""Requests that may wait on a connection of a network beyond its limit."""
MAX_NETWORKS: Final = 10_000


class RefusalLimiter:
    """Computes the delay after each refusal. ``limit`` None disables it."""

    __slots__ = ("_clock", "_full_at_ms", "_limit")

    def __init__(self, limit: RateLimit | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._full_at_ms: dict[bytes, float] = {}

    def count(self, network: bytes) -> float:
        """Count a refusal of the network. Return the delay (s) until its next request may be read."""
        limit = self._limit
        if limit is None:
            return 0.0
        now_ms, buckets = self._clock() * 1000, self._full_at_ms
        after_ms = max(buckets.get(network, 0.0), now_ms) + limit.interval_ms
        if network not in buckets and len(buckets) >= MAX_NETWORKS:
            self._forget_full_buckets(now_ms)
        wait_ms = min(after_ms - now_ms - limit.period_ms, MAX_DELAY_S * 1000)
        buckets[network] = now_ms + limit.period_ms + wait_ms
        return max(0.0, wait_ms) / 1000

    def debt_s(self, network: bytes) -> float:
        """Return the time (s) until the network is within its limit again. Counts nothing."""
        limit = self._limit
        if limit is None or network not in self._full_at_ms:
            return 0.0
        return max(0.0, self._full_at_ms[network] / 1000 - self._clock() - limit.seconds)

    def _forget_full_buckets(self, now_ms: float) -> None:
        """Delete the buckets that are full. If there are none, delete all, which forgives at most a burst."""
        buckets = self._full_at_ms
        for network in [network for network, full_at_ms in buckets.items() if full_at_ms <= now_ms]:
            del buckets[network]
        if len(buckets) >= MAX_NETWORKS:
            buckets.clear()
