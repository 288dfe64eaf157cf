"""Who is let in, and as whom."""

from __future__ import annotations

import secrets
import time
from typing import NamedTuple

import pytest
from pollwire_server.auth.api_keys import ApiKeyAuthenticator
from pollwire_server.auth.issuers import IssuerTokenVerifier
from pollwire_server.auth.jwks import JwksCache
from pollwire_server.auth.origins import OriginPolicy
from pollwire_server.auth.poll_origins import PollOriginPolicy
from pollwire_server.auth.tickets import Tickets
from pollwire_server.auth.voter_ids import voter_id_from_token
from pollwire_server.auth.voter_tokens import VoterTokens
from pollwire_server.domain.errors import (
    OriginNotAllowed,
    Overloaded,
    PollNotFound,
    StoreUnavailable,
    VoterTokenInvalid,
)
from pollwire_server.domain.poll import ResultsMode
from pollwire_server.domain.visibility import ReaderRole
from pollwire_server.live.hub import Hub
from pollwire_server.live.read_access import ReadAccess, StreamCredentials, TicketInvalid, visitor_of
from pollwire_server.live.result_feed import ResultFeed
from pollwire_server.settings import Settings
from pollwire_server.store import Store, open_store
from pollwire_server.store.polls.cache import PollRecord
from pollwire_server.store.votes.ballots import BallotInput

from tests.factories import FAR_OFF, a_poll
from tests.slow_store import lagging
from tests.valkey import Valkey

KEY = secrets.token_urlsafe(16)
FOREIGN = StreamCredentials(origin="https://elsewhere.example", host="polls.example")


class House(NamedTuple):
    """A door and what stands around it; ``clock`` can be moved."""

    door: ReadAccess
    hub: Hub
    store: Store
    tokens: VoterTokens
    tickets: Tickets
    clock: list[int]

    def token(self) -> tuple[bytes, bytes]:
        """A new voter's token, and its id."""
        token = self.tokens.issue().token.encode()
        verified = self.tokens.verify(token)
        assert verified is not None
        return token, verified.id

    async def poll(self, **changes: object) -> PollRecord:
        """A poll that this process has read."""
        record, _ = await self.store.polls.create(a_poll(**changes), "digest")
        return record


@pytest.fixture
def house(store: Store) -> House:
    """A door over the real store."""
    return house_over(store)


def house_over(store: Store) -> House:
    """A door, and what stands around it."""
    clock, hub = [1_800_000_000_000], Hub()
    secret = (secrets.token_urlsafe(32),)
    tokens, tickets = VoterTokens(secret, lambda: clock[0]), Tickets(secret, lambda: clock[0])
    sites = PollOriginPolicy(OriginPolicy(Settings(allowed_origins=("https://news.example",))), store)
    feed = ResultFeed(store, hub, stream_hz=10)
    issuers = IssuerTokenVerifier(store.issuers, JwksCache())
    door = ReadAccess(
        store,
        feed,
        hub,
        sites=sites,
        tokens=tokens,
        tickets=tickets,
        api_keys=ApiKeyAuthenticator(KEY),
        issuers=issuers,
    )
    return House(door, hub, store, tokens, tickets, clock)


def bearer(token: bytes | str) -> StreamCredentials:
    text = token if isinstance(token, str) else token.decode()
    return StreamCredentials(authorization=f"Bearer {text}".encode())


def test_a_visitor_is_read_from_headers_and_query() -> None:
    """Origin, Host, Authorization, Cookie and the ticket are found; a ticket is decoded once."""
    headers = {b"origin": b"https://a.example", b"host": b"h", b"authorization": b"x", b"cookie": b"y"}
    visitor = visitor_of(headers, b"a=1&ticket=ab%2Bc&ticket=second")
    assert visitor == StreamCredentials(
        origin="https://a.example", host="h", ticket="ab+c", authorization=b"x", cookie=b"y"
    )
    assert visitor_of({}, b"notaticket=1") == StreamCredentials()


