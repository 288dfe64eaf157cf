"""One process's service, wired: rooms are made here, given to each other, started and stopped."""

from __future__ import annotations

import asyncio
import time
from typing import NamedTuple

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from service.app import probes
from service.app.edge import Edge
from service.app.framework import Endless, framework_of
from service.app.gauges import Gauges
from service.app.reference import routes as reference_routes
from service.identity.api_keys import ApiKeys
from service.identity.clients import Clients
from service.identity.issuers import Issuers
from service.identity.key_sets import KeySets
from service.identity.networks import network_key
from service.identity.origins import Origins
from service.identity.sites import Sites
from service.identity.tickets import Tickets
from service.identity.tokens import VoterTokens
from service.live import routes as live_routes
from service.live.answers import Answers
from service.live.door import Door
from service.live.feed import Feed
from service.live.hub import Hub
from service.live.lane import LiveLane
from service.live.mailbox import Pace
from service.live.seats import Seats
from service.live.streams import Live
from service.operators import credentials_routes
from service.operators import routes as operators_routes
from service.operators.intake import Intake
from service.operators.issuers import OperatedIssuers
from service.operators.keys import OperatedKeys
from service.operators.polls import OperatedPolls
from service.operators.predictions import OperatedPredictions
from service.operators.retention import Retention
from service.operators.webhooks import routes as webhook_routes
from service.operators.webhooks.addresses import Allowed
from service.operators.webhooks.deliverer import Deliverer
from service.operators.webhooks.operated import OperatedWebhooks
from service.operators.webhooks.paces import Paces
from service.operators.webhooks.relay import Relay
from service.operators.webhooks.roster import Webhooks
from service.operators.webhooks.sealing import Seal
from service.operators.webhooks.sending import Sender
from service.protocol import Lane, SocketLane
from service.settings import Settings
from service.store import Store
from service.voting import routes as voting_routes
from service.voting import series_routes
from service.voting.callers import Callers
from service.voting.challenges import Challenges
from service.voting.desk import Desk
from service.voting.enrolment import Enrolment
from service.voting.lane import VotingLane
from service.voting.limits import Admission
from service.voting.mine import OwnVotes
from service.voting.receipts import Receipts
from service.voting.recorder import Recorder
from service.voting.standings import Standings
from service.web import routes as web_routes


class Wiring(msgspec.Struct, frozen=True):
    """A wired service: the application, and the rooms that the server's lanes and drain ask themselves."""

    app: ASGIApp
    desk: Desk
    door: Door
    hub: Hub
    feed: Feed
    health: probes.Health
    lanes: tuple[Lane, ...]
    socket_lane: SocketLane
    clients: Clients

    async def drain(self, spread_ms: int) -> None:
        """Say that the end is near: to balancers at once, to readers each at a moment of its own."""
        self.health.is_draining = True
        await self.hub.drain(spread_ms)


class _Who(NamedTuple):
    """Everything that tells who asks."""

    keys: ApiKeys
    origins: Origins
    sites: Sites
    tokens: VoterTokens
    issuers: Issuers
    tickets: Tickets
    clients: Clients


