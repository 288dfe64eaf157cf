"""Storage of polls and votes in Valkey or Redis. No other package imports ``redis``.

``open_store`` returns a ``Store``. Its repositories share one connection, one poll
cache and one tracker of positions.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Final

from pollwire_server.store.aof_rewrite import AofRewriter
from pollwire_server.store.durability_check import DurabilityMonitor
from pollwire_server.store.keys import issuer_voter_key_key
from pollwire_server.store.polls.audit_log import AuditLog
from pollwire_server.store.polls.cache import PollCache
from pollwire_server.store.polls.location import PollLocations
from pollwire_server.store.polls.repository import Polls
from pollwire_server.store.predictions.resolutions import Resolutions
from pollwire_server.store.predictions.series import SeriesStore
from pollwire_server.store.predictions.series_settings import SeriesSettings
from pollwire_server.store.rate_limits import RateLimiter
from pollwire_server.store.registries import CachedRegistry, LastUsedTracker
from pollwire_server.store.results.positions import PositionTracker
from pollwire_server.store.results.ranked import RankedResultReader
from pollwire_server.store.results.reader import ResultReader
from pollwire_server.store.results.timelines import Timelines
from pollwire_server.store.service_audit_log import ServiceAuditLog
from pollwire_server.store.transport.connection import StoreConnection
from pollwire_server.store.transport.notifications import ChangeNotifications
from pollwire_server.store.transport.url import REPLY_TIMEOUT_S
from pollwire_server.store.votes.ballot_scan import BallotScan
from pollwire_server.store.votes.ballots import Ballots
from pollwire_server.store.votes.purges import Purges
from pollwire_server.store.votes.recounts import Recounts
from pollwire_server.store.votes.vote_erasure import VoteEraser
from pollwire_server.store.webhooks.delivery_queue import DeliveryQueue
from pollwire_server.store.webhooks.outbox import Outbox

__all__ = ["Store", "open_store"]


class Store:
    """All repositories of the store over one connection."""

    def __init__(self, connection: StoreConnection) -> None:
        positions, cache = PositionTracker(), PollCache(connection.namespace)
        self.locations: Final = PollLocations(connection, cache)
        self.outbox: Final = Outbox(connection, cache, self.locations)
        self.connection: Final = connection
        self.durability_monitor: Final = DurabilityMonitor(connection)
        self.results: Final = ResultReader(connection, positions, cache)
        self.delivery_queue: Final = DeliveryQueue(connection)
        self.polls: Final = Polls(
            connection, positions, cache, self.results, outbox=self.outbox, locations=self.locations
        )
        self.ballots: Final = Ballots(connection, positions)
        self.ranked_results: Final = RankedResultReader(connection, positions, cache)
        self.timelines: Final = Timelines(connection, positions, cache)
        self.recounts: Final = Recounts(connection, cache)
        self.ballot_scan: Final = BallotScan(connection)
        self.audit_log: Final = AuditLog(connection, self.locations)
        self.series_settings: Final = SeriesSettings(connection)
        self.service_audit_log: Final = ServiceAuditLog(connection)
        self.resolutions: Final = Resolutions(connection, positions, cache, self.polls, self.series_settings)
        self.series: Final = SeriesStore(connection)
        self.aof_rewriter: Final = AofRewriter(connection)
        self.notifications: Final = ChangeNotifications(connection)
        self.api_keys: Final = CachedRegistry(connection, self.notifications, "api-keys")
        self.issuers: Final = CachedRegistry(connection, self.notifications, "issuers")
        self.webhooks: Final = CachedRegistry(connection, self.notifications, "webhooks")
        self.api_key_uses: Final = LastUsedTracker(connection, "api-keys")
        self.purges: Final = Purges(connection, positions, self.outbox)
        self.vote_eraser: Final = VoteEraser(self.polls, positions)
        self.voter_rate_limiter: Final = RateLimiter(connection, "voters")
        self.notifications.on_change(self.polls.on_change)
        self.notifications.on_gap(self.polls.on_gap)

    @property
    def background_tasks(self) -> tuple[Callable[[], Awaitable[None]], ...]:
        """Return the coroutines to run while the store is in use: notifications, checks, registries."""
        watchers = (self.notifications.run, self.durability_monitor.run)
        return *watchers, self.api_keys.run, self.issuers.run, self.webhooks.run, self.api_key_uses.run

    async def voters_key(self) -> bytes:
        """Return the 32 random bytes that turn subjects of external issuers into voter ids.

        The first call creates them for the lifetime of the store.
        """
        key = issuer_voter_key_key(self.connection.namespace)
        await self.connection.command("SET", key, secrets.token_bytes(32), "NX")
        stored: bytes = await self.connection.command("GET", key)
        return stored

    async def close(self) -> None:
        """Close all connections."""
        await self.resolutions.close()
        await self.series.close()
        await self.series_settings.close()
        await self.aof_rewriter.close()
        await self.connection.close()


async def open_store(url: str, namespace: str = "pw", *, reply_timeout_s: float = REPLY_TIMEOUT_S) -> Store:
    """Open the store at ``url``, and migrate data of an earlier version.

    Raises ``UnsupportedStore`` if the server cannot run the functions. A store that does not reply raises
    nothing here: calls raise ``StoreUnavailable`` until it replies. A reply, and a connection, may take
    ``reply_timeout_s``.
    """
    return Store(await StoreConnection.open(url, namespace=namespace, reply_timeout_s=reply_timeout_s))
