"""One process's service, wired: rooms are made here, given to each other, started and stopped."""

from __future__ import annotations

import asyncio
import time
from typing import NamedTuple

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from pollwire_server.admin import credential_routes as credentials_routes
from pollwire_server.admin import routes as operators_routes
from pollwire_server.admin.api_keys import ApiKeyAdmin
from pollwire_server.admin.bulk_votes import BulkVoteService
from pollwire_server.admin.issuers import IssuerAdmin
from pollwire_server.admin.polls import PollAdmin
from pollwire_server.admin.predictions import PredictionAdmin
from pollwire_server.admin.retention import Retention
from pollwire_server.admin.webhooks import routes as webhook_routes
from pollwire_server.admin.webhooks.delivery_worker import DeliveryWorker
from pollwire_server.admin.webhooks.http_sender import WebhookSender
from pollwire_server.admin.webhooks.outbox_relay import OutboxRelay
from pollwire_server.admin.webhooks.registry import WebhookRegistry
from pollwire_server.admin.webhooks.secret_encryption import SecretBox
from pollwire_server.admin.webhooks.service import WebhookAdmin
from pollwire_server.admin.webhooks.timing import WebhookTiming
from pollwire_server.admin.webhooks.url_guard import AllowList
from pollwire_server.app import health as probes
from pollwire_server.app.gauge_collector import GaugeCollector
from pollwire_server.app.litestar_app import BackgroundTask, create_litestar_app
from pollwire_server.app.middleware import ApiMiddleware
from pollwire_server.app.openapi import routes as reference_routes
from pollwire_server.auth.api_keys import ApiKeyAuthenticator
from pollwire_server.auth.client_address import ClientAddressResolver
from pollwire_server.auth.issuers import IssuerTokenVerifier
from pollwire_server.auth.jwks import JwksCache
from pollwire_server.auth.network_tags import network_key
from pollwire_server.auth.origins import OriginPolicy
from pollwire_server.auth.poll_origins import PollOriginPolicy
from pollwire_server.auth.tickets import Tickets
from pollwire_server.auth.voter_tokens import VoterTokens
from pollwire_server.http_protocol import FastPathRouter, WebSocketAcceptor
from pollwire_server.live import routes as live_routes
from pollwire_server.live.asgi.frame_sender import StreamTimeouts
from pollwire_server.live.connection_limits import ConnectionLimiter
from pollwire_server.live.fast_path.router import LiveFastPath
from pollwire_server.live.hub import Hub
from pollwire_server.live.read_access import ReadAccess
from pollwire_server.live.result_feed import ResultFeed
from pollwire_server.live.result_responses import ResultResponses
from pollwire_server.live.stream_session import LiveContext
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
    """A wired service: the application, and the rooms that the server's lanes and drain ask themselves."""

    app: ASGIApp
    desk: VoteService
    door: ReadAccess
    hub: Hub
    feed: ResultFeed
    health: probes.Health
    lanes: tuple[FastPathRouter, ...]
    socket_lane: WebSocketAcceptor
    clients: ClientAddressResolver

    async def drain(self, spread_ms: int) -> None:
        """Say that the end is near: to balancers at once, to readers each at a moment of its own."""
        self.health.is_draining = True
        await self.hub.drain(spread_ms)


class _AuthComponents(NamedTuple):
    """Everything that tells who asks."""

    keys: ApiKeyAuthenticator
    origins: OriginPolicy
    sites: PollOriginPolicy
    tokens: VoterTokens
    issuers: IssuerTokenVerifier
    tickets: Tickets
    clients: ClientAddressResolver


def build(settings: Settings, store: Store) -> ServiceContainer:
    """The whole service over an open store; the application's lifespan runs what stands beside requests."""
    key_sets = JwksCache(allows_loopback=settings.jwks_loopback)
    who = _who(settings, store, key_sets)
    hub = Hub()
    feed = ResultFeed(store, hub, stream_hz=settings.stream_hz)
    door = _door(store, feed, hub, who)
    live = LiveContext(door, feed, hub, StreamTimeouts(), ConnectionLimiter(settings.limit_sockets))
    answers = ResultResponses(door, who.origins, settings.results_max_age_s)
    readers_lane = LiveFastPath(live, answers)
    health = probes.Health(store, who.clients)
    recorder = VoteBatcher(store.ballots.with_rate_limit(settings.limit_votes))
    desk, voting_lane, of_voting = _voting(settings, store, who, recorder)
    gauges = GaugeCollector(hub, recorder, store)
    telling, of_webhooks = _webhooks(settings, store, who)
    routes = [
        *of_voting,
        *live_routes.handlers(live, answers),
        *operators_routes.handlers(
            PollAdmin(store),
            PredictionAdmin(store),
            who.keys,
            BulkVoteService(store),
            store,
            reads_receipts=Receipts(settings.secrets).read,
        ),
        *credentials_routes.handlers(ApiKeyAdmin(store), IssuerAdmin(store, key_sets), who.keys),
        *of_webhooks,
        *web_routes.handlers(settings, store),
        *probes.handlers(health),
        *reference_routes.handlers(),
    ]
    retention = Retention(store, settings.retention_days)
    endless = (
        *store.background_tasks,
        retention.run,
        who.issuers.run,
        feed.run,
        health.run,
        gauges.run,
        *telling,
    )
    framework = create_litestar_app(routes, beside=endless)
    edge = ApiMiddleware(framework, keys=who.keys, sites=who.sites, clients=who.clients)
    return ServiceContainer(
        app=edge,
        desk=desk,
        door=door,
        hub=hub,
        feed=feed,
        health=health,
        lanes=(voting_lane, readers_lane),
        socket_lane=readers_lane,
        clients=who.clients,
    )


