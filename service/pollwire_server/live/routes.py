"""Routes of the live API. Each translates the request, calls the service and translates the result."""

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
from pollwire_server.live.read_access import ReadAccess, StreamCredentials, credentials_from
from pollwire_server.live.result_responses import ResultResponses
from pollwire_server.live.stream_session import LiveContext
from pollwire_server.problem_details import HttpResponse

AnyRequest = Request[Any, Any, Any]  # Any: the framework's user, auth and state are not used

_POLL: Final = "/v1/polls/{poll_id:str}"
_OTHER_METHODS: Final = [HttpMethod.POST, HttpMethod.PUT, HttpMethod.PATCH, HttpMethod.DELETE]
_JSON_RESPONSE: Final = {200: ResponseSpec(dict[str, Any], description="The JSON document.")}  # Any: JSON
_SSE_RESPONSE: Final = {
    200: ResponseSpec(str, media_type="text/event-stream", description="An endless stream of events.")
}


class _ResponseApp:
    """ASGI application that sends a response with exactly its own headers. Litestar would add some."""

    def __init__(self, response: HttpResponse) -> None:
        self._response = response

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = self._response
        length = () if response.status == 304 else ((b"content-length", str(len(response.body)).encode()),)
        headers = [*response.headers, *length]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body, "more_body": False})


def handlers(live: LiveContext, responses: ResultResponses) -> list[HTTPRouteHandler | WebsocketRouteHandler]:
    """Return all route handlers of the live API."""
    return [
        *_reads(responses),
        *_events(live),
        *_sockets(live),
        *(
            _reject_methods(live.access, path)
            for path in ("", "/results", "/timeline", "/distribution", "/events")
        ),
        _websocket_only(),
    ]


def _reads(responses: ResultResponses) -> list[HTTPRouteHandler]:
    @get(_POLL, summary="Read a poll", responses=_JSON_RESPONSE)
    async def poll(request: AnyRequest, poll_id: FromPath[str]) -> ASGIApp:
        return _ResponseApp(await responses.poll(poll_id, _credentials(request), _if_none_match(request)))

    @get(f"{_POLL}/results", summary="Read the results of a poll", responses=_JSON_RESPONSE)
    async def results(request: AnyRequest, poll_id: FromPath[str]) -> ASGIApp:
        return _ResponseApp(await responses.results(poll_id, _credentials(request), _if_none_match(request)))

    @get(
        f"{_POLL}/timeline",
        summary="Read a poll's totals over time",
        responses=_JSON_RESPONSE,
    )
    async def timeline(request: AnyRequest, poll_id: FromPath[str]) -> ASGIApp:
        response = await responses.timeline(
            poll_id,
            _credentials(request),
            _if_none_match(request),
            points=request.query_params.get("points"),
            accept_encoding=request.headers.get("accept-encoding", ""),
        )
        return _ResponseApp(response)

    @get(
        f"{_POLL}/distribution",
        summary="Read the histogram of a forecast",
        responses=_JSON_RESPONSE,
    )
    async def distribution(request: AnyRequest, poll_id: FromPath[str]) -> ASGIApp:
        response = await responses.distribution(poll_id, _credentials(request), _if_none_match(request))
        return _ResponseApp(response)

    return [poll, results, timeline, distribution]


def _events(live: LiveContext) -> list[HTTPRouteHandler]:
    @get("/v1/events", summary="Watch polls by server-sent events", responses=_SSE_RESPONSE)
    async def events(request: AnyRequest) -> ASGIApp:
        polls = request.query_params.getall("poll", [])
        return await open_events(live, _credentials(request), polls, check_origin=True)

    @get(
        f"{_POLL}/events",
        summary="Watch a poll by server-sent events",
        responses=_SSE_RESPONSE,
    )
    async def poll_events(request: AnyRequest, poll_id: FromPath[str]) -> ASGIApp:
        return await open_events(live, _credentials(request), [poll_id], check_origin=False)

    return [events, poll_events]


def _sockets(live: LiveContext) -> list[WebsocketRouteHandler]:
    @websocket("/v1/live")
    async def live_polls(socket: AnySocket) -> None:
        await serve_many(live, socket)

    @websocket(f"{_POLL}/live")
    async def live_poll(socket: AnySocket, poll_id: FromPath[str]) -> None:
        await serve_one(live, socket, poll_id)

    return [live_polls, live_poll]


def _reject_methods(access: ReadAccess, path: str) -> HTTPRouteHandler:
    """Return a handler for unsupported methods. An unknown poll is 404 for these, too."""

    @route(
        f"{_POLL}{path}",
        http_method=_OTHER_METHODS,
        include_in_schema=False,
        status_code=405,
        rejects_method=True,
    )
    async def reject_method(request: AnyRequest, poll_id: FromPath[str]) -> None:
        await access.read_authorized(poll_id, _credentials(request))
        raise MethodNotAllowed(("GET", "HEAD"))

    return reject_method


def _websocket_only() -> HTTPRouteHandler:
    @route(
        ["/v1/live", f"{_POLL}/live"],
        http_method=[HttpMethod.GET, *_OTHER_METHODS],
        include_in_schema=False,
        status_code=404,
        rejects_method=True,
    )
    async def reject_request() -> None:
        raise NotFound("This endpoint accepts WebSocket connections only.")

    return reject_request


def _credentials(request: AnyRequest) -> StreamCredentials:
    scope = request.scope
    return credentials_from(dict(scope["headers"]), scope["query_string"], client_in(scope))


def _if_none_match(request: AnyRequest) -> str | None:
    """Join all occurrences of the header, which form one list (RFC 9110, section 5.3)."""
    return ", ".join(request.headers.getall("if-none-match", [])) or None
