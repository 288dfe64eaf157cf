"""Fast path of the voting API: votes, voter tokens and their preflights, answered without ASGI.

This module is transport only. It uses the same vote service, registration and CORS policy as the routes, so
each rule exists once. The corpus test sends the same requests both ways and compares the responses.
"""

from __future__ import annotations

import re
from typing import Final

from pollwire_server.auth.cors import CorsPolicy, is_preflight
from pollwire_server.domain.identifiers import IDENTIFIER_PATTERN
from pollwire_server.http_protocol import CacheableHandler, FastPathRequest, Handler, Headers, Respond
from pollwire_server.store.polls.repository import Polls
from pollwire_server.voting.registration import VOTERS_PATH, VoterRegistration
from pollwire_server.voting.requests import RegistrationRequest, VoteRequest
from pollwire_server.voting.vote_service import VoteService

_POLL_ID: Final = IDENTIFIER_PATTERN.encode("ascii")
_REGISTRATION_URL: Final = re.compile(VOTERS_PATH.encode("ascii") + rb"(?:\?poll=(%b))?" % _POLL_ID)
_VOTES_URL: Final = re.compile(rb"/v1/polls/(%b)/votes" % _POLL_ID)


class VotingFastPath:
    """Fast path router of the voting API."""

    __slots__ = ("_cors", "_polls", "_registration", "_vote_service")

    def __init__(
        self, vote_service: VoteService, registration: VoterRegistration, cors: CorsPolicy, polls: Polls
    ) -> None:
        self._vote_service = vote_service
        self._registration = registration
        self._cors = cors
        self._polls = polls

    def match(self, method: bytes, url: bytes, headers: Headers) -> Handler | None:
        """Return the handler of a vote, a registration or a preflight of either, or None."""
        if method == b"POST":
            if found := _VOTES_URL.fullmatch(url):
                return _CachedVoteHandler(self._vote_service, found[1].decode("ascii"), headers)
            return self._register if self._is_origin_rule_cached(_REGISTRATION_URL.fullmatch(url)) else None
        if is_preflight(method.decode("ascii"), headers):
            found = _VOTES_URL.fullmatch(url) or _REGISTRATION_URL.fullmatch(url)
            return self._preflight if self._is_origin_rule_cached(found) else None
        return None

    def _is_origin_rule_cached(self, found: re.Match[bytes] | None) -> bool:
        """Return True if the URL names no poll, or a poll in the cache, so that no read is necessary."""
        return found is not None and (found[1] is None or self._polls.cached(found[1].decode()) is not None)

    def _poll_origins(self, url: bytes) -> tuple[str, ...] | None:
        """Return the allowed origins of the poll that the URL names, or None for the service's own rule."""
        found = _VOTES_URL.fullmatch(url) or _REGISTRATION_URL.fullmatch(url)
        record = self._polls.cached(found[1].decode()) if found and found[1] else None
        return None if record is None else record.poll.origins

    def _register(self, request: FastPathRequest, respond: Respond) -> None:
        headers = request.head.headers
        registration = RegistrationRequest.from_raw_headers(
            headers,
            request.client,
            secure=request.secure,
            poll_origins=self._poll_origins(request.head.url),
            content_type=headers.get(b"content-type"),
            body=request.body,
        )
        registration.authorization = request.authorization  # kept apart from the cacheable headers
        self._registration.register(registration, respond)

    def _preflight(self, request: FastPathRequest, respond: Respond) -> None:
        head = request.head
        respond(self._cors.preflight_response(head.origin, head.host, self._poll_origins(head.url)))


class _CachedVoteHandler(CacheableHandler):
    """Handler of all votes with the same request head. Their tokens and bodies differ."""

    __slots__ = ("_template", "_vote_service")

    def __init__(self, vote_service: VoteService, poll_id: str, headers: Headers) -> None:
        self._vote_service = vote_service
        self._template = VoteRequest.from_raw_headers(
            headers,
            poll_id=poll_id,
            content_type=headers.get(b"content-type"),
            idempotency_key=headers.get(b"idempotency-key"),
        )

    def __call__(self, request: FastPathRequest, respond: Respond) -> None:
        """Copy the template, add the token, the address and the body, and cast the vote."""
        vote: VoteRequest = self._template.__copy__()  # type: ignore[attr-defined]  # not in msgspec's types
        vote.authorization = request.authorization
        vote.client = request.client
        vote.body = request.body
        self._vote_service.cast(vote, respond)
