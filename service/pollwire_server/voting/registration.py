"""Voters come and get their papers: a token to vote with, a ticket to read with.

The cookie is set beside the token for pages of the service's own site: out
of reach of scripts (``HttpOnly``), never sent by other sites' pages
(``SameSite=Lax``), kept as long as the token. A form on a foreign page could
send a visitor here without asking first, and a cookie set in that answer would
replace the visitor's own; so a request of a foreign origin gets none, for
whichever poll it asks: only the service's own rule says who is foreign here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import msgspec
from msgspec import Meta

from pollwire_server.auth.api_keys import ApiKeyAuthenticator, Scope
from pollwire_server.auth.credentials import COOKIE, bearer_of
from pollwire_server.auth.origins import Headers, OriginPolicy
from pollwire_server.auth.tickets import Tickets
from pollwire_server.auth.voter_tokens import LIFETIME_S, VoterTokens
from pollwire_server.domain.errors import InvalidChoice, PollwireError
from pollwire_server.problem_details import HttpResponse, to_pollwire_error
from pollwire_server.voting.registration_limiter import RegistrationLimiter
from pollwire_server.voting.requests import BodyReader, RegistrationRequest, Shape
from pollwire_server.voting.responses import (
    TicketAnswer,
    TokenAnswer,
    json_response,
    problem_with_headers,
    time_text,
)
from pollwire_server.voting.voter_resolver import VoterResolver

Done = Callable[[HttpResponse], None]

VOTERS_PATH = "/v1/voters"
TICKETS_PATH = "/v1/tickets"


class RegistrationBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a voter may say of themselves."""

    name: Annotated[str, Meta(min_length=1, max_length=40)] | None = None
    """Shown on leaderboards, if anywhere."""
    challenge: Annotated[str, Meta(max_length=4096)] | None = None
    """The solved challenge, an ALTCHA payload, where one was posed."""


class EmptyBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An empty object."""


class VoterRegistration:
    """Issues tokens and tickets."""

    __slots__ = ("_admission", "_callers", "_keys", "_nothing", "_origins", "_tickets", "_tokens", "_voter")

    def __init__(
        self,
        *,
        callers: VoterResolver,
        tokens: VoterTokens,
        tickets: Tickets,
        keys: ApiKeyAuthenticator,
        origins: OriginPolicy,
        admission: RegistrationLimiter,
    ) -> None:
        self._admission = admission
        self._callers = callers
        self._tokens = tokens
        self._tickets = tickets
        self._keys = keys
        self._origins = origins
        self._voter = BodyReader(RegistrationBody)
        self._nothing = BodyReader(EmptyBody)

    def register(self, request: RegistrationRequest, done: Done) -> None:
        """A token for a new voter, or one for the same voter that lasts 400 days from now.

        ``done`` is called once with the answer, perhaps before this returns. Never raises, and never waits.
        """
        headers = self._cors(request)
        try:
            body = _fields(self._voter, request) or RegistrationBody()
            name = None if body.name is None else _checked_name(body.name)
        except Exception as failure:
            done(problem_with_headers(to_pollwire_error(failure), VOTERS_PATH, headers))
            return
        voter_id, known_name = self._known(request)
        if voter_id is not None:
            done(self._issue(request, headers, voter_id, name or known_name))
            return

        def told(error: PollwireError | None) -> None:
            refused = None if error is None else problem_with_headers(error, VOTERS_PATH, headers)
            done(refused or self._issue(request, headers, None, name))

        self._admission.admit(request.client, body.challenge, told)

    def _issue(
        self, request: RegistrationRequest, headers: Headers, voter_id: bytes | None, name: str | None
    ) -> HttpResponse:
        issued = self._tokens.issue(voter_id, name)
        document = TokenAnswer(issued.token, time_text(issued.expires_at))
        if self._origins.allows(request.origin, request.host):
            headers = (*headers, (b"set-cookie", self._cookie(issued.token, request)))
        return json_response(document, headers, status=201)

    async def ticket(self, request: RegistrationRequest) -> HttpResponse:
        """A ticket for whoever has a voter's token, ours or a site's, or an API key that may read polls."""
        headers = self._cors(request)
        try:
            await self._callers.load_issuer_keys(request)
            body = self._nothing.read_optional(request.content_type, request.body)
            voter_id = self._reader(request)
            if isinstance(body, PollwireError):
                raise body
        except Exception as failure:
            return problem_with_headers(to_pollwire_error(failure), TICKETS_PATH, headers)
        issued = self._tickets.issue(voter_id)
        return json_response(TicketAnswer(issued.ticket, time_text(issued.expires_at)), headers, status=201)

    def _known(self, request: RegistrationRequest) -> tuple[bytes | None, str | None]:
        """Id and name of the voter that asks; nobody's where the token is bad: they came for a new one."""
        try:
            voter = self._callers.verified_token(request)
        except PollwireError:
            return None, None
        return voter.id, voter.name

    def _reader(self, request: RegistrationRequest) -> bytes | None:
        """The id of the voter who is to read; None for an operator."""
        bearer = bearer_of(request.authorization)
        operator = None if bearer is None else self._keys.operator_of(bearer)
        if operator is None:
            return self._callers.reader(request)
        operator.require_scope(Scope.POLLS_READ)
        return None

    def _cookie(self, token: str, request: RegistrationRequest) -> bytes:
        attributes = f"Max-Age={LIFETIME_S}; Path=/; HttpOnly; SameSite=Lax"
        secure = "; Secure" if request.secure or self._origins.is_public_url_encrypted else ""
        return f"{COOKIE}={token}; {attributes}{secure}".encode("ascii")

    def _cors(self, request: RegistrationRequest) -> Headers:
        return self._origins.cors_headers(request.origin, request.host, request.sites)


def _fields(reader: BodyReader[Shape], request: RegistrationRequest) -> Shape | None:
    """The body's fields, None without a body."""
    body = reader.read_optional(request.content_type, request.body)
    if isinstance(body, InvalidChoice):
        raise body
    return body


def _checked_name(name: str) -> str:
    """The name without the space around it; ``InvalidChoice`` where nothing can be read in it."""
    name = name.strip()
    if not name or any(letter < " " or "\x7f" <= letter < "\xa0" for letter in name):
        raise InvalidChoice("name must have 1 to 40 characters that can be read.", "name")
    return name
