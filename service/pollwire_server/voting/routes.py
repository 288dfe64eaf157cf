"""The addresses of this door: make plain values of a request, ask, send the answer as it is.

An address is found before its method is judged: an unknown poll is 404 even
to a method that no poll takes. The framework asks the other way round, so
each address of a poll also has a handler for the methods it does not take.
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
from pollwire_server.auth.origins import OriginPolicy
from pollwire_server.auth.poll_origins import PollOriginPolicy, poll_ids_in_query
from pollwire_server.domain.errors import BodyTooLarge, MethodNotAllowed
from pollwire_server.problem_details import HttpResponse, add_head_method, to_pollwire_error
from pollwire_server.store.polls.repository import Polls
from pollwire_server.store.transport.request_deadline import request_deadline
from pollwire_server.voting.own_votes import OwnVotes
from pollwire_server.voting.registration import TICKETS_PATH, VOTERS_PATH, VoterRegistration
from pollwire_server.voting.requests import (
    LARGEST_BODY_BYTES,
    OwnVoteRequest,
    ReceiptRequest,
    RegistrationRequest,
    VoteRequest,
)
from pollwire_server.voting.responses import poll_path, problem_with_headers
from pollwire_server.voting.vote_service import VoteService, visible_record

AnyRequest = Request[Any, Any, Any]  # Any: this service uses no user, auth or state of the framework's

_TAGS: Final = ["voting"]
_POLL: Final = "/v1/polls/{poll_id:str}"
_METHODS: Final = (HttpMethod.GET, HttpMethod.POST, HttpMethod.PUT, HttpMethod.PATCH, HttpMethod.DELETE)
_TOO_LARGE: Final = bytes(LARGEST_BODY_BYTES + 1)
"""Stands for any body that was refused on its way, so that 413 is told in its turn, after 404 and 415."""


def handlers(
    *,
    desk: VoteService,
    own_votes: OwnVotes,
    enrolment: VoterRegistration,
    polls: Polls,
    sites: PollOriginPolicy,
) -> list[HTTPRouteHandler]:
    """Every route of the door."""
    return [
        _vote(desk),
        *_mine(own_votes),
        _receipts(own_votes),
        *_enrolment(enrolment, sites),
        *_other_methods(polls, sites.origins),
    ]


def _vote(desk: VoteService) -> HTTPRouteHandler:
    @post(f"{_POLL}/votes", summary="Vote", tags=_TAGS, status_code=200, request_max_body_size=None)
    async def cast_vote(request: AnyRequest, poll_id: FromPath[str]) -> ASGIResponse:
        vote = VoteRequest(
            poll_id=poll_id,
            idempotency_key=_header(request, b"idempotency-key"),
            **caller_fields(request),
            **await _content(request),
        )
        # A client that left cancels its handler, and the vote goes on without it.
        return response_of(await _answered(partial(desk.cast, vote)))

    return cast_vote


def _mine(own_votes: OwnVotes) -> list[HTTPRouteHandler]:
    @get(f"{_POLL}/votes/mine", summary="Read one's own vote", tags=_TAGS)
    async def read_own_vote(request: AnyRequest, poll_id: FromPath[str]) -> ASGIResponse:
        return response_of(await own_votes.current(_mine_request(request, poll_id)))

    @delete(f"{_POLL}/votes/mine", summary="Take one's own vote back", tags=_TAGS, status_code=200)
    async def withdraw_own_vote(request: AnyRequest, poll_id: FromPath[str]) -> ASGIResponse:
        return response_of(await own_votes.withdraw(_mine_request(request, poll_id)))

    @delete(f"{_POLL}/voters/me", summary="Erase what leads to one's own vote", tags=_TAGS, status_code=200)
    async def erase_own_vote(request: AnyRequest, poll_id: FromPath[str]) -> ASGIResponse:
        return response_of(await own_votes.erase(_mine_request(request, poll_id)))

    return [read_own_vote, withdraw_own_vote, erase_own_vote]


def _receipts(own_votes: OwnVotes) -> HTTPRouteHandler:
    @post(
        f"{_POLL}/receipts",
        summary="Check a receipt",
        tags=_TAGS,
        status_code=200,
        request_max_body_size=None,
    )
    async def check_receipt(request: AnyRequest, poll_id: FromPath[str]) -> ASGIResponse:
        shown = ReceiptRequest(poll_id=poll_id, **caller_fields(request), **await _content(request))
        return response_of(await own_votes.check_receipt(shown))

    return check_receipt


def _enrolment(enrolment: VoterRegistration, sites: PollOriginPolicy) -> list[HTTPRouteHandler]:
    @post(VOTERS_PATH, summary="Become a voter, or stay the same one", tags=_TAGS, request_max_body_size=None)
    async def enrol_voter(request: AnyRequest) -> ASGIResponse:
        asked = await _enrolment_request(request, sites)
        return response_of(await _answered(partial(enrolment.register, asked)))

    @post(TICKETS_PATH, summary="Get a ticket to read with", tags=_TAGS, request_max_body_size=None)
    async def issue_ticket(request: AnyRequest) -> ASGIResponse:
        return response_of(await enrolment.ticket(await _enrolment_request(request, sites)))

    return [enrol_voter, issue_ticket]


def _other_methods(polls: Polls, origins: OriginPolicy) -> list[HTTPRouteHandler]:
    return [
        _refusing(polls, origins, "votes", ("POST",)),
        _refusing(polls, origins, "votes/mine", ("GET", "DELETE")),
        _refusing(polls, origins, "voters/me", ("DELETE",)),
        _refusing(polls, origins, "receipts", ("POST",)),
    ]


def _refusing(polls: Polls, origins: OriginPolicy, address: str, taken: tuple[str, ...]) -> HTTPRouteHandler:
    """The handler of the methods that an address of a poll does not take."""
    others = [method for method in _METHODS if method.value not in taken]

    @route(f"{_POLL}/{address}", http_method=others, include_in_schema=False, status_code=405, refuses=True)
    async def refuse_method(request: AnyRequest, poll_id: FromPath[str]) -> ASGIResponse:
        named = None
        try:
            async with request_deadline():
                named = (await visible_record(polls, poll_id)).poll.origins
            raise MethodNotAllowed(add_head_method(taken))
        except Exception as failure:
            caller = caller_fields(request)
            headers = origins.cors_headers(caller["origin"], caller["host"], named)
            return response_of(
                problem_with_headers(to_pollwire_error(failure), poll_path(poll_id, address), headers)
            )

    return refuse_method


def _mine_request(request: AnyRequest, poll_id: str) -> OwnVoteRequest:
    named = request.query_params.getall("revision", [])
    return OwnVoteRequest(
        poll_id=poll_id,
        idempotency_key=_header(request, b"idempotency-key"),
        revision=", ".join(named) if named else None,  # two of them are no number, and refused as such
        **caller_fields(request),
    )


async def _enrolment_request(request: AnyRequest, sites: PollOriginPolicy) -> RegistrationRequest:
    caller = caller_fields(request)
    named = poll_ids_in_query(request.scope["query_string"], most=1)
    rule = await sites.allowed_origins(caller["origin"], caller["host"], named)
    return RegistrationRequest(sites=rule, **caller, **await _content(request))


def caller_fields(request: AnyRequest) -> dict[str, Any]:  # Any: the fields of ``requests.Caller``
    """Who asks, by the headers and the connection."""
    client = client_in(request.scope)
    return {
        "authorization": _header(request, b"authorization"),
        "cookie": _header(request, b"cookie"),
        "origin": _text(_header(request, b"origin")),
        "host": _text(_header(request, b"host")),
        "secure": client.is_encrypted or request.scope["scheme"] == "https",
        "client": client,
    }


async def _content(request: AnyRequest) -> dict[str, Any]:  # Any: as above, for what has a body
    return {"content_type": _header(request, b"content-type"), "body": await _body(request)}


async def _body(request: AnyRequest) -> bytes:
    """The body, as far as it may be long."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST_BODY_BYTES:
                return _TOO_LARGE
    except BodyTooLarge:
        return _TOO_LARGE
    return bytes(body)


async def _answered(ask: Callable[[Callable[[HttpResponse], None]], None]) -> HttpResponse:
    """What ``ask`` is answered, now or later."""
    answered: asyncio.Future[HttpResponse] = asyncio.get_running_loop().create_future()
    ask(lambda answer: None if answered.done() else answered.set_result(answer))
    return await answered


def _header(request: AnyRequest, name: bytes) -> bytes | None:
    """A header as it was sent; the first of several."""
    return next((value for key, value in request.scope["headers"] if key == name), None)


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")


def response_of(answer: HttpResponse) -> ASGIResponse:
    """An answer as the framework sends it: its headers are exactly its own."""
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers]
    return ASGIResponse(body=answer.body, status_code=answer.status, headers=headers)
