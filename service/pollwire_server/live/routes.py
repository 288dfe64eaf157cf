"""The addresses of the readers' door: read the request, ask, pass the answer on."""

from __future__ import annotations

from typing import Any, Final

from litestar import Request, get, route, websocket
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler, WebsocketRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath
from litestar.types import ASGIApp, Receive, Scope, Send

from pollwire_server.auth.client_address import client_in
from pollwire_server.domain.errors import MethodNotAllowed, NotFound
from pollwire_server.live.asgi.sse_endpoint import open_events
from pollwire_server.live.asgi.websocket_endpoint import AnySocket, serve_many, serve_one
from pollwire_server.live.read_access import ReadAccess, StreamCredentials, visitor_of
from pollwire_server.live.result_responses import ResultResponses
from pollwire_server.live.stream_session import LiveContext
from pollwire_server.problem_details import HttpResponse

AnyRequest = Request[Any, Any, Any]  # Any: this service uses no user, auth or state of the framework's

_POLL: Final = "/v1/polls/{poll_id:str}"
_OTHER_METHODS: Final = [HttpMethod.POST, HttpMethod.PUT, HttpMethod.PATCH, HttpMethod.DELETE]
_ANSWERS: Final = {200: ResponseSpec(dict[str, Any], description="As docs/protocol.md has it.")}  # Any: JSON
_STREAM: Final = {200: ResponseSpec(str, media_type="text/event-stream", description="Events without end.")}


class _Sent:
    """An answer as the ASGI application that sends it: its headers are exactly its own."""

    def __init__(self, answer: HttpResponse) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._answer
        length = () if answer.status == 304 else ((b"content-length", str(len(answer.body)).encode()),)
        headers = [*answer.headers, *length]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body, "more_body": False})


def handlers(live: LiveContext, answers: ResultResponses) -> list[HTTPRouteHandler | WebsocketRouteHandler]:
    """Every route of the door."""
    return [
        *_reads(answers),
        *_events(live),
        *_sockets(live),
        *(_refusing(live.door, address) for address in ("", "/results", "/timeline", "/events")),
        _only_sockets(),
    ]


def _reads(answers: ResultResponses) -> list[HTTPRouteHandler]:
    @get(_POLL, summary="Read a poll", tags=["readers"], responses=_ANSWERS)
    async def poll(request: AnyRequest, poll_id: FromPath[str]) -> ASGIApp:
        return _Sent(await answers.poll(poll_id, _visitor(request), _if_none_match(request)))

    @get(f"{_POLL}/results", summary="Read the results of a poll", tags=["readers"], responses=_ANSWERS)
    async def results(request: AnyRequest, poll_id: FromPath[str]) -> ASGIApp:
        return _Sent(await answers.results(poll_id, _visitor(request), _if_none_match(request)))

    @get(f"{_POLL}/timeline", summary="Read a poll's totals over time", tags=["readers"], responses=_ANSWERS)
    async def timeline(request: AnyRequest, poll_id: FromPath[str]) -> ASGIApp:
        return _Sent(await answers.timeline(poll_id, _visitor(request), _if_none_match(request)))

    return [poll, results, timeline]


def _events(live: LiveContext) -> list[HTTPRouteHandler]:
    @get("/v1/events", summary="Watch polls by server-sent events", tags=["readers"], responses=_STREAM)
    async def events(request: AnyRequest) -> ASGIApp:
        polls = request.query_params.getall("poll", [])
        return await open_events(live, _visitor(request), polls, by_origin=True)

    @get(f"{_POLL}/events", summary="Watch a poll by server-sent events", tags=["readers"], responses=_STREAM)
    async def poll_events(request: AnyRequest, poll_id: FromPath[str]) -> ASGIApp:
        return await open_events(live, _visitor(request), [poll_id], by_origin=False)

    return [events, poll_events]


def _sockets(live: LiveContext) -> list[WebsocketRouteHandler]:
    @websocket("/v1/live")
    async def live_polls(socket: AnySocket) -> None:
        await serve_many(live, socket)

    @websocket(f"{_POLL}/live")
    async def live_poll(socket: AnySocket, poll_id: FromPath[str]) -> None:
        await serve_one(live, socket, poll_id)

    return [live_polls, live_poll]


def _refusing(door: ReadAccess, address: str) -> HTTPRouteHandler:
    """The methods that a poll's address does not take: an unknown poll is 404 even to those."""

    @route(
        f"{_POLL}{address}",
        http_method=_OTHER_METHODS,
        include_in_schema=False,
        status_code=405,
        refuses=True,
    )
    async def refuse_method(request: AnyRequest, poll_id: FromPath[str]) -> None:
        await door.read_authorized(poll_id, _visitor(request))
        raise MethodNotAllowed(("GET", "HEAD"))

    return refuse_method


def _only_sockets() -> HTTPRouteHandler:
    @route(
        ["/v1/live", f"{_POLL}/live"],
        http_method=[HttpMethod.GET, *_OTHER_METHODS],
        include_in_schema=False,
        status_code=404,
        refuses=True,
    )
    async def refuse_request() -> None:
        raise NotFound("At this address a WebSocket can be opened, and nothing else.")

    return refuse_request


def _visitor(request: AnyRequest) -> StreamCredentials:
    scope = request.scope
    return visitor_of(dict(scope["headers"]), scope["query_string"], client_in(scope))


def _if_none_match(request: AnyRequest) -> str | None:
    """All lines of the header, which together are one list (RFC 9110, section 5.3)."""
    return ", ".join(request.headers.getall("if-none-match", [])) or None