def _who(settings: Settings, store: Store, key_sets: JwksCache) -> _AuthComponents:
    origins = OriginPolicy(settings)
    return _AuthComponents(
        keys=ApiKeyAuthenticator(settings.admin_key, store.api_keys, store.api_key_uses),
        origins=origins,
        sites=PollOriginPolicy(origins, store),
        tokens=VoterTokens(settings.secrets, wall_clock),
        issuers=IssuerTokenVerifier(store.issuers, key_sets),
        tickets=Tickets(settings.secrets, wall_clock),
        clients=ClientAddressResolver(settings.trusted_proxies),
    )


def _door(store: Store, feed: ResultFeed, hub: Hub, who: _AuthComponents) -> ReadAccess:
    return ReadAccess(
        store,
        feed,
        hub,
        sites=who.sites,
        tokens=who.tokens,
        tickets=who.tickets,
        api_keys=who.keys,
        issuers=who.issuers,
    )


def _voting(
    settings: Settings, store: Store, who: _AuthComponents, recorder: VoteBatcher
) -> tuple[VoteService, VotingFastPath, list[HTTPRouteHandler]]:
    receipts = Receipts(settings.secrets)
    callers = VoterResolver(who.tokens, who.issuers)
    desk = VoteService(
        polls=store.polls,
        recorder=recorder,
        callers=callers,
        receipts=receipts,
        origins=who.origins,
        limit=settings.limit_votes,
        call=store.series.set_display_name,
    )
    own_votes = OwnVotes(
        polls=store.polls,
        ballots=store.ballots,
        callers=callers,
        receipts=receipts,
        origins=who.origins,
        forgetting=store.forgetting,
    )
    enrolment = VoterRegistration(
        callers=callers,
        tokens=who.tokens,
        tickets=who.tickets,
        keys=who.keys,
        origins=who.origins,
        admission=_admission(settings, store),
    )
    handlers = [
        *voting_routes.handlers(
            desk=desk, own_votes=own_votes, enrolment=enrolment, polls=store.polls, sites=who.sites
        ),
        *series_routes.handlers(SeriesService(store, callers)),
    ]
    lane = VotingFastPath(desk, enrolment, who.origins, store.polls)
    return desk, lane, handlers


def _admission(settings: Settings, store: Store) -> RegistrationLimiter:
    """How new voters are let in."""
    allowances = store.voter_allowances
    challenges = ProofOfWork(settings.secrets, allowances, wall_clock) if settings.challenges else None
    return RegistrationLimiter(
        settings.limit_voters, network_key(settings.secrets[0]), allowances, challenges
    )


def _webhooks(
    settings: Settings, store: Store, who: _AuthComponents
) -> tuple[tuple[BackgroundTask, ...], list[HTTPRouteHandler]]:
    paces, wake = WebhookTiming().accelerated(settings.webhook_hurry), asyncio.Event()
    webhooks, seal = WebhookRegistry(store.webhooks), SecretBox(settings.secrets)
    sender = WebhookSender(AllowList.of(settings.webhook_allow), paces.answer_within_s)
    deliverer = DeliveryWorker(store, webhooks, seal=seal, sender=sender, paces=paces, wake=wake)
    relay = OutboxRelay(store, webhooks, paces, wake)
    operated = WebhookAdmin(store, webhooks, seal, sender, deliverer)
    return (relay.run, deliverer.run), webhook_routes.handlers(operated, who.keys)


def create_app(settings: Settings, store: Store) -> ASGIApp:
    """The application alone, for a server that has no use for the rest."""
    return build(settings, store).app


def wall_clock() -> int:
    """Milliseconds since the epoch: good enough for what expires in a minute or a year, not for windows."""
    return time.time_ns() // 1_000_000
