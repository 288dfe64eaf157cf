"""May this reader watch this poll, and what may it see: one answer for routes and lanes alike.

``glance`` answers at once, from what this process knows, in all the ordinary
cases. It never refuses: whatever is not plainly right is read again by
``admit``, which may. Both give an ``Admission``: the poll, and who the reader
is to it.

Who somebody is matters only where totals are hidden from some. A poll that
shows its results always is answered alike to everybody, and neither tokens
nor tickets are looked at, so that its answers may be cached for all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple
from urllib.parse import parse_qs

import msgspec

from pollwire_server.auth.api_keys import ApiKeyAuthenticator, Scope
from pollwire_server.auth.client_address import UNKNOWN, ClientAddress
from pollwire_server.auth.credentials import bearer_of, cookie_of
from pollwire_server.auth.issuers import IssuerTokenVerifier, is_site_token
from pollwire_server.auth.poll_origins import PollOriginPolicy
from pollwire_server.auth.tickets import Ticket, Tickets
from pollwire_server.auth.voter_ids import voter_id_from_issuer, voter_id_from_token
from pollwire_server.auth.voter_tokens import VoterTokens
from pollwire_server.domain.errors import (
    OriginNotAllowed,
    Overloaded,
    PollNotFound,
    PollwireError,
    VoterTokenInvalid,
)
from pollwire_server.domain.poll import Identity, Poll, ResultsMode
from pollwire_server.domain.visibility import ReaderRole
from pollwire_server.live.hub import Hub
from pollwire_server.live.result_feed import ResultFeed
from pollwire_server.live.result_frames import ResultUpdate
from pollwire_server.store import Store
from pollwire_server.store.polls.cache import PollRecord
from pollwire_server.store.results.timelines import TimelineReading
from pollwire_server.store.transport.request_deadline import request_deadline

_POLL_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}", re.ASCII)
DRAINING_RETRY_S: Final = 1


class TicketInvalid(VoterTokenInvalid):
    """A ticket on an open stream that was not issued here, or has expired."""

    def __init__(self) -> None:
        PollwireError.__init__(
            self, "This ticket was not issued here, or has expired; ask for one with POST /v1/tickets."
        )


class StreamCredentials(msgspec.Struct, frozen=True, kw_only=True):
    """What a request says of who asks, not yet verified."""

    origin: str | None = None
    host: str | None = None
    ticket: str | None = None
    authorization: bytes | None = None
    cookie: bytes | None = None
    client: ClientAddress = UNKNOWN
    proven: Ticket | None = None
    """Who this is, found out earlier on an open stream: tickets expire, streams go on."""


def visitor_of(
    headers: Mapping[bytes, bytes], query: bytes = b"", client: ClientAddress = UNKNOWN
) -> StreamCredentials:
    """The visitor of a request with these headers (names in lower case) and query string."""
    ticket = parse_qs(query.decode("latin-1")).get("ticket") if b"ticket=" in query else None
    return StreamCredentials(
        origin=_text(headers.get(b"origin")),
        host=_text(headers.get(b"host")),
        ticket=ticket[0] if ticket else None,
        authorization=headers.get(b"authorization"),
        cookie=headers.get(b"cookie"),
        client=client,
    )


class ReadGrant(NamedTuple):
    """The poll, and who the reader is to it."""

    record: PollRecord
    reader: ReaderRole


class ReadAccess:
    """Admits readers. ``feed`` reads polls afresh, ``hub`` knows whether the service is about to stop."""

    def __init__(
        self,
        store: Store,
        feed: ResultFeed,
        hub: Hub,
        *,
        sites: PollOriginPolicy,
        tokens: VoterTokens,
        tickets: Tickets,
        api_keys: ApiKeyAuthenticator,
        issuers: IssuerTokenVerifier,
    ) -> None:
        self._polls = store.polls
        self._ballots = store.ballots
        self._rankings = store.rankings
        self._timelines = store.timelines
        self._feed = feed
        self._hub = hub
        self._sites = sites
        self._origins = sites.origins
        self._tokens = tokens
        self._tickets = tickets
        self._api_keys = api_keys
        self._issuers = issuers

    def authorize_cached(self, poll_id: str, visitor: StreamCredentials) -> ReadGrant | None:
        """Admits without asking the store, where this process knows enough; None: ask ``admit``."""
        record = self._polls.cached(poll_id)
        if record is None or self._hub.is_draining:
            return None
        poll = record.poll
        if not poll.is_visible(self._feed.latest_store_time):
            return None
        if not self._origins.allows(visitor.origin, visitor.host, poll.origins):
            return None
        try:
            reader = self._reader_at_once(poll, visitor)
        except PollwireError:
            return None
        return None if reader is None else ReadGrant(record, reader)

    async def authorize(
        self, poll_id: str, visitor: StreamCredentials, *, by_origin: bool = True
    ) -> ReadGrant:
        """Admits a stream to a poll as it stands now; ``by_origin``: only for pages that may watch.

        Raises ``PollNotFound``, ``OriginNotAllowed``, ``VoterTokenInvalid``,
        ``ScopeMissing``, ``StoreUnavailable``, and ``Overloaded`` before a
        planned stop.
        """
        self.check_open()
        async with request_deadline():
            change = await self.read(poll_id)
            if by_origin:
                self.check_origin(visitor, change.poll.origins)
            return await self.resolve_role(change, visitor)

    async def read_authorized(
        self, poll_id: str, visitor: StreamCredentials
    ) -> tuple[ResultUpdate, ReadGrant]:
        """The poll as it stands now, for one answer; raises like ``admit``, origins and stops aside."""
        async with request_deadline():
            change = await self.read(poll_id)
            return change, await self.resolve_role(change, visitor)

    async def with_runoff(self, change: ResultUpdate, reader: ReaderRole) -> ResultUpdate:
        """A ranked poll's change, or a later one, with its rounds, where the reader may see any totals.

        Raises ``PollNotFound`` and ``StoreUnavailable``. May take seconds where there are very many rankings.
        """
        if change.frame_for(reader) is not change.whole:
            return change
        reading, outcome = await self._rankings.with_runoff(change.reading)
        return ResultUpdate(reading, change.turn, outcome)

    async def timeline(self, poll_id: str) -> TimelineReading:
        """A poll's totals over time, read from now on. Raises ``PollNotFound`` and ``StoreUnavailable``."""
        return await self._timelines.read(poll_id)

    def origin_allowed_cached(self, visitor: StreamCredentials, polls: Sequence[str]) -> bool:
        """Whether a socket of many polls is open to the visitor's page, by what this process knows."""
        return not self._hub.is_draining and self._sites.allows_now(visitor.origin, visitor.host, polls)

    async def check_any_origin(self, visitor: StreamCredentials, polls: Sequence[str]) -> None:
        """Passes for a page that may use the service or, if polls are named, any of them.

        Raises ``OriginNotAllowed``, and ``Overloaded`` before a planned stop.
        """
        self.check_open()
        self.check_origin(visitor, await self._sites.allowed_origins(visitor.origin, visitor.host, polls))

    async def read(self, poll_id: str) -> ResultUpdate:
        """The poll by a read that begins now; what can be no poll's id costs none."""
        if not _POLL_ID.fullmatch(poll_id):
            raise PollNotFound(poll_id)
        return await self._feed.read_fresh(poll_id)

    async def resolve_role(self, change: ResultUpdate, visitor: StreamCredentials) -> ReadGrant:
        """Who the visitor is to the poll as it was just read. Raises like ``admit``, origins aside."""
        poll = change.poll
        if not change.is_visible or poll.results is not ResultsMode.ALWAYS:
            await self._prepare(visitor)
        if not change.is_visible:
            who = self.authenticate(visitor)
            if who is None or not who.is_operator:
                raise PollNotFound(poll.id)
            return ReadGrant(change.record, ReaderRole.OPERATOR)
        reader = self._reader_at_once(poll, visitor)
        if reader is None:
            reader = await self._reader_by_vote(change.record, self.authenticate(visitor))
        return ReadGrant(change.record, reader)

    def check_open(self) -> None:
        """Raises ``Overloaded`` once the service is about to stop: another node takes new streams."""
        if self._hub.is_draining:
            raise Overloaded(DRAINING_RETRY_S)

    def check_origin(self, visitor: StreamCredentials, poll_origins: tuple[str, ...] | None = None) -> None:
        """Raises ``OriginNotAllowed`` for a browser's page of a site that may not watch."""
        if not self._origins.allows(visitor.origin, visitor.host, poll_origins):
            raise OriginNotAllowed(visitor.origin or "")

    def authenticate(self, visitor: StreamCredentials) -> Ticket | None:
        """The voter or operator that a visitor proves to be; None for anybody.

        A ticket, then ``Authorization``, then the cookie. What the reader
        sent on purpose must be good (``VoterTokenInvalid``, ``ScopeMissing``);
        an expired ticket, which stands in the address of a stream that
        reconnects by itself, and a cookie, which browsers send by themselves,
        are passed over where they are not.
        """
        ticket = self._ticket(visitor)
        if ticket is not None:
            return ticket
        bearer = bearer_of(visitor.authorization)
        if bearer is not None:
            return self._bearer(bearer)
        cookie = cookie_of(visitor.cookie)
        token = None if cookie is None else self._tokens.verify(cookie)
        return None if token is None else Ticket(token.id)

    def with_verified_ticket(self, visitor: StreamCredentials) -> StreamCredentials:
        """The visitor at the start of a stream, whose ticket holds for as long as the stream does."""
        return msgspec.structs.replace(visitor, proven=self._ticket(visitor))

    def open_ticket(self, ticket: str) -> Ticket:
        """The ticket given on an open stream. Raises ``TicketInvalid``."""
        opened = self._tickets.verify(ticket)
        if opened is None:
            raise TicketInvalid
        return opened

    async def _prepare(self, visitor: StreamCredentials) -> None:
        """Read whatever may be missing to know the voter of a site."""
        bearer = bearer_of(visitor.authorization)
        if bearer is not None and is_site_token(bearer):
            await self._issuers.prepare(bearer)

    def _ticket(self, visitor: StreamCredentials) -> Ticket | None:
        if visitor.proven is not None or visitor.ticket is None:
            return visitor.proven
        return self._tickets.verify(visitor.ticket)

    def _bearer(self, bearer: bytes) -> Ticket:
        token = self._tokens.verify(bearer)
        if token is not None:
            return Ticket(token.id)
        operator = self._api_keys.operator_of(bearer)
        if operator is None and is_site_token(bearer):
            return Ticket(self._issuers.voter_id(bearer))
        if operator is None:
            raise VoterTokenInvalid
        operator.require_scope(Scope.POLLS_READ)
        return Ticket(None)

    def _reader_at_once(self, poll: Poll, visitor: StreamCredentials) -> ReaderRole | None:
        """Who the visitor is to the poll; None where that depends on whether they have voted."""
        if poll.results is ResultsMode.ALWAYS:
            return ReaderRole.PUBLIC
        who = self.authenticate(visitor)
        if who is None:
            return ReaderRole.PUBLIC
        if who.is_operator:
            return ReaderRole.OPERATOR
        return None if poll.results is ResultsMode.AFTER_VOTE else ReaderRole.PUBLIC

    async def _reader_by_vote(self, record: PollRecord, who: Ticket | None) -> ReaderRole:
        if who is None or who.voter_id is None:
            return ReaderRole.PUBLIC if who is None else ReaderRole.OPERATOR
        signed = record.poll.identity is Identity.SIGNED
        voter = (voter_id_from_issuer if signed else voter_id_from_token)(record.voter_key, who.voter_id)
        standing = await self._ballots.current_vote(record, voter)
        return ReaderRole.PUBLIC if standing is None else ReaderRole.VOTED


def _text(header: bytes | None) -> str | None:
    return None if header is None else header.decode("latin-1")
