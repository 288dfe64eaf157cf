"""What every new voter's browser sends, answered behind the server's parser: a vote, a token, preflights.

Transport only: the same desk, the same enrolment and the same rule of origins
as the routes ask, so that meaning exists once. The corpus test sends the same
requests both ways and compares what comes back.
"""

from __future__ import annotations

import re
from typing import Final

from pollwire_server.auth.origins import PUBLIC_METHODS, OriginPolicy
from pollwire_server.http_protocol import CacheableHandler, FastPathRequest, Handler, Headers, Respond
from pollwire_server.problem_details import HttpResponse
from pollwire_server.store.polls.repository import Polls
from pollwire_server.voting.registration import VOTERS_PATH, VoterRegistration
from pollwire_server.voting.requests import RegistrationRequest, VoteRequest
from pollwire_server.voting.vote_service import VoteService

_VOTERS: Final = VOTERS_PATH.encode("ascii")
_BEFORE_ID: Final = len(b"/v1/polls/")
_BEHIND_ID: Final = len(b"/votes")
_ENROLMENT = re.compile(_VOTERS + rb"(?:\?poll=([a-z0-9][a-z0-9-]{0,63}))?")
_VOTES = re.compile(rb"/v1/polls/([a-z0-9][a-z0-9-]{0,63})/votes")


class VotingFastPath:
    """Door 1 for plain requests."""

    __slots__ = ("_desk", "_enrolment", "_origins", "_polls")

    def __init__(
        self, desk: VoteService, enrolment: VoterRegistration, origins: OriginPolicy, polls: Polls
    ) -> None:
        self._desk = desk
        self._enrolment = enrolment
        self._origins = origins
        self._polls = polls

    def match(self, method: bytes, url: bytes, headers: Headers) -> Handler | None:
        """The handler of a vote, of somebody who comes for a token, or of the preflight of either."""
        if method == b"POST":
            if _VOTES.fullmatch(url):
                return _CachedVoteHandler(self._desk, url, headers)
            return self._enrol if self._origin_rule_is_cached(_ENROLMENT.fullmatch(url)) else None
        if method == b"OPTIONS" and _is_preflight(headers):
            found = _VOTES.fullmatch(url) or _ENROLMENT.fullmatch(url)
            return self._preflight if self._origin_rule_is_cached(found) else None
        return None

    def _origin_rule_is_cached(self, found: re.Match[bytes] | None) -> bool:
        """Whether whose pages may is the service's own rule, or that of a poll met before."""
        return found is not None and (found[1] is None or self._polls.cached(found[1].decode()) is not None)

    def _poll_origins(self, url: bytes) -> tuple[str, ...] | None:
        """The sites of the poll that the address is of or names."""
        found = _VOTES.fullmatch(url) or _ENROLMENT.fullmatch(url)
        record = self._polls.cached(found[1].decode()) if found and found[1] else None
        return None if record is None else record.poll.origins

    def _enrol(self, request: FastPathRequest, respond: Respond) -> None:
        header = request.head.headers.get
        asked = RegistrationRequest(
            authorization=request.authorization,
            cookie=header(b"cookie"),
            origin=_text(header(b"origin")),
            host=_text(header(b"host")),
            secure=request.secure,
            client=request.client,
            content_type=header(b"content-type"),
            body=request.body,
            sites=self._poll_origins(request.head.url),
        )
        self._enrolment.register(asked, respond)

    def _preflight(self, request: FastPathRequest, respond: Respond) -> None:
        origin, host = (_text(request.head.headers.get(name)) for name in (b"origin", b"host"))
        sites = self._poll_origins(request.head.url)
        respond(HttpResponse(204, self._origins.preflight_headers(origin, host, PUBLIC_METHODS, sites), b""))


class _CachedVoteHandler(CacheableHandler):
    """Deals with the votes of one head: each is what the head says, with a token and a body of its own."""

    __slots__ = ("_desk", "_each")

    def __init__(self, desk: VoteService, url: bytes, headers: Headers) -> None:
        self._desk = desk
        self._each = VoteRequest(
            poll_id=_poll_id(url),
            cookie=headers.get(b"cookie"),
            origin=_text(headers.get(b"origin")),
            host=_text(headers.get(b"host")),
            content_type=headers.get(b"content-type"),
            idempotency_key=headers.get(b"idempotency-key"),
        )

    def __call__(self, request: FastPathRequest, respond: Respond) -> None:
        """A vote."""
        vote: VoteRequest = self._each.__copy__()  # type: ignore[attr-defined]  # its types leave it out
        vote.authorization = request.authorization
        vote.secure = request.secure
        vote.client = request.client
        vote.body = request.body
        self._desk.cast(vote, respond)


def _is_preflight(headers: Headers) -> bool:
    """As the Fetch standard (3.2.2) knows one."""
    return b"origin" in headers and b"access-control-request-method" in headers


def _poll_id(url: bytes) -> str:
    return url[_BEFORE_ID:-_BEHIND_ID].decode("ascii")


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
