"""Recorder of the audit log of the service.

An entry is appended to the chain and written as a log line with its hash. If the store is unavailable, the
line has no hash. The entry then waits in memory and is appended later, in order. The action itself has
happened by then, so its response does not fail.

Frequent actions (rejected API keys, tickets of operators) are counted, and written once in ``COUNT_EVERY_S``.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from pollwire_server.auth.api_keys import Operator
from pollwire_server.auth.client_address import ClientAddress
from pollwire_server.auth.network_tags import tag_of
from pollwire_server.domain.errors import PollwireError
from pollwire_server.domain.service_audit import (
    SERVICE,
    Actor,
    AuditAct,
    NewAuditEntry,
    ServiceAuditEntry,
    chained,
    totals_hash,
)
from pollwire_server.domain.timestamps import format_timestamp
from pollwire_server.store import Store

log = logging.getLogger("pollwire.audit")

COUNT_EVERY_S: Final = 60.0
FLUSH_EVERY_S: Final = 1.0
MAX_WAITING: Final = 10_000
"""Entries that wait for the store. Beyond that the oldest is dropped; its log line exists."""
MAX_NETWORKS: Final = 10
"""Networks that one entry about rejected keys names."""
MAX_COUNTED_NETWORKS: Final = 10_000


OnEntry = Callable[[ServiceAuditEntry], Awaitable[None]]
"""Called with each stored entry. Must not raise."""
_numbers = itertools.count()


async def _ignore(_entry: ServiceAuditEntry) -> None:
    pass


class AuditTrail:
    """Records the actions of operators in one process. ``network_key`` is the key of network tags."""

    def __init__(
        self,
        store: Store,
        network_key: bytes,
        on_entry: OnEntry = _ignore,
        *,
        count_every_s: float = COUNT_EVERY_S,
    ) -> None:
        self._store = store
        self._on_entry = on_entry
        self._network_key = network_key
        self._count_every_s = count_every_s
        self._waiting: deque[tuple[NewAuditEntry, int]] = deque(maxlen=MAX_WAITING)
        self._append_lock = asyncio.Lock()
        self._rejected: Counter[str] = Counter()
        self._tickets: Counter[Actor] = Counter()

    async def record(
        self, act: AuditAct | str, operator: Operator | None, target: object = "", **detail: object
    ) -> None:
        """Record an action. ``operator`` is None for the service itself. Never raises ``PollwireError``."""
        by = SERVICE if operator is None else actor_of(operator)
        await self._record(NewAuditEntry(str(act), by, str(target), detail))

    async def record_for_poll(
        self, act: AuditAct | str, operator: Operator, poll_id: str, **detail: object
    ) -> None:
        """Record an action on a poll, with a hash of its totals after it."""
        with contextlib.suppress(PollwireError):
            reading = (await self._store.results.read_many([poll_id]))[poll_id]
            if not isinstance(reading, PollwireError):
                detail["totals"] = totals_hash(poll_id, reading.tally)
        await self.record(act, operator, poll_id, **detail)

    def count_rejected_key(self, client: ClientAddress) -> None:
        """Count a request with an invalid API key."""
        tag = tag_of(self._network_key, client.network).hex() if client.address else "unknown"
        if tag in self._rejected or len(self._rejected) < MAX_COUNTED_NETWORKS:
            self._rejected[tag] += 1

    def count_ticket(self, operator: Operator) -> None:
        """Count a ticket that an operator's key was given."""
        self._tickets[actor_of(operator)] += 1

    async def run(self) -> None:
        """Write counted actions and waiting entries, until cancelled."""
        loop = asyncio.get_running_loop()
        counted_s = loop.time()
        try:
            while True:
                await asyncio.sleep(min(FLUSH_EVERY_S, self._count_every_s))
                if loop.time() - counted_s >= self._count_every_s:
                    counted_s = loop.time()
                    await self._write_counts()
                await self._append_waiting()
        finally:
            await self._write_counts()

    async def _write_counts(self) -> None:
        rejected, self._rejected = self._rejected, Counter()
        tickets, self._tickets = self._tickets, Counter()
        if rejected:
            networks = [{"network": tag, "count": n} for tag, n in rejected.most_common(MAX_NETWORKS)]
            await self.record(AuditAct.KEYS_REJECTED, None, count=rejected.total(), networks=networks)
        for actor, count in tickets.items():
            await self._record(NewAuditEntry(AuditAct.TICKETS_ISSUED, actor, actor.id, {"count": count}))

    async def _record(self, entry: NewAuditEntry) -> None:
        at = time.time_ns() // 1_000_000
        with contextlib.suppress(PollwireError):
            at = await self._store.polls.now()
        self._waiting.append((entry, at))
        await self._append_waiting()
        if (entry, at) in self._waiting:
            _log(chained(entry, n=0, at=format_timestamp(at), previous=""), is_stored=False)

    async def _append_waiting(self) -> None:
        async with self._append_lock:
            with contextlib.suppress(PollwireError):
                while self._waiting:
                    entry, at = self._waiting[0]
                    document = await self._store.service_audit_log.append(entry, at)
                    self._waiting.popleft()
                    _log(document, is_stored=True)
                    await self._on_entry(document)


def _log(entry: ServiceAuditEntry, *, is_stored: bool) -> None:
    """Write the entry as a log line. The throttle of repeated lines never omits it."""
    target = f" on {entry.target}" if entry.target else ""
    text = f"Audit: {entry.act} by {entry.by.name}{target}"
    fields = {"subject": next(_numbers), "fields": {"audit": msgspec.to_builtins(entry)}}
    if is_stored:
        log.info("%s, entry %d", text, entry.n, extra=fields)
    else:
        log.warning("%s, not stored yet", text, extra=fields)


def actor_of(operator: Operator) -> Actor:
    """Return the actor in the audit log."""
    return Actor(operator.key_id, operator.name)
