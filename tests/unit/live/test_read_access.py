"""Read authorization of polls and roles."""

from __future__ import annotations

import secrets
import time
from typing import NamedTuple

import pytest
from pollwire_server.auth.api_keys import ADMIN_KEY_ID, ApiKeyAuthenticator
from pollwire_server.auth.issuers import IssuerTokenVerifier
from pollwire_server.auth.jwks import JwksCache
from pollwire_server.auth.origins import OriginPolicy
from pollwire_server.auth.poll_origins import PollOriginPolicy
from pollwire_server.auth.tickets import Ticket, Tickets
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
from pollwire_server.live.read_access import ReadAccess, StreamCredentials, TicketInvalid, credentials_from
from pollwire_server.live.result_feed import ResultFeed
from pollwire_server.settings import Settings
from pollwire_server.store import Store, open_store
from pollwire_server.store.polls.cache import PollRecord
from pollwire_server.store.votes.ballots import BallotInput

from tests.factories import FAR_OFF, a_poll
from tests.slow_store import lagging
from tests.valkey import Valkey

KEY = secrets.token_urlsafe(16)
OPERATOR = Ticket(None, bytes.fromhex(ADMIN_KEY_ID))
FOREIGN = StreamCredentials(origin="https://elsewhere.example", host="polls.example")


class Setup(NamedTuple):
    """Read access and its collaborators. Tests can move ``clock`` (ms)."""

    access: ReadAccess
    hub: Hub
    store: Store
    tokens: VoterTokens
    tickets: Tickets
    clock: list[int]

    def token(self) -> tuple[bytes, bytes]:
        """Return a new voter's token and its id."""
        token = self.tokens.issue().token.encode()
        verified = self.tokens.verify(token)
        assert verified is not None
        return token, verified.id

    async def poll(self, **changes: object) -> PollRecord:
        """Create a poll. It is then cached."""
        record, _ = await self.store.polls.create(a_poll(**changes), "digest")
        return record


@pytest.fixture
def setup(store: Store) -> Setup:
    """Return read access over the real store."""
    return setup_over(store)


def setup_over(store: Store) -> Setup:
    """Return read access over this store, with its collaborators."""
    clock, hub = [1_800_000_000_000], Hub()
    secret = (secrets.token_urlsafe(32),)
    tokens, tickets = VoterTokens(secret, lambda: clock[0]), Tickets(secret, lambda: clock[0])
    poll_origins = PollOriginPolicy(OriginPolicy(Settings(allowed_origins=("https://news.example",))), store)
    feed = ResultFeed(store, hub, stream_hz=10)
    issuers = IssuerTokenVerifier(store.issuers, JwksCache())
    access = ReadAccess(
        store,
        feed,
        hub,
        poll_origins=poll_origins,
        tokens=tokens,
        tickets=tickets,
        api_keys=ApiKeyAuthenticator(KEY),
        issuers=issuers,
    )
    return Setup(access, hub, store, tokens, tickets, clock)


def bearer(token: bytes | str) -> StreamCredentials:
    text = token if isinstance(token, str) else token.decode()
    return StreamCredentials(authorization=f"Bearer {text}".encode())


def test_credentials_are_read_from_headers_and_query() -> None:
    headers = {b"origin": b"https://a.example", b"host": b"h", b"authorization": b"x", b"cookie": b"y"}
    credentials = credentials_from(headers, b"a=1&ticket=ab%2Bc&ticket=second")
    assert credentials == StreamCredentials(
        origin="https://a.example", host="h", ticket="ab+c", authorization=b"x", cookie=b"y"
    )
    assert credentials_from({}, b"notaticket=1") == StreamCredentials()


async def test_cached_poll_is_authorized_without_store(setup: Setup) -> None:
    record = await setup.poll()
    grant = setup.access.authorize_cached(record.poll.id, StreamCredentials())
    assert grant is not None
    assert grant.role is ReaderRole.PUBLIC


async def test_cached_authorization_returns_none_instead_of_rejecting(setup: Setup) -> None:
    """Unknown, foreign, forged, invisible and draining cases are left to ``authorize``."""
    record = await setup.poll(results=ResultsMode.AFTER_CLOSE)
    later = await setup.poll(visible_at=FAR_OFF)
    assert setup.access.authorize_cached("nowhere", StreamCredentials()) is None
    assert setup.access.authorize_cached(record.poll.id, FOREIGN) is None
    assert setup.access.authorize_cached(record.poll.id, bearer("forged")) is None
    assert setup.access.authorize_cached(later.poll.id, StreamCredentials()) is None
    setup.hub.is_draining = True
    assert setup.access.authorize_cached(record.poll.id, StreamCredentials()) is None


async def test_public_results_ignore_forged_token(setup: Setup) -> None:
    record = await setup.poll()
    assert setup.access.authorize_cached(record.poll.id, bearer("forged")) is not None
    update = await setup.access.read(record.poll.id)
    assert (await setup.access.resolve_role(update, bearer("forged"))).role is ReaderRole.PUBLIC


@pytest.mark.parametrize("mode", [ResultsMode.AFTER_VOTE, ResultsMode.AFTER_CLOSE, ResultsMode.OPERATORS])
async def test_operator_is_recognized_by_key_and_ticket(setup: Setup, mode: ResultsMode) -> None:
    record = await setup.poll(results=mode)
    ticket = setup.tickets.issue(OPERATOR).ticket
    for credentials in (bearer(KEY), StreamCredentials(ticket=ticket)):
        grant = setup.access.authorize_cached(record.poll.id, credentials)
        assert grant is not None
        assert grant.role is ReaderRole.OPERATOR


