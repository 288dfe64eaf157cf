"""Read authorization for both paths: may this client read this poll, and in which role?

``authorize_cached`` decides from cached data, without I/O. That covers all common cases. It never rejects: it
returns None if it cannot decide, and ``authorize`` reads the poll and decides. Both return a ``ReadGrant``.

The client's identity matters only if totals are hidden from some clients. The results of a poll with
``results: always`` are the same for everybody. Tokens and tickets are not checked, so that responses can be
cached.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple
from urllib.parse import parse_qs

import msgspec

from pollwire_server.auth.api_keys import ApiKeyAuthenticator, Scope
from pollwire_server.auth.client_address import UNKNOWN, ClientAddress
from pollwire_server.auth.credentials import RequestCredentials, bearer_of, cookie_of
from pollwire_server.auth.issuers import IssuerTokenVerifier, is_jwt
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
from pollwire_server.domain.identifiers import IDENTIFIER
from pollwire_server.domain.poll import Identity, Poll, ResultsMode
from pollwire_server.domain.visibility import ReaderRole
from pollwire_server.live.hub import Hub
from pollwire_server.live.result_feed import ResultFeed
from pollwire_server.live.result_frames import ResultUpdate
from pollwire_server.store import Store
from pollwire_server.store.polls.cache import PollRecord
from pollwire_server.store.results.timelines import TimelineReading
from pollwire_server.store.transport.request_deadline import request_deadline

DRAINING_RETRY_S: Final = 1
REVOCATION_CHECK_S: Final = 0.25
"""Interval between two checks of streams. A change reaches the registry within a second."""


class TicketInvalid(VoterTokenInvalid):
    """The ticket sent on an open stream was not issued here, or has expired."""

    def __init__(self) -> None:
        PollwireError.__init__(self, "Invalid or expired ticket. Get a new one with POST /v1/tickets.")


class StreamCredentials(  # type: ignore[misc]  # msgspec, unlike dataclasses, allows a frozen subclass
    RequestCredentials, frozen=True, kw_only=True
):
    """Credentials of a request for results, which may include a ticket."""

    ticket: str | None = None
    verified_ticket: Ticket | None = None
    """Ticket that was verified earlier on an open stream. Streams continue after their ticket expires."""


def credentials_from(
    headers: Mapping[bytes, bytes], query: bytes = b"", client: ClientAddress = UNKNOWN
) -> StreamCredentials:
    """Return the credentials in these headers (names in lower case) and this query string."""
    ticket = parse_qs(query.decode("latin-1")).get("ticket") if b"ticket=" in query else None
    return StreamCredentials.from_raw_headers(headers, client, ticket=ticket[0] if ticket else None)


class ReadGrant(NamedTuple):
    """Permission to read a poll in a role."""

    record: PollRecord
    role: ReaderRole
    reader: Ticket | None = None
    """The reader whose credential decided the role, or None if anybody has it."""


class ReadAccess:
    """Authorizes clients of the live API. ``feed`` reads polls. ``hub`` knows if the service drains."""

    def __init__(
        self,
        store: Store,
        feed: ResultFeed,
        hub: Hub,
        *,
        poll_origins: PollOriginPolicy,
        tokens: VoterTokens,
        tickets: Tickets,
        api_keys: ApiKeyAuthenticator,
        issuers: IssuerTokenVerifier,
    ) -> None:
        self._polls = store.polls
        self._ballots = store.ballots
        self._ranked_results = store.ranked_results
        self._timelines = store.timelines
        self._feed = feed
        self._hub = hub
        self._poll_origins = poll_origins
        self._origins = poll_origins.origins
        self._tokens = tokens
        self._tickets = tickets
        self._api_keys = api_keys
        self._issuers = issuers

    def authorize_cached(self, poll_id: str, credentials: StreamCredentials) -> ReadGrant | None:
        """Authorize from cached data, or return None if only ``authorize`` can decide."""
        record = self._polls.cached(poll_id)
        if record is None or self._hub.is_draining:
            return None
        poll = record.poll
        if not poll.is_visible(self._feed.latest_store_time):
            return None
        if not self._origins.allows(credentials.origin, credentials.host, poll.origins):
            return None
        try:
            reader = self._reader_of(poll, credentials)
        except PollwireError:
            return None
        role = _role_without_store(poll, reader)
        return None if role is None else ReadGrant(record, role, reader)

    async def authorize(
        self, poll_id: str, credentials: StreamCredentials, *, check_origin: bool = True
    ) -> ReadGrant:
        """Authorize a stream by a fresh read of the poll. ``check_origin``: reject other origins.

        Raises ``PollNotFound``, ``OriginNotAllowed``, ``VoterTokenInvalid``, ``ScopeMissing``,
        ``StoreUnavailable``, and ``Overloaded`` while draining.
        """
        self.check_open()
        async with request_deadline():
            update = await self.read(poll_id)
            if check_origin:
                self.check_origin(credentials, update.poll.origins)
            return await self.resolve_role(update, credentials)

    async def read_authorized(
        self, poll_id: str, credentials: StreamCredentials
    ) -> tuple[ResultUpdate, ReadGrant]:
        """Read and authorize a poll for one response. Raises like ``authorize``, without origin and drain."""
        async with request_deadline():
            update = await self.read(poll_id)
            return update, await self.resolve_role(update, credentials)

    async def with_runoff(self, update: ResultUpdate, role: ReaderRole) -> ResultUpdate:
        """Return a ranked poll's update, or a later one, with its run-off, if the role may see totals.

        Takes seconds if there are very many ballots. Raises ``PollNotFound`` and ``StoreUnavailable``.
        """
        if update.frame_for(role) is not update.full:
            return update
        reading, runoff = await self._ranked_results.with_runoff(update.reading)
        return ResultUpdate(reading, update.batch, runoff)

    async def timeline(self, poll_id: str) -> TimelineReading:
        """Return a poll's totals over time, freshly read. Raises ``PollNotFound``, ``StoreUnavailable``."""
        return await self._timelines.read(poll_id)

    def origin_allowed_cached(self, credentials: StreamCredentials, polls: Sequence[str]) -> bool:
        """Return True if cached data allows the origin a socket for any of these polls."""
        return not self._hub.is_draining and self._poll_origins.allows_now(
            credentials.origin, credentials.host, polls
        )

    async def check_any_origin(self, credentials: StreamCredentials, polls: Sequence[str]) -> None:
        """Check that the origin may use the service or, if polls are given, any of them.

        Raises ``OriginNotAllowed``, and ``Overloaded`` while draining.
        """
        self.check_open()
        self.check_origin(
            credentials, await self._poll_origins.allowed_origins(credentials.origin, credentials.host, polls)
        )

    async def read(self, poll_id: str) -> ResultUpdate:
        """Return the poll from a fresh read. Ids that no poll can have are rejected without a read."""
        if not IDENTIFIER.fullmatch(poll_id):
            raise PollNotFound(poll_id)
        return await self._feed.read_fresh(poll_id)

    async def resolve_role(self, update: ResultUpdate, credentials: StreamCredentials) -> ReadGrant:
        """Return the client's role for a poll that was just read. Raises like ``read_authorized``."""
        poll = update.poll
        if not update.is_visible or poll.results is not ResultsMode.ALWAYS:
            await self._prepare(credentials)
        if not update.is_visible:
            identity = self._reader_for(poll, credentials)
            if identity is None or not identity.is_operator:
                raise PollNotFound(poll.id)
            return ReadGrant(update.record, ReaderRole.OPERATOR, identity)
        reader = self._reader_of(poll, credentials)
        role = _role_without_store(poll, reader)
        if role is None:
            role = await self._role_by_vote(update.record, reader)
        return ReadGrant(update.record, role, reader)

    def check_open(self) -> None:
        """Raise ``Overloaded`` while the service drains. Another node accepts the stream."""
        if self._hub.is_draining:
            raise Overloaded(DRAINING_RETRY_S)

    def check_origin(
        self, credentials: StreamCredentials, poll_origins: tuple[str, ...] | None = None
    ) -> None:
        """Raise ``OriginNotAllowed`` if the request comes from a page of another origin."""
        if not self._origins.allows(credentials.origin, credentials.host, poll_origins):
            raise OriginNotAllowed(credentials.origin or "")

    def authenticate(self, credentials: StreamCredentials) -> Ticket | None:
        """Return the verified voter or operator, or None for an anonymous client.

        The order is ticket, ``Authorization``, cookie. Raises ``VoterTokenInvalid`` and ``ScopeMissing`` for
        ``Authorization``, which clients send on purpose. An invalid ticket or cookie is ignored: the ticket
        is part of the URL of a stream that reconnects by itself, and browsers send cookies by themselves.
        A ticket is invalid once its API key is revoked or its issuer deleted.
        """
        ticket = self._ticket(credentials)
        if ticket is not None and self.is_active(ticket):
            return ticket
        bearer = bearer_of(credentials.authorization)
        if bearer is not None:
            return self._bearer(bearer)
        is_https = self._origins.is_public_url_encrypted or credentials.client.is_encrypted
        cookie = cookie_of(credentials.cookie, is_https=is_https)
        token = None if cookie is None else self._tokens.verify(cookie)
        return None if token is None else Ticket(token.id)

    def with_verified_ticket(self, credentials: StreamCredentials) -> StreamCredentials:
        """Return the credentials with their ticket verified, so that it is valid for the whole stream."""
        return msgspec.structs.replace(credentials, verified_ticket=self._ticket(credentials))

    def open_ticket(self, ticket: str) -> Ticket:
        """Verify a ticket that was sent on an open stream. Raises ``TicketInvalid``."""
        verified = self._tickets.verify(ticket)
        if verified is None or not self.is_active(verified):
            raise TicketInvalid
        return verified

    def is_active(self, reader: Ticket) -> bool:
        """Return True unless the reader's API key was revoked or the issuer deleted.

        Raises ``StoreUnavailable`` if the registry is stale.
        """
        if not reader.source:
            return True
        registry = self._api_keys if reader.is_operator else self._issuers
        return registry.is_active(reader.source.hex())

    async def run(self) -> None:
        """End the streams of revoked API keys and deleted issuers, until cancelled."""
        while True:
            await asyncio.sleep(REVOCATION_CHECK_S)
            self._hub.revocable.end_inactive(self.is_active)

    async def _prepare(self, credentials: StreamCredentials) -> None:
        """Read what is needed to verify the token of an issuer, or a ticket that has a source."""
        ticket = self._ticket(credentials)
        if ticket is not None and ticket.source:
            await (self._api_keys if ticket.is_operator else self._issuers).refresh()
        bearer = bearer_of(credentials.authorization)
        if bearer is not None and is_jwt(bearer):
            await self._issuers.load_issuer_keys(bearer)

    def _ticket(self, credentials: StreamCredentials) -> Ticket | None:
        if credentials.verified_ticket is not None or credentials.ticket is None:
            return credentials.verified_ticket
        return self._tickets.verify(credentials.ticket)

    def _bearer(self, bearer: bytes) -> Ticket:
        token = self._tokens.verify(bearer)
        if token is not None:
            return Ticket(token.id)
        operator = self._api_keys.operator_of(bearer)
        if operator is None and is_jwt(bearer):
            return self._issuers.reader(bearer)
        if operator is None:
            raise VoterTokenInvalid
        operator.require_scope(Scope.RESULTS_READ)
        return Ticket(None, bytes.fromhex(operator.key_id))

    def _reader_of(self, poll: Poll, credentials: StreamCredentials) -> Ticket | None:
        """Return the reader if totals are hidden from others, else None. Raises like ``authenticate``."""
        return None if poll.results is ResultsMode.ALWAYS else self._reader_for(poll, credentials)

    def _reader_for(self, poll: Poll, credentials: StreamCredentials) -> Ticket | None:
        """Return the reader, or None for an operator of other polls. Raises like ``authenticate``."""
        reader = self.authenticate(credentials)
        if reader is None or not reader.is_operator:
            return reader
        return reader if self._api_keys.covers(reader.source.hex(), poll.id, poll.series) else None

    async def _role_by_vote(self, record: PollRecord, identity: Ticket | None) -> ReaderRole:
        if identity is None or identity.voter_id is None:
            return ReaderRole.PUBLIC if identity is None else ReaderRole.OPERATOR
        signed = record.poll.identity is Identity.SIGNED
        voter = (voter_id_from_issuer if signed else voter_id_from_token)(record.voter_key, identity.voter_id)
        vote = await self._ballots.current_vote(record, voter)
        return ReaderRole.PUBLIC if vote is None else ReaderRole.VOTED


def _role_without_store(poll: Poll, reader: Ticket | None) -> ReaderRole | None:
    """Return the reader's role, or None if it depends on whether the reader has voted."""
    if reader is None:
        return ReaderRole.PUBLIC
    if reader.is_operator:
        return ReaderRole.OPERATOR
    return None if poll.results is ResultsMode.AFTER_VOTE else ReaderRole.PUBLIC
