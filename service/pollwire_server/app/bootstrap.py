"""Composition root: creates the services of one process and passes them to one another."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from pollwire_server.admin import audit_routes, credential_routes
from pollwire_server.admin import routes as admin_routes
from pollwire_server.admin import series as admin_series
from pollwire_server.admin.api_keys import ApiKeyAdmin
from pollwire_server.admin.audit_trail import AuditTrail
from pollwire_server.admin.bulk_votes import BulkVoteService
from pollwire_server.admin.issuers import IssuerAdmin
from pollwire_server.admin.polls import PollAdmin
from pollwire_server.admin.predictions import PredictionAdmin
from pollwire_server.admin.retention import Retention
from pollwire_server.admin.series import SeriesAdmin
from pollwire_server.admin.webhooks import routes as webhook_routes
from pollwire_server.admin.webhooks.audit_events import AuditEvents
from pollwire_server.admin.webhooks.delivery_worker import DeliveryWorker
from pollwire_server.admin.webhooks.http_sender import WebhookSender
from pollwire_server.admin.webhooks.outbox_relay import OutboxRelay
from pollwire_server.admin.webhooks.registry import WebhookRegistry
from pollwire_server.admin.webhooks.secret_encryption import SecretBox
from pollwire_server.admin.webhooks.service import WebhookAdmin
from pollwire_server.admin.webhooks.timing import WebhookTiming
from pollwire_server.app import health as health_routes
from pollwire_server.app.gauge_collector import GaugeCollector
from pollwire_server.app.http_exchange import is_streaming_upload
from pollwire_server.app.litestar_app import BackgroundTask, create_litestar_app
from pollwire_server.app.middleware import ApiMiddleware
from pollwire_server.app.openapi import routes as openapi_routes
from pollwire_server.auth.api_keys import ApiKeyAuthenticator
from pollwire_server.auth.client_address import ClientAddress, ClientAddressResolver
from pollwire_server.auth.cors import CorsPolicy
from pollwire_server.auth.issuers import IssuerTokenVerifier
from pollwire_server.auth.jwks import JwksCache
from pollwire_server.auth.network_tags import network_key
from pollwire_server.auth.origins import OriginPolicy
from pollwire_server.auth.poll_origins import PollOriginPolicy
from pollwire_server.auth.tickets import Tickets
from pollwire_server.auth.voter_tokens import VoterTokens
from pollwire_server.http_protocol import FastPathRouter, WebSocketAcceptor
from pollwire_server.http_protocol.connection_table import ConnectionTable, max_connections
from pollwire_server.http_protocol.refusal_limiter import REFUSAL_LIMIT, RefusalLimiter
from pollwire_server.live import routes as live_routes
from pollwire_server.live.connection_limits import ConnectionLimiter
from pollwire_server.live.fast_path.router import LiveFastPath
from pollwire_server.live.hub import Hub
from pollwire_server.live.read_access import ReadAccess
from pollwire_server.live.result_feed import ResultFeed
from pollwire_server.live.result_responses import ResultResponses
from pollwire_server.live.stream_session import LiveContext
from pollwire_server.live.timeouts import StreamTimeouts
from pollwire_server.outbound.url_guard import AllowList
from pollwire_server.settings import Settings
from pollwire_server.store import Store
from pollwire_server.voting import routes as voting_routes
from pollwire_server.voting import series_routes
from pollwire_server.voting.fast_path import VotingFastPath
from pollwire_server.voting.own_votes import OwnVotes
from pollwire_server.voting.proof_of_work import ProofOfWork
from pollwire_server.voting.receipts import Receipts
from pollwire_server.voting.registration import VoterRegistration
from pollwire_server.voting.registration_limiter import RegistrationLimiter
from pollwire_server.voting.series_service import SeriesService
from pollwire_server.voting.vote_batcher import VoteBatcher
from pollwire_server.voting.vote_service import VoteService
from pollwire_server.voting.voter_resolver import VoterResolver
from pollwire_server.web import routes as web_routes


class ServiceContainer(msgspec.Struct, frozen=True):
    """The application, and the services that the server uses directly for the fast path and the shutdown."""

    app: ASGIApp
    vote_service: VoteService
    read_access: ReadAccess
    hub: Hub
    feed: ResultFeed
    health: health_routes.Health
    fast_path_routers: tuple[FastPathRouter, ...]
    websocket_acceptor: WebSocketAcceptor
    client_addresses: ClientAddressResolver
    is_streaming_upload: Callable[[bytes, bytes], bool]
    connection_share: int | None
    """Connections of one network, as in ``ConnectionTable``."""
    refusals: RefusalLimiter
    cors: CorsPolicy

    async def drain(self, spread_ms: int) -> None:
        """Start draining: ``/readyz`` fails at once, and streams are asked to reconnect at random moments."""
        self.health.is_draining = True
        await self.hub.drain(spread_ms)


class _AuthComponents(NamedTuple):
    """The services that identify clients and decide what they may do."""

    api_keys: ApiKeyAuthenticator
    origins: OriginPolicy
    cors: CorsPolicy
    poll_origins: PollOriginPolicy
    tokens: VoterTokens
    issuers: IssuerTokenVerifier
    tickets: Tickets
    client_addresses: ClientAddressResolver


class _Audit(NamedTuple):
    """The audit trail, and the registry and the wake-up event of the webhooks that receive its entries."""

    webhooks: WebhookRegistry
    wake: asyncio.Event
    trail: AuditTrail


def build(settings: Settings, store: Store) -> ServiceContainer:
    """Create the service over an open store. The application's lifespan runs the background tasks."""
    key_sets = JwksCache(settings.jwks_allow, allows_loopback=settings.jwks_loopback)
    auth = _auth_components(settings, store, key_sets)
    hub = Hub()
    feed = ResultFeed(store, hub, stream_hz=settings.stream_hz)
    read_access = _read_access(store, feed, hub, auth)
    live = LiveContext(
        read_access, feed, hub, StreamTimeouts(), _connection_limiter(settings), RefusalLimiter(REFUSAL_LIMIT)
    )
    result_responses = ResultResponses(read_access, settings.results_max_age_s)
    live_fast_path = LiveFastPath(live, result_responses)
    health = health_routes.Health(store, auth.client_addresses)
    batcher = VoteBatcher(store.ballots.with_rate_limit(settings.limit_votes))
    audit = _audit(settings, store)
    vote_service, voting_fast_path, voting_handlers = _voting(settings, store, auth, batcher, audit.trail)
    gauges = GaugeCollector(hub, batcher, store)
    webhook_tasks, webhook_handlers = _webhooks(settings, store, auth, audit)
    routes = [
        *voting_handlers,
        *live_routes.handlers(live, result_responses),
        *admin_routes.handlers(
            PollAdmin(store),
            PredictionAdmin(store),
            auth.api_keys,
            BulkVoteService(store),
            store,
            reads_receipts=Receipts(settings.secrets).read,
            trail=audit.trail,
        ),
        *admin_series.handlers(SeriesAdmin(store), auth.api_keys, audit.trail),
        *_credential_handlers(store, key_sets, auth, audit.trail),
        *webhook_handlers,
        *web_routes.handlers(settings, store),
        *health_routes.handlers(health, auth.api_keys),
        *openapi_routes.handlers(),
    ]
    retention = Retention(store, settings.retention_days)
    background_tasks = (
        *store.background_tasks,
        retention.run,
        auth.issuers.run,
        feed.run,
        read_access.run,
        health.run,
        gauges.run,
        audit.trail.run,
        *webhook_tasks,
    )
    app = _middleware(create_litestar_app(routes, background_tasks), auth, audit.trail.count_rejected_key)
    return ServiceContainer(
        app=app,
        vote_service=vote_service,
        read_access=read_access,
        hub=hub,
        feed=feed,
        health=health,
        fast_path_routers=(voting_fast_path, live_fast_path),
        websocket_acceptor=live_fast_path,
        client_addresses=auth.client_addresses,
        is_streaming_upload=is_streaming_upload,
        connection_share=settings.limit_connections,
        refusals=live.refusals,
        cors=auth.cors,
    )