async def test_voter_role_is_granted_after_vote_by_token_cookie_and_ticket(setup: Setup) -> None:
    record, other = [await setup.poll(results=ResultsMode.AFTER_VOTE) for _ in range(2)]
    token, voter_id = setup.token()
    ticket = setup.tickets.issue(Ticket(voter_id)).ticket
    all_credentials = (
        bearer(token),
        StreamCredentials(cookie=b"a=b; pollwire_voter=" + token),
        StreamCredentials(ticket=ticket),
    )
    for credentials in all_credentials:
        assert setup.access.authorize_cached(record.poll.id, credentials) is None
        assert (await setup.access.authorize(record.poll.id, credentials)).role is ReaderRole.PUBLIC
    voter = voter_id_from_token(record.voter_key, voter_id)
    await setup.store.ballots.cast_many([(record, [BallotInput(voter, "A")])])
    for credentials in all_credentials:
        assert (await setup.access.authorize(record.poll.id, credentials)).role is ReaderRole.VOTED
        assert (await setup.access.authorize(other.poll.id, credentials)).role is ReaderRole.PUBLIC


async def test_forged_bearer_is_rejected_but_invalid_cookie_and_ticket_are_ignored(setup: Setup) -> None:
    record = await setup.poll(results=ResultsMode.AFTER_VOTE)
    with pytest.raises(VoterTokenInvalid):
        await setup.access.authorize(record.poll.id, bearer("forged"))
    ticket = setup.tickets.issue(OPERATOR).ticket
    setup.clock[0] += 60_000
    for credentials in (
        StreamCredentials(cookie=b"pollwire_voter=forged"),
        StreamCredentials(ticket=ticket),
        StreamCredentials(ticket=""),
    ):
        assert (await setup.access.authorize(record.poll.id, credentials)).role is ReaderRole.PUBLIC


async def test_verified_ticket_outlives_its_expiry_on_open_stream(setup: Setup) -> None:
    record = await setup.poll(results=ResultsMode.OPERATORS)
    credentials = StreamCredentials(ticket=setup.tickets.issue(OPERATOR).ticket)
    verified = setup.access.with_verified_ticket(credentials)
    setup.clock[0] += 60_000
    assert (await setup.access.authorize(record.poll.id, verified)).role is ReaderRole.OPERATOR
    assert (await setup.access.authorize(record.poll.id, credentials)).role is ReaderRole.PUBLIC
    with pytest.raises(TicketInvalid):
        setup.access.open_ticket(credentials.ticket or "")


async def test_invisible_poll_exists_for_operators_only(setup: Setup) -> None:
    record = await setup.poll(visible_at=FAR_OFF)
    token, _ = setup.token()
    for credentials in (StreamCredentials(), bearer(token)):
        with pytest.raises(PollNotFound):
            await setup.access.authorize(record.poll.id, credentials)
    assert (await setup.access.authorize(record.poll.id, bearer(KEY))).role is ReaderRole.OPERATOR


async def test_poll_past_visible_at_is_authorized_from_cache(setup: Setup) -> None:
    record = await setup.poll(visible_at=await setup.store.polls.now())
    await setup.access.read(record.poll.id)
    assert setup.access.authorize_cached(record.poll.id, StreamCredentials()) is not None


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
async def test_streams_are_limited_to_allowed_origins(
    setup: Setup, origin: str | None, poll_origins: tuple[str, ...] | None, allowed: bool
) -> None:
    record = await setup.poll(origins=poll_origins)
    credentials = StreamCredentials(origin=origin, host="polls.example")
    assert (setup.access.authorize_cached(record.poll.id, credentials) is not None) is allowed
    try:
        await setup.access.authorize(record.poll.id, credentials)
        is_authorized = True
    except OriginNotAllowed:
        is_authorized = False
    assert is_authorized is allowed


@pytest.mark.parametrize("poll_id", ["nowhere", "", "Upper", "a/b", "x" * 65, "-a", "ä", "a\n"])
async def test_unknown_or_malformed_poll_id_is_not_found(setup: Setup, poll_id: str) -> None:
    with pytest.raises(PollNotFound):
        await setup.access.authorize(poll_id, StreamCredentials())


async def test_draining_service_rejects_new_streams(setup: Setup) -> None:
    record = await setup.poll()
    setup.hub.is_draining = True
    with pytest.raises(Overloaded):
        await setup.access.authorize(record.poll.id, StreamCredentials())


async def test_authorization_with_two_slow_calls_fails_within_deadline(
    own_valkey: Valkey,
) -> None:
    """Reading the poll and then the vote shares one deadline of a second."""
    async with lagging(own_valkey) as (url, lag):
        setup = setup_over(await open_store(url))
        poll = (await setup.poll(results=ResultsMode.AFTER_VOTE)).poll
        token, _ = setup.token()
        assert (await setup.access.read_authorized(poll.id, bearer(token)))[1].role is ReaderRole.PUBLIC
        lag.seconds = 0.55
        for authorize in (setup.access.read_authorized, setup.access.authorize):
            started_at = time.monotonic()
            with pytest.raises(StoreUnavailable):
                await authorize(poll.id, bearer(token))
            assert time.monotonic() - started_at < 1
        await setup.store.close()