async def test_a_poll_that_is_held_is_admitted_without_the_store(house: House) -> None:
    """The ordinary reader of an ordinary poll is let in by a glance."""
    record = await house.poll()
    admission = house.door.authorize_cached(record.poll.id, StreamCredentials())
    assert admission is not None
    assert admission.reader is ReaderRole.PUBLIC


async def test_a_glance_refuses_nothing(house: House) -> None:
    """What is unknown, foreign, forged, not visible or draining is left to ``admit``."""
    record = await house.poll(results=ResultsMode.AFTER_CLOSE)
    later = await house.poll(visible_at=FAR_OFF)
    assert house.door.authorize_cached("nowhere", StreamCredentials()) is None
    assert house.door.authorize_cached(record.poll.id, FOREIGN) is None
    assert house.door.authorize_cached(record.poll.id, bearer("forged")) is None
    assert house.door.authorize_cached(later.poll.id, StreamCredentials()) is None
    house.hub.is_draining = True
    assert house.door.authorize_cached(record.poll.id, StreamCredentials()) is None


async def test_where_results_are_for_all_nobody_is_asked_who_they_are(house: House) -> None:
    """Even a forged token is let in to a poll that shows its results always."""
    record = await house.poll()
    assert house.door.authorize_cached(record.poll.id, bearer("forged")) is not None
    change = await house.door.read(record.poll.id)
    assert (await house.door.resolve_role(change, bearer("forged"))).reader is ReaderRole.PUBLIC


@pytest.mark.parametrize("mode", [ResultsMode.AFTER_VOTE, ResultsMode.AFTER_CLOSE, ResultsMode.OPERATORS])
async def test_an_operator_is_known_by_key_and_by_ticket(house: House, mode: ResultsMode) -> None:
    """An API key, or a ticket made with one, reads as an operator."""
    record = await house.poll(results=mode)
    ticket = house.tickets.issue(None).ticket
    for visitor in (bearer(KEY), StreamCredentials(ticket=ticket)):
        admission = house.door.authorize_cached(record.poll.id, visitor)
        assert admission is not None
        assert admission.reader is ReaderRole.OPERATOR


async def test_a_voter_is_known_by_token_cookie_and_ticket_once_the_vote_stands(house: House) -> None:
    """Before voting a reader is the public; after it each credential proves the voter, to this poll alone."""
    record, other = [await house.poll(results=ResultsMode.AFTER_VOTE) for _ in range(2)]
    token, voter_id = house.token()
    ticket = house.tickets.issue(voter_id).ticket
    visitors = (
        bearer(token),
        StreamCredentials(cookie=b"a=b; pollwire_voter=" + token),
        StreamCredentials(ticket=ticket),
    )
    for visitor in visitors:
        assert house.door.authorize_cached(record.poll.id, visitor) is None
        assert (await house.door.authorize(record.poll.id, visitor)).reader is ReaderRole.PUBLIC
    voter = voter_id_from_token(record.voter_key, voter_id)
    await house.store.ballots.cast_many([(record, [BallotInput(voter, "A")])])
    for visitor in visitors:
        assert (await house.door.authorize(record.poll.id, visitor)).reader is ReaderRole.VOTED
        assert (await house.door.authorize(other.poll.id, visitor)).reader is ReaderRole.PUBLIC


async def test_what_a_reader_sends_on_purpose_must_be_good(house: House) -> None:
    """A forged bearer is refused; a forged cookie and an expired ticket read as anybody."""
    record = await house.poll(results=ResultsMode.AFTER_VOTE)
    with pytest.raises(VoterTokenInvalid):
        await house.door.authorize(record.poll.id, bearer("forged"))
    ticket = house.tickets.issue(None).ticket
    house.clock[0] += 60_000
    for visitor in (
        StreamCredentials(cookie=b"pollwire_voter=forged"),
        StreamCredentials(ticket=ticket),
        StreamCredentials(ticket=""),
    ):
        assert (await house.door.authorize(record.poll.id, visitor)).reader is ReaderRole.PUBLIC