def _middleware(
    app: Litestar, auth: _AuthComponents, on_rejected_key: Callable[[ClientAddress], None]
) -> ApiMiddleware:
    return ApiMiddleware(
        app,
        api_keys=auth.api_keys,
        cors=auth.cors,
        poll_origins=auth.poll_origins,
        client_addresses=auth.client_addresses,
        on_rejected_key=on_rejected_key,
    )


def _auth_components(settings: Settings, store: Store, key_sets: JwksCache) -> _AuthComponents:
    origins = OriginPolicy(settings)
    return _AuthComponents(
        api_keys=ApiKeyAuthenticator(settings.admin_key, store.api_keys, store.api_key_uses),
        origins=origins,
        cors=CorsPolicy(origins),
        poll_origins=PollOriginPolicy(origins, store),
        tokens=VoterTokens(settings.secrets, wall_clock),
        issuers=IssuerTokenVerifier(store.issuers, key_sets),
        tickets=Tickets(settings.secrets, wall_clock),
        client_addresses=ClientAddressResolver(settings.trusted_proxies, settings.forwarded_header),
    )


def _read_access(store: Store, feed: ResultFeed, hub: Hub, auth: _AuthComponents) -> ReadAccess:
    return ReadAccess(
        store,
        feed,
        hub,
        poll_origins=auth.poll_origins,
        tokens=auth.tokens,
        tickets=auth.tickets,
        api_keys=auth.api_keys,
        issuers=auth.issuers,
    )


