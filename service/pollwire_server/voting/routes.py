"""Routes of the voting API. Handlers convert requests to plain values and call a service.

The path is checked before the method: an unknown poll gets 404 even for a method that no poll supports. The
framework checks the method first, so each path of a poll also has a handler for its unsupported methods.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from litestar import Request, delete, get, post, route
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response.base import ASGIResponse

from pollwire_server.auth.client_address import client_in
from pollwire_server.auth.poll_origins import PollOriginPolicy, poll_ids_in_query
from pollwire_server.domain.errors import BodyTooLarge, MethodNotAllowed
from pollwire_server.http_protocol.media_type import check_media_type
from pollwire_server.problem_details import HttpResponse, add_head_method
from pollwire_server.store.polls.repository import Polls
from pollwire_server.store.transport.request_deadline import request_deadline
from pollwire_server.voting.own_votes import OwnVotes
from pollwire_server.voting.registration import TICKETS_PATH, VOTERS_PATH, VoterRegistration
from pollwire_server.voting.requests import (
    JSON,
    MAX_BODY_BYTES,
    OwnVoteRequest,
    ReceiptRequest,
    RegistrationRequest,
    VoteRequest,
)
from pollwire_server.voting.vote_service import VoteService, visible_record

AnyRequest = Request[Any, Any, Any]  # Any: this service does not use the framework's user, auth or state

_POLL: Final = "/v1/polls/{poll_id:str}"
_METHODS: Final = (HttpMethod.GET, HttpMethod.POST, HttpMethod.PUT, HttpMethod.PATCH, HttpMethod.DELETE)


def handlers(
    *,
    vote_service: VoteService,
    own_votes: OwnVotes,
    registration: VoterRegistration,
    polls: Polls,
    poll_origins: PollOriginPolicy,
) -> list[HTTPRouteHandler]:
    """Return all route handlers of the voting API except those of series."""
    return [
        _vote(vote_service, polls),
        *_own_vote(own_votes),
        _receipts(own_votes, polls),
        *_registration(registration, poll_origins),
        *_unsupported_methods(polls),
    ]


def _vote(vote_service: VoteService, polls: Polls) -> HTTPRouteHandler:
    @post(f"{_POLL}/votes", summary="Vote", status_code=200, request_max_body_size=None)
    async def cast_vote(request: AnyRequest, poll_id: FromPath[str]) -> ASGIResponse:
        vote = VoteRequest.from_scope(
            request.scope,
            poll_id=poll_id,
            content_type=_header(request, b"content-type"),
            idempotency_key=_header(request, b"idempotency-key"),
            body=await _poll_body(request, polls, poll_id),
        )
        # If the client disconnects, its handler is cancelled. The vote is counted all the same.
        return to_asgi(await _response_to(partial(vote_service.cast, vote)))

    return cast_vote


def _own_vote(own_votes: OwnVotes) -> list[HTTPRouteHandler]:
    @get(f"{_POLL}/votes/mine", summary="Get your vote")
    async def read_own_vote(request: AnyRequest, poll_id: FromPath[str]) -> ASGIResponse:
        return to_asgi(await own_votes.current(_own_vote_request(request, poll_id)))

    @delete(f"{_POLL}/votes/mine", summary="Withdraw your vote", status_code=200)
    async def withdraw_own_vote(request: AnyRequest, poll_id: FromPath[str]) -> ASGIResponse:
        return to_asgi(await own_votes.withdraw(_own_vote_request(request, poll_id)))

    @delete(f"{_POLL}/voters/me", summary="Erase your voter data", status_code=200)
    async def erase_own_vote(request: AnyRequest, poll_id: FromPath[str]) -> ASGIResponse:
        return to_asgi(await own_votes.erase(_own_vote_request(request, poll_id)))

    return [read_own_vote, withdraw_own_vote, erase_own_vote]


def _receipts(own_votes: OwnVotes, polls: Polls) -> HTTPRouteHandler:
    @post(
        f"{_POLL}/receipts",
        summary="Check a receipt",
        status_code=200,
        request_max_body_size=None,
    )
    async def check_receipt(request: AnyRequest, poll_id: FromPath[str]) -> ASGIResponse:
        receipt = ReceiptRequest.from_scope(
            request.scope,
            poll_id=poll_id,
            content_type=_header(request, b"content-type"),
            body=await _poll_body(request, polls, poll_id),
        )
        return to_asgi(await own_votes.check_receipt(receipt))

    return check_receipt


def _registration(registration: VoterRegistration, poll_origins: PollOriginPolicy) -> list[HTTPRouteHandler]:
    @post(VOTERS_PATH, summary="Register a voter or renew a token", request_max_body_size=None)
    async def register_voter(request: AnyRequest) -> ASGIResponse:
        credentials = await _registration_request(request, poll_origins)
        return to_asgi(await _response_to(partial(registration.register, credentials)))

    @post(TICKETS_PATH, summary="Create a ticket for a stream", request_max_body_size=None)
    async def issue_ticket(request: AnyRequest) -> ASGIResponse:
        return to_asgi(await registration.ticket(await _registration_request(request, poll_origins)))

    return [register_voter, issue_ticket]


def _unsupported_methods(polls: Polls) -> list[HTTPRouteHandler]:
    return [
        _rejecting(polls, "votes", ("POST",)),
        _rejecting(polls, "votes/mine", ("GET", "DELETE")),
        _rejecting(polls, "voters/me", ("DELETE",)),
        _rejecting(polls, "receipts", ("POST",)),
    ]


def _rejecting(polls: Polls, subpath: str, supported: tuple[str, ...]) -> HTTPRouteHandler:
    """Return the handler of the methods that a path of a poll does not support."""
    others = [method for method in _METHODS if method.value not in supported]

    @route(
        f"{_POLL}/{subpath}",
        http_method=others,
        include_in_schema=False,
        status_code=405,
        rejects_method=True,
    )
    async def refuse_method(poll_id: FromPath[str]) -> None:
        async with request_deadline():
            await visible_record(polls, poll_id)
        raise MethodNotAllowed(add_head_method(supported))

    return refuse_method


def _own_vote_request(request: AnyRequest, poll_id: str) -> OwnVoteRequest:
    revisions = request.query_params.getall("revision", [])
    return OwnVoteRequest.from_scope(
        request.scope,
        poll_id=poll_id,
        idempotency_key=_header(request, b"idempotency-key"),
        revision=", ".join(revisions) if revisions else None,  # two values joined are not a number: 422
    )


async def _registration_request(request: AnyRequest, poll_origins: PollOriginPolicy) -> RegistrationRequest:
    scope = request.scope
    registration = RegistrationRequest.from_scope(
        scope,
        secure=client_in(scope).is_encrypted or scope["scheme"] == "https",
        content_type=_header(request, b"content-type"),
    )
    poll_ids = poll_ids_in_query(scope["query_string"], limit=1)
    registration.poll_origins = await poll_origins.allowed_origins(
        registration.origin, registration.host, poll_ids
    )
    try:
        registration.body = await _body(request)
    except BodyTooLarge:
        check_media_type(registration.content_type, JSON)
        raise
    return registration


async def _poll_body(request: AnyRequest, polls: Polls, poll_id: str) -> bytes:
    """Read the body. Raises ``BodyTooLarge`` (413) only after the checks for 404 and 415."""
    try:
        return await _body(request)
    except BodyTooLarge:
        async with request_deadline():
            await visible_record(polls, poll_id)
        check_media_type(_header(request, b"content-type"), JSON)
        raise


async def _body(request: AnyRequest) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise BodyTooLarge(MAX_BODY_BYTES)
    return bytes(body)


async def _response_to(call: Callable[[Callable[[HttpResponse], None]], None]) -> HttpResponse:
    """Wait for the response that ``call`` passes to its callback."""
    response: asyncio.Future[HttpResponse] = asyncio.get_running_loop().create_future()
    call(lambda result: None if response.done() else response.set_result(result))
    return await response


def _header(request: AnyRequest, name: bytes) -> bytes | None:
    """Return the raw value of a header, the first if it is repeated."""
    return next((value for key, value in request.scope["headers"] if key == name), None)


def to_asgi(response: HttpResponse) -> ASGIResponse:
    """Convert a response for the framework. The framework adds no headers of its own."""
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers]
    return ASGIResponse(body=response.body, status_code=response.status, headers=headers)
