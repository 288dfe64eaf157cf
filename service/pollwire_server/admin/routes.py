"""Routes of the admin API. They read the request, call ``PollAdmin`` and encode the response.

Checks run in one order: the key (401) and its scope (403), the existence of the poll (404), the type, size
and syntax of the body (415, 413, 400), its fields (422), and conflicts (409, 412). An unknown path or method
under ``/v1/admin`` needs the key too: ``app.middleware`` checks it before routing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

from litestar import delete, get, patch, post, route
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Stream
from litestar.types import ASGIApp

from pollwire_server.admin.audit_trail import AuditTrail
from pollwire_server.admin.bulk_vote_stream import NDJSON, BulkVoteStreams
from pollwire_server.admin.bulk_votes import BulkVoteService
from pollwire_server.admin.export import while_authorized
from pollwire_server.admin.moderation import ReceiptReader, erasing, purging, reporting
from pollwire_server.admin.polls import PollAdmin
from pollwire_server.admin.predictions import PredictionAdmin, ScoringProgress
from pollwire_server.admin.requests import (
    AnyRequest,
    Object,
    Precondition,
    check_media_type,
    json_object,
    optional_object,
    precondition_of,
    query_of,
    read_nothing,
    require_operator,
)
from pollwire_server.admin.responses import NO_STORE, Encoded, encoded_response, json_response
from pollwire_server.auth.api_keys import ApiKeyAuthenticator, Operator, Scope
from pollwire_server.domain.errors import MethodNotAllowed, StoreUnavailable
from pollwire_server.domain.poll_document import PollDocument
from pollwire_server.domain.service_audit import AuditAct
from pollwire_server.domain.window import LifecycleAction
from pollwire_server.problem_details import add_head_method
from pollwire_server.store import Store
from pollwire_server.store.polls.repository import PollRecord

PREFIX: Final = "/v1/admin"
_POLLS: Final = f"{PREFIX}/polls"
_POLL: Final = f"{_POLLS}/{{poll_id:str}}"
_FILTERS: Final = ("limit", "cursor", "phase", "kind", "series", "q")
_PAGE: Final = ("limit", "cursor")

_ACTION_SCOPES: Final = {
    LifecycleAction.RESET: (Scope.POLLS_DESTROY,),
    LifecycleAction.ARCHIVE: (Scope.POLLS_DESTROY,),
    LifecycleAction.PUBLISH: (Scope.POLLS_WRITE, Scope.RESULTS_READ),
}
"""Scopes of the actions that need more than ``polls:write``."""

ResolutionAction = Callable[
    [PollRecord, Object, Precondition, str], Awaitable[PollDocument | ScoringProgress]
]
"""Resolves a prediction, or undoes it. See ``PredictionAdmin``."""

_METHODS: Final = (HttpMethod.GET, HttpMethod.POST, HttpMethod.PUT, HttpMethod.PATCH, HttpMethod.DELETE)


def handlers(
    polls: PollAdmin,
    predictions: PredictionAdmin,
    keys: ApiKeyAuthenticator,
    intake: BulkVoteService,
    store: Store,
    *,
    reads_receipts: ReceiptReader,
    trail: AuditTrail,
) -> list[HTTPRouteHandler]:
    """Return all route handlers of polls."""
    context = _AdminContext(polls, keys, trail)
    route_handlers = [
        *_collection(context),
        *_single(context),
        _votes(context, BulkVoteStreams(intake, trail)),
        *(_action_handler(context, action) for action in LifecycleAction),
        *_outcomes(context, predictions),
        purging(store.purges, polls, keys, trail),
        reporting(store, polls, keys),
        erasing(store, polls, keys, reads_receipts, trail),
    ]
    return [*route_handlers, *_other_methods(context, route_handlers)]


class _AdminContext:
    """First checks of all routes: authentication of the operator, and the lookup of the poll."""

    def __init__(self, polls: PollAdmin, keys: ApiKeyAuthenticator, trail: AuditTrail) -> None:
        self.polls = polls
        self.trail = trail
        self._keys = keys

    def authenticate(self, request: AnyRequest, *scopes: Scope) -> Operator:
        operator = require_operator(self._keys, request)
        for scope in scopes:
            operator.require_scope(scope)
        return operator

    async def find(self, request: AnyRequest, scope: Scope, poll_id: str) -> PollRecord:
        return await self.polls.find(poll_id, self.authenticate(request, scope))


def _collection(context: _AdminContext) -> list[HTTPRouteHandler]:
    @post(_POLLS, summary="Create a poll")
    async def create_poll(request: AnyRequest) -> Encoded:
        operator = context.authenticate(request, Scope.POLLS_WRITE)
        document, created = await context.polls.create(await json_object(request), operator)
        if created:
            await context.trail.record(AuditAct.POLL_CREATED, operator, document.id)
        location = f"{_POLLS}/{document.id}"
        return _of_poll(document, status=201 if created else 200, location=location)

    @get(_POLLS, summary="List polls, newest first")
    async def list_polls(request: AnyRequest) -> Encoded:
        operator = context.authenticate(request, Scope.POLLS_READ)
        return json_response(await context.polls.list(query_of(request, _FILTERS), operator))

    return [create_poll, list_polls]


def _single(context: _AdminContext) -> list[HTTPRouteHandler]:
    @get(_POLL, summary="Read a poll")
    async def read_poll(request: AnyRequest, poll_id: FromPath[str]) -> Encoded:
        record = await context.find(request, Scope.POLLS_READ, poll_id)
        return _of_poll(await context.polls.document(record))

    @patch(_POLL, summary="Edit a poll")
    async def edit_poll(request: AnyRequest, poll_id: FromPath[str]) -> Encoded:
        operator = context.authenticate(request, Scope.POLLS_WRITE)
        record = await context.polls.find(poll_id, operator)
        body = await json_object(request)
        document = await context.polls.edit(record, body, precondition_of(request), operator)
        await context.trail.record_for_poll(
            AuditAct.POLL_EDITED, operator, poll_id, fields=sorted(body), version=document.version
        )
        return _of_poll(document)

    @delete(_POLL, summary="Delete a poll and its votes", status_code=204)
    async def delete_poll(request: AnyRequest, poll_id: FromPath[str]) -> None:
        operator = context.authenticate(request, Scope.POLLS_DESTROY)
        record = await context.polls.find(poll_id, operator)
        body = await optional_object(request)
        await context.polls.delete(record, body, precondition_of(request), operator.name)
        await context.trail.record(AuditAct.POLL_DELETED, operator, poll_id)

    @get(f"{_POLL}/results", summary="Read a poll's totals")
    async def read_results(request: AnyRequest, poll_id: FromPath[str]) -> Encoded:
        record = await context.find(request, Scope.RESULTS_READ, poll_id)
        return json_response(await context.polls.results(record))

    @get(f"{_POLL}/timeline", summary="Read a poll's totals over time")
    async def read_timeline(request: AnyRequest, poll_id: FromPath[str]) -> Encoded:
        record = await context.find(request, Scope.RESULTS_READ, poll_id)
        return encoded_response(await context.polls.timeline(record))

    @get(f"{_POLL}/audit", summary="Read the audit log of a poll, newest first")
    async def read_audit(request: AnyRequest, poll_id: FromPath[str]) -> Encoded:
        operator = context.authenticate(request, Scope.POLLS_READ)
        return json_response(await context.polls.audit(poll_id, query_of(request, _PAGE), operator))

    @get(f"{_POLL}/export", summary="Export all current votes")
    async def export_votes(request: AnyRequest, poll_id: FromPath[str]) -> Stream:
        operator = context.authenticate(request, Scope.RESULTS_READ)
        record = await context.polls.find(poll_id, operator)
        pieces, export_format = await context.polls.export(record, query_of(request, ("format",)))
        await context.trail.record_for_poll(
            AuditAct.VOTES_EXPORTED, operator, poll_id, format=export_format.value
        )
        headers = {"content-disposition": f'attachment; filename="{record.poll.id}.{export_format}"'}
        authorized = while_authorized(pieces, lambda: context.authenticate(request, Scope.RESULTS_READ))
        return Stream(authorized, media_type=export_format.media_type, headers=NO_STORE | headers)

    @post(f"{_POLL}/recount", summary="Recount all ballots", status_code=200)
    async def recount_votes(request: AnyRequest, poll_id: FromPath[str]) -> Encoded:
        record = await context.find(request, Scope.RESULTS_READ, poll_id)
        read_nothing(await optional_object(request))
        return json_response(await context.polls.recount(record))

    changes = [edit_poll, delete_poll, recount_votes]
    return [read_poll, read_results, read_timeline, read_audit, export_votes, *changes]


def _votes(context: _AdminContext, streams: BulkVoteStreams) -> HTTPRouteHandler:
    @post(f"{_POLL}/votes", summary="Submit votes from your server", status_code=200)
    async def send_votes(request: AnyRequest, poll_id: FromPath[str]) -> ASGIApp:
        operator = context.authenticate(request, Scope.VOTES_WRITE)
        record = await context.polls.find(poll_id, operator)
        check_media_type(request, NDJSON)

        def check_key() -> None:
            with contextlib.suppress(StoreUnavailable):  # the lines are rejected then
                context.authenticate(request, Scope.VOTES_WRITE)

        return streams.begin(record.poll.id, operator, check_key)

    return send_votes


def _action_handler(context: _AdminContext, action: LifecycleAction) -> HTTPRouteHandler:
    @post(
        f"{_POLL}/{action}",
        summary=f"{action.capitalize()} a poll",
        status_code=200,
    )
    async def act_on_poll(request: AnyRequest, poll_id: FromPath[str]) -> Encoded:
        operator = context.authenticate(request, *_ACTION_SCOPES.get(action, (Scope.POLLS_WRITE,)))
        record = await context.polls.find(poll_id, operator)
        body = await optional_object(request)
        document = await context.polls.act(record, action, body, precondition_of(request), operator.name)
        await context.trail.record_for_poll(AuditAct.POLL_ACTED, operator, poll_id, action=action.value)
        return _of_poll(document)

    return act_on_poll


def _outcomes(context: _AdminContext, predictions: PredictionAdmin) -> list[HTTPRouteHandler]:
    async def respond(request: AnyRequest, poll_id: str, act: ResolutionAction) -> Encoded:
        operator = context.authenticate(request, Scope.POLLS_WRITE)
        record = await context.polls.find(poll_id, operator)
        body = await optional_object(request)
        document = await act(record, body, precondition_of(request), operator.name)
        action = request.url.path.rpartition("/")[2]
        await context.trail.record_for_poll(
            AuditAct.POLL_ACTED, operator, poll_id, action=action, outcome=body.get("outcome")
        )
        if isinstance(document, ScoringProgress):
            return json_response(document, 202)
        return _of_poll(document)

    @post(f"{_POLL}/resolve", summary="Resolve a prediction", status_code=200)
    async def resolve_poll(request: AnyRequest, poll_id: FromPath[str]) -> Encoded:
        return await respond(request, poll_id, predictions.resolve)

    @post(f"{_POLL}/unresolve", summary="Undo the resolution of a prediction", status_code=200)
    async def unresolve_poll(request: AnyRequest, poll_id: FromPath[str]) -> Encoded:
        return await respond(request, poll_id, predictions.unresolve)

    return [resolve_poll, unresolve_poll]


def _other_methods(context: _AdminContext, handlers: list[HTTPRouteHandler]) -> list[HTTPRouteHandler]:
    """Return a handler for the unsupported methods of each poll path.

    The framework checks the method first. With these handlers, a missing poll is 404 for every method.
    """
    methods: dict[str, set[HttpMethod]] = {}
    for handler in handlers:
        for path in handler.paths:
            if path.startswith(f"{_POLLS}/"):
                methods.setdefault(path, set()).update(map(HttpMethod, handler.http_methods))
    return [_refusing(context, path, takes) for path, takes in methods.items()]


def _refusing(context: _AdminContext, path: str, takes: set[HttpMethod]) -> HTTPRouteHandler:
    @route(
        path,
        http_method=[method for method in _METHODS if method not in takes],
        include_in_schema=False,
        rejects_method=True,
    )
    async def refuse_method(request: AnyRequest, poll_id: FromPath[str]) -> None:
        await context.find(request, Scope.POLLS_READ, poll_id)
        raise MethodNotAllowed(add_head_method({*takes, HttpMethod.OPTIONS}))

    return refuse_method


def _of_poll(document: PollDocument, status: int = 200, location: str | None = None) -> Encoded:
    """Return the poll, with its version as the ``ETag`` for ``If-Match``."""
    headers = {"etag": f'"{document.version}"'}
    if location is not None:
        headers["location"] = location
    return json_response(document, status, headers)