def build(settings: Settings, store: Store) -> Wiring:
    """The whole service over an open store; the application's lifespan runs what stands beside requests."""
    key_sets = KeySets(allows_loopback=settings.jwks_loopback)
    who = _who(settings, store, key_sets)
    hub = Hub()
    feed = Feed(store, hub, stream_hz=settings.stream_hz)
    door = _door(store, feed, hub, who)
    live = Live(door, feed, hub, Pace(), Seats(settings.limit_sockets))
    answers = Answers(door, who.origins, settings.results_max_age_s)
    readers_lane = LiveLane(live, answers)
    health = probes.Health(store, who.clients)
    recorder = Recorder(store.ballots.limited(settings.limit_votes))
    desk, voting_lane, of_voting = _voting(settings, store, who, recorder)
    gauges = Gauges(hub, recorder, store)
    telling, of_webhooks = _webhooks(settings, store, who)
    routes = [
        *of_voting,
        *live_routes.handlers(live, answers),
        *operators_routes.handlers(
            OperatedPolls(store),
            OperatedPredictions(store),
            who.keys,
            Intake(store),
            store,
            reads_receipts=Receipts(settings.secrets).read,
        ),
        *credentials_routes.handlers(OperatedKeys(store), OperatedIssuers(store, key_sets), who.keys),
        *of_webhooks,
        *web_routes.handlers(settings, store),
        *probes.handlers(health),
        *reference_routes.handlers(),
    ]
    retention = Retention(store, settings.retention_days)
    endless = (*store.endless, retention.run, who.issuers.run, feed.run, health.run, gauges.run, *telling)
    framework = framework_of(routes, beside=endless)
    edge = Edge(framework, keys=who.keys, sites=who.sites, clients=who.clients)
    return Wiring(
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


def _who(settings: Settings, store: Store, key_sets: KeySets) -> _Who:
    origins = Origins(settings)
    return _Who(
        keys=ApiKeys(settings.admin_key, store.api_keys, store.api_key_uses),
        origins=origins,
        sites=Sites(origins, store),
        tokens=VoterTokens(settings.secrets, wall_clock),
        issuers=Issuers(store.issuers, key_sets),
        tickets=Tickets(settings.secrets, wall_clock),
        clients=Clients(settings.trusted_proxies),
    )


def _door(store: Store, feed: Feed, hub: Hub, who: _Who) -> Door:
    return Door(
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
    settings: Settings, store: Store, who: _Who, recorder: Recorder
) -> tuple[Desk, VotingLane, list[HTTPRouteHandler]]:
    receipts = Receipts(settings.secrets)
    callers = Callers(who.tokens, who.issuers)
    desk = Desk(
        polls=store.polls,
        recorder=recorder,
        callers=callers,
        receipts=receipts,
        origins=who.origins,
        limit=settings.limit_votes,
        call=store.series.call,
    )
    own_votes = OwnVotes(
        polls=store.polls,
        ballots=store.ballots,
        callers=callers,
        receipts=receipts,
        origins=who.origins,
        forgetting=store.forgetting,
    )
    enrolment = Enrolment(
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
        *series_routes.handlers(Standings(store, callers)),
    ]
    lane = VotingLane(desk, enrolment, who.origins, store.polls)
    return desk, lane, handlers


def _admission(settings: Settings, store: Store) -> Admission:
    """How new voters are let in."""
    allowances = store.voter_allowances
    challenges = Challenges(settings.secrets, allowances, wall_clock) if settings.challenges else None
    return Admission(settings.limit_voters, network_key(settings.secrets[0]), allowances, challenges)


def _webhooks(
    settings: Settings, store: Store, who: _Who
) -> tuple[tuple[Endless, ...], list[HTTPRouteHandler]]:
    paces, wake = Paces().hurried(settings.webhook_hurry), asyncio.Event()
    webhooks, seal = Webhooks(store.webhooks), Seal(settings.secrets)
    sender = Sender(Allowed.of(settings.webhook_allow), paces.answer_within_s)
    deliverer = Deliverer(store, webhooks, seal=seal, sender=sender, paces=paces, wake=wake)
    relay = Relay(store, webhooks, paces, wake)
    operated = OperatedWebhooks(store, webhooks, seal, sender, deliverer)
    return (relay.run, deliverer.run), webhook_routes.handlers(operated, who.keys)


def create_app(settings: Settings, store: Store) -> ASGIApp:
    """The application alone, for a server that has no use for the rest."""
    return build(settings, store).app


def wall_clock() -> int:
    """Milliseconds since the epoch: good enough for what expires in a minute or a year, not for windows."""
    return time.time_ns() // 1_000_000
