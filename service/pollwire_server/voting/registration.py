"""Registration of voters: issues tokens for voting and tickets for reading results.

A token is also set as a cookie, for pages of the service's own origin. Scripts cannot read it (``HttpOnly``),
pages of other sites cannot send it (``SameSite=Lax``), and it lasts as long as the token.

A request from a foreign origin gets no cookie. A form on a foreign page could otherwise send a visitor here
without a preflight, and the cookie of that response would replace the visitor's own. Only the service's own
rule decides which origins are foreign, not the rule of a poll.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import msgspec
from msgspec import Meta

from pollwire_server.auth.api_keys import ApiKeyAuthenticator, Operator, Scope
from pollwire_server.auth.cors import Headers
from pollwire_server.auth.credentials import COOKIE, SECURE_COOKIE, bearer_of
from pollwire_server.auth.origins import OriginPolicy
from pollwire_server.auth.tickets import Ticket, Tickets
from pollwire_server.auth.voter_tokens import LIFETIME_S, VoterTokens
from pollwire_server.domain.decoding import EmptyBody
from pollwire_server.domain.errors import InvalidChoice, PollwireError
from pollwire_server.domain.text_validation import has_control_characters, is_blank
from pollwire_server.problem_details import HttpResponse, problem_response, to_pollwire_error
from pollwire_server.voting.registration_limiter import RegistrationLimiter
from pollwire_server.voting.requests import BodyReader, RegistrationRequest, Shape
from pollwire_server.voting.responses import (
    TicketResponse,
    TokenResponse,
    json_response,
    time_text,
)
from pollwire_server.voting.voter_resolver import VoterResolver

OnResponse = Callable[[HttpResponse], None]

VOTERS_PATH = "/v1/voters"
TICKETS_PATH = "/v1/tickets"


class RegistrationBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Optional fields of a registration."""

    name: Annotated[str, Meta(min_length=1, max_length=40)] | None = None
    """Display name on leaderboards."""
    challenge: Annotated[str, Meta(max_length=4096)] | None = None
    """Solution of a challenge, as an ALTCHA payload."""


class VoterRegistration:
    """Application service that issues tokens and tickets."""

    __slots__ = (
        "_api_keys",
        "_empty_reader",
        "_limiter",
        "_on_operator_ticket",
        "_origins",
        "_registration_reader",
        "_tickets",
        "_tokens",
        "_voter_resolver",
    )

    def __init__(
        self,
        *,
        voter_resolver: VoterResolver,
        tokens: VoterTokens,
        tickets: Tickets,
        api_keys: ApiKeyAuthenticator,
        origins: OriginPolicy,
        limiter: RegistrationLimiter,
        on_operator_ticket: Callable[[Operator], None] = lambda _operator: None,
    ) -> None:
        self._limiter = limiter
        self._on_operator_ticket = on_operator_ticket
        self._voter_resolver = voter_resolver
        self._tokens = tokens
        self._tickets = tickets
        self._api_keys = api_keys
        self._origins = origins
        self._registration_reader = BodyReader(RegistrationBody)
        self._empty_reader = BodyReader(EmptyBody)

    def register(self, request: RegistrationRequest, on_response: OnResponse) -> None:
        """Issue a token for a new voter, or renew the voter's token for 400 days.

        ``on_response`` is called once with the response, perhaps before this method returns. Never raises and
        never waits.
        """
        try:
            body = _fields(self._registration_reader, request) or RegistrationBody()
            name = None if body.name is None else _checked_name(body.name)
        except Exception as failure:
            on_response(_problem(failure, VOTERS_PATH, request))
            return
        voter_id, known_name = self._current_voter(request)
        if voter_id is not None:
            on_response(self._issue(request, voter_id, name or known_name))
            return

        def on_decision(error: PollwireError | None) -> None:
            rejection = None if error is None else _problem(error, VOTERS_PATH, request)
            on_response(rejection or self._issue(request, None, name))

        self._limiter.check(request.client, body.challenge, on_decision)

    def _issue(self, request: RegistrationRequest, voter_id: bytes | None, name: str | None) -> HttpResponse:
        issued = self._tokens.issue(voter_id, name)
        document = TokenResponse(issued.token, time_text(issued.expires_at))
        headers: Headers = ()
        if self._origins.allows(request.origin, request.host):
            headers = ((b"set-cookie", self._cookie(issued.token, request)),)
        return json_response(document, 201, headers, request.poll_origins)

    async def ticket(self, request: RegistrationRequest) -> HttpResponse:
        """Issue a ticket for a voter's token, an issuer's token, or an API key that may read results."""
        try:
            await self._voter_resolver.load_issuer_keys(request)
            body = self._empty_reader.read_optional(request.content_type, request.body)
            reader = self._reader(request)
            if isinstance(body, PollwireError):
                raise body
        except Exception as failure:
            return _problem(failure, TICKETS_PATH, request)
        issued = self._tickets.issue(reader)
        return json_response(TicketResponse(issued.ticket, time_text(issued.expires_at)), 201)

    def _current_voter(self, request: RegistrationRequest) -> tuple[bytes | None, str | None]:
        """Return the id and the name in the request's token.

        An invalid token counts as none: it is replaced.
        """
        try:
            voter = self._voter_resolver.verified_token(request)
        except PollwireError:
            return None, None
        return voter.id, voter.name

    def _reader(self, request: RegistrationRequest) -> Ticket:
        """Return the voter or the operator that the ticket is for."""
        bearer = bearer_of(request.authorization)
        operator = None if bearer is None else self._api_keys.operator_of(bearer)
        if operator is None:
            return self._voter_resolver.reader(request)
        operator.require_scope(Scope.RESULTS_READ)
        self._on_operator_ticket(operator)
        return Ticket(None, bytes.fromhex(operator.key_id))

    def _cookie(self, token: str, request: RegistrationRequest) -> bytes:
        attributes = f"Max-Age={LIFETIME_S}; Path=/; HttpOnly; SameSite=Lax"
        if request.client.is_encrypted or self._origins.is_public_url_encrypted:
            return f"{SECURE_COOKIE}={token}; {attributes}; Secure".encode("ascii")
        secure = "; Secure" if request.secure else ""
        return f"{COOKIE}={token}; {attributes}{secure}".encode("ascii")


def _problem(failure: Exception, path: str, request: RegistrationRequest) -> HttpResponse:
    return problem_response(to_pollwire_error(failure), path, request.poll_origins)


def _fields(reader: BodyReader[Shape], request: RegistrationRequest) -> Shape | None:
    """Decode an optional body. Return None if it is empty."""
    body = reader.read_optional(request.content_type, request.body)
    if isinstance(body, InvalidChoice):
        raise body
    return body


def _checked_name(name: str) -> str:
    """Return the name without surrounding whitespace. Raises ``InvalidChoice`` unless it is readable."""
    name = name.strip()
    if is_blank(name) or has_control_characters(name):
        raise InvalidChoice("name must have 1 to 40 visible characters.", "name")
    return name