def _voting(
    settings: Settings, store: Store, auth: _AuthComponents, batcher: VoteBatcher, trail: AuditTrail
) -> tuple[VoteService, VotingFastPath, list[HTTPRouteHandler]]:
    receipts = Receipts(settings.secrets)
    voter_resolver = VoterResolver(auth.tokens, auth.issuers, is_https=auth.origins.is_public_url_encrypted)
    vote_service = VoteService(
        polls=store.polls,
        batcher=batcher,
        voter_resolver=voter_resolver,
        receipts=receipts,
        rate_limit=settings.limit_votes,
        set_display_name=store.series.set_display_name,
    )
    own_votes = OwnVotes(
        polls=store.polls,
        ballots=store.ballots,
        voter_resolver=voter_resolver,
        receipts=receipts,
        vote_eraser=store.vote_eraser,
        results=store.results,
    )
    registration = VoterRegistration(
        voter_resolver=voter_resolver,
        tokens=auth.tokens,
        tickets=auth.tickets,
        api_keys=auth.api_keys,
        origins=auth.origins,
        limiter=_registration_limiter(settings, store),
        on_operator_ticket=trail.count_ticket,
    )
    handlers = [
        *voting_routes.handlers(
            vote_service=vote_service,
            own_votes=own_votes,
            registration=registration,
            polls=store.polls,
            poll_origins=auth.poll_origins,
        ),
        *series_routes.handlers(SeriesService(store, voter_resolver)),
    ]
    fast_path = VotingFastPath(vote_service, registration, auth.cors, store.polls)
    return vote_service, fast_path, handlers


def _connection_limiter(settings: Settings) -> ConnectionLimiter:
    """Create the limiter of streams. Behind a proxy, only it can count them by network."""
    table = ConnectionTable(max_connections(), settings.limit_connections)
    return ConnectionLimiter(settings.limit_sockets, table.share or None)


def _registration_limiter(settings: Settings, store: Store) -> RegistrationLimiter:
    """Create the limiter of new voters."""
    rate_limiter = store.voter_rate_limiter
    challenges = ProofOfWork(settings.secrets, rate_limiter, wall_clock) if settings.challenges else None
    return RegistrationLimiter(
        settings.limit_voters, network_key(settings.secrets[0]), rate_limiter, challenges
    )


def _credential_handlers(
    store: Store, key_sets: JwksCache, auth: _AuthComponents, trail: AuditTrail
) -> list[HTTPRouteHandler]:
    issuers = IssuerAdmin(store, key_sets)
    return [
        *credential_routes.handlers(ApiKeyAdmin(store), issuers, auth.api_keys, trail),
        *audit_routes.handlers(store.service_audit_log, auth.api_keys),
    ]


def _audit(settings: Settings, store: Store) -> _Audit:
    webhooks, wake = WebhookRegistry(store.webhooks), asyncio.Event()
    events = AuditEvents(webhooks, store.delivery_queue, wake)
    return _Audit(webhooks, wake, AuditTrail(store, network_key(settings.secrets[0]), events.send))


def _webhooks(
    settings: Settings, store: Store, auth: _AuthComponents, audit: _Audit
) -> tuple[tuple[BackgroundTask, ...], list[HTTPRouteHandler]]:
    timing = WebhookTiming().accelerated(settings.webhook_speedup)
    webhooks, wake, trail = audit
    secret_box = SecretBox(settings.secrets)
    sender = WebhookSender(AllowList.of(settings.webhook_allow), timing.answer_within_s)
    delivery_worker = DeliveryWorker(
        store, webhooks, secret_box=secret_box, sender=sender, timing=timing, wake=wake
    )
    relay = OutboxRelay(store, webhooks, timing, wake)
    webhook_admin = WebhookAdmin(store, webhooks, secret_box, sender, delivery_worker)
    return (relay.run, delivery_worker.run), webhook_routes.handlers(webhook_admin, auth.api_keys, trail)


def create_app(settings: Settings, store: Store) -> ASGIApp:
    """Create the application alone, for servers without the fast path."""
    return build(settings, store).app


def wall_clock() -> int:
    """Return milliseconds since the epoch. For expiry times only: voting windows use the store's clock."""
    return time.time_ns() // 1_000_000