async def test_a_ticket_holds_for_as_long_as_its_stream(house: House) -> None:
    """A stream opened with a good ticket keeps its reader's right; a new one does not get it."""
    record = await house.poll(results=ResultsMode.OPERATORS)
    visitor = StreamCredentials(ticket=house.tickets.issue(None).ticket)
    proven = house.door.with_verified_ticket(visitor)
    house.clock[0] += 60_000
    assert (await house.door.authorize(record.poll.id, proven)).reader is ReaderRole.OPERATOR
    assert (await house.door.authorize(record.poll.id, visitor)).reader is ReaderRole.PUBLIC
    with pytest.raises(TicketInvalid):
        house.door.open_ticket(visitor.ticket or "")


async def test_a_poll_not_visible_yet_exists_for_operators_alone(house: House) -> None:
    """Before ``visible_at`` the public's answer is that of a poll that does not exist."""
    record = await house.poll(visible_at=FAR_OFF)
    token, _ = house.token()
    for visitor in (StreamCredentials(), bearer(token)):
        with pytest.raises(PollNotFound):
            await house.door.authorize(record.poll.id, visitor)
    assert (await house.door.authorize(record.poll.id, bearer(KEY))).reader is ReaderRole.OPERATOR


async def test_a_poll_long_visible_is_admitted_by_a_glance(house: House) -> None:
    """Once the store's clock was seen past ``visible_at`` the store is not asked again."""
    record = await house.poll(visible_at=await house.store.polls.now())
    await house.door.read(record.poll.id)
    assert house.door.authorize_cached(record.poll.id, StreamCredentials()) is not None


@pytest.mark.parametrize(
    ("origin", "poll_origins", "allowed"),
    [
        (None, None, True),
        ("null", None, False),
        ("https://polls.example", None, True),
        ("https://news.example", None, True),
        ("https://elsewhere.example", None, False),
        ("https://elsewhere.example", ("https://elsewhere.example",), True),
        ("https://news.example", ("https://elsewhere.example",), False),
    ],
)
async def test_streams_are_for_pages_of_allowed_sites(
    house: House, origin: str | None, poll_origins: tuple[str, ...] | None, allowed: bool
) -> None:
    """The poll's own sites, or else the service's, decide; no Origin and the own site always may."""
    record = await house.poll(origins=poll_origins)
    visitor = StreamCredentials(origin=origin, host="polls.example")
    assert (house.door.authorize_cached(record.poll.id, visitor) is not None) is allowed
    try:
        await house.door.authorize(record.poll.id, visitor)
        let_in = True
    except OriginNotAllowed:
        let_in = False
    assert let_in is allowed


@pytest.mark.parametrize("poll_id", ["nowhere", "", "Upper", "a/b", "x" * 65, "-a", "ä", "a\n"])
async def test_what_is_no_poll_is_not_found(house: House, poll_id: str) -> None:
    """An unknown id, and a text that can be none, are not found."""
    with pytest.raises(PollNotFound):
        await house.door.authorize(poll_id, StreamCredentials())


async def test_nobody_is_let_in_before_a_planned_stop(house: House) -> None:
    """A draining service sends new readers elsewhere."""
    record = await house.poll()
    house.hub.is_draining = True
    with pytest.raises(Overloaded):
        await house.door.authorize(record.poll.id, StreamCredentials())


async def test_a_look_that_needs_two_slow_calls_is_refused_in_time(
    own_valkey: Valkey,
) -> None:
    """Whether somebody may see totals needs the poll and their vote: together under a second, or 503."""
    async with lagging(own_valkey) as (url, lag):
        house = house_over(await open_store(url))
        poll = (await house.poll(results=ResultsMode.AFTER_VOTE)).poll
        token, _ = house.token()
        assert (await house.door.read_authorized(poll.id, bearer(token)))[1].reader is ReaderRole.PUBLIC
        lag.seconds = 0.55
        for asked in (house.door.read_authorized, house.door.authorize):
            began = time.monotonic()
            with pytest.raises(StoreUnavailable):
                await asked(poll.id, bearer(token))
            assert time.monotonic() - began < 1
        await house.store.close()
