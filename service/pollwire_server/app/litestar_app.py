"""Litestar with this service's routes, problem responses and background tasks."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Final

from litestar import Litestar, Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ControllerRouterHandler

from pollwire_server.app.http_exchange import instance_of
from pollwire_server.app.openapi import routes as reference_routes
from pollwire_server.app.options_routes import options_handlers
from pollwire_server.app.websocket_handshake import remember_failure
from pollwire_server.domain.errors import NotFound
from pollwire_server.http_protocol.media_type import check_content_coding
from pollwire_server.problem_details import HttpResponse, problem_response, to_pollwire_error
from pollwire_server.store.transport.cancellation import cancel_and_wait
from pollwire_server.web import routes as web_routes
from pollwire_server.web.canonical_paths import canonical_location
from pollwire_server.web.not_found import NotFoundPages

log = logging.getLogger("pollwire.app")

BackgroundTask = Callable[[], Awaitable[None]]
"""A coroutine function that runs as long as the service."""

_API_PREFIX: Final = "/v1/"
RESTART_DELAY_S: Final = 1.0
"""Delay before an ended background task is restarted."""


def create_litestar_app(
    routes: Sequence[ControllerRouterHandler], background_tasks: Sequence[BackgroundTask]
) -> Litestar:
    """Create the Litestar application. The background tasks run in its lifespan."""
    handle_exception = _exception_handler(web_routes.not_found_pages())
    return Litestar(
        route_handlers=[*options_handlers(routes), *routes],
        exception_handlers={HTTPException: handle_exception, Exception: handle_exception},
        before_request=_before_request,
        after_exception=[remember_failure],
        lifespan=[_background_lifespan(*background_tasks)],
        openapi_config=reference_routes.config(),
        request_max_body_size=None,  # HttpExchange limits the body and reports the limit
        logging_config=None,
    )


async def _before_request(request: Request[Any, Any, Any]) -> Response[bytes] | None:
    """Reject an encoded body, and redirect to the page's canonical path, before a handler runs.

    Litestar has already found a route and ignores extra slashes. The links of a page are relative, so they
    are wrong at any other path than the canonical one.
    """
    check_content_coding(request.scope["headers"])
    location = canonical_location(request.scope["raw_path"], request.scope["query_string"])
    if location is None or request.scope["path"].startswith(_API_PREFIX):
        return None
    return Response(b"", status_code=308, headers={"Location": location})


def _exception_handler(
    not_found_pages: NotFoundPages,
) -> Callable[[Request[Any, Any, Any], Exception], Response[bytes]]:
    """Return Litestar's exception handler: a problem response, or an HTML page for a missing page."""

    def handle_exception(request: Request[Any, Any, Any], failure: Exception) -> Response[bytes]:
        error = to_pollwire_error(failure)
        page = not_found_pages.page_for(request) if isinstance(error, NotFound) else None
        return page or _problem(problem_response(error, instance_of(request.scope)))

    return handle_exception


def _problem(response: HttpResponse) -> Response[bytes]:
    headers = {name.decode(): value.decode() for name, value in response.headers}
    return Response(
        response.body, status_code=response.status, media_type=headers.pop("content-type"), headers=headers
    )


def _background_lifespan(
    *background_tasks: BackgroundTask,
) -> Callable[[Litestar], contextlib.AbstractAsyncContextManager[None]]:
    """Return a lifespan that runs the background tasks and restarts each that ends."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(_restart_forever(run), name=run.__qualname__) for run in background_tasks
        ]
        try:
            yield
        finally:
            await cancel_and_wait(*tasks)

    return lifespan


async def _restart_forever(run: BackgroundTask) -> None:
    """Run the task, and restart it with a log line when it ends.

    A silent end would stop updates unnoticed.
    """
    while True:
        try:
            await run()
            log.critical("Background task %s ended; restarting", run.__qualname__)
        except Exception:
            log.critical("Background task %s crashed; restarting", run.__qualname__, exc_info=True)
        await asyncio.sleep(RESTART_DELAY_S)
