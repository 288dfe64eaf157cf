"""The web framework as it is used here: routes, refusals from one table, and tasks beside the requests."""

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
from pollwire_server.problem_details import HttpResponse, problem_response, to_pollwire_error
from pollwire_server.store.transport.cancellation import cancel_and_wait
from pollwire_server.web import routes as web_routes
from pollwire_server.web.not_found import NotFoundPages

log = logging.getLogger("pollwire.app")

BackgroundTask = Callable[[], Awaitable[None]]
"""What runs for as long as the service does."""

AGAIN_AFTER_S: Final = 1.0
"""Before a task that must never end, and did, begins anew."""


def create_litestar_app(
    routes: Sequence[ControllerRouterHandler], beside: Sequence[BackgroundTask]
) -> Litestar:
    """The framework with these routes; ``beside`` runs for as long as it does."""
    refused = _refusing(web_routes.lost())
    return Litestar(
        route_handlers=[*options_handlers(routes), *routes],
        exception_handlers={HTTPException: refused, Exception: refused},
        after_exception=[remember_failure],
        lifespan=[_background_lifespan(*beside)],
        openapi_config=reference_routes.config(),
        request_max_body_size=None,  # bounded at the edge, where the answer can say by how much
        logging_config=None,
    )


def _refusing(lost: NotFoundPages) -> Callable[[Request[Any, Any, Any], Exception], Response[bytes]]:
    """The framework's exception handler: what routes fail with, from one table; a page for the lost."""

    def refused(request: Request[Any, Any, Any], failure: Exception) -> Response[bytes]:
        error = to_pollwire_error(failure)
        page = lost.page_for(request) if isinstance(error, NotFound) else None
        return page or _problem(problem_response(error, instance_of(request.scope)))

    return refused


def _problem(answer: HttpResponse) -> Response[bytes]:
    headers = {name.decode(): value.decode() for name, value in answer.headers}
    return Response(
        answer.body, status_code=answer.status, media_type=headers.pop("content-type"), headers=headers
    )


def _background_lifespan(
    *endless: BackgroundTask,
) -> Callable[[Litestar], contextlib.AbstractAsyncContextManager[None]]:
    """A lifespan in which tasks run beside the requests, each begun anew should it ever end."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(_restart_forever(run), name=run.__qualname__) for run in endless]
        try:
            yield
        finally:
            await cancel_and_wait(*tasks)

    return lifespan


async def _restart_forever(run: BackgroundTask) -> None:
    """Tasks of this kind have died silently in other services, and everything looked well but stood still."""
    while True:
        try:
            await run()
            log.critical("%s ended, and begins anew.", run.__qualname__)
        except Exception:
            log.critical("%s failed, and begins anew.", run.__qualname__, exc_info=True)
        await asyncio.sleep(AGAIN_AFTER_S)
