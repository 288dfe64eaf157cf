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

from service.app.exchange import instance_of
from service.app.handshake import remember_failure
from service.app.offers import offers
from service.app.reference import routes as reference_routes
from service.domain.errors import NotFound
from service.problems import Answer, answer_of, error_of
from service.store.ending import ended
from service.web import routes as web_routes
from service.web.lost import Lost

log = logging.getLogger("pollwire.app")

Endless = Callable[[], Awaitable[None]]
"""What runs for as long as the service does."""

AGAIN_AFTER_S: Final = 1.0
"""Before a task that must never end, and did, begins anew."""


def framework_of(routes: Sequence[ControllerRouterHandler], beside: Sequence[Endless]) -> Litestar:
    """The framework with these routes; ``beside`` runs for as long as it does."""
    refused = _refusing(web_routes.lost())
    return Litestar(
        route_handlers=[*offers(routes), *routes],
        exception_handlers={HTTPException: refused, Exception: refused},
        after_exception=[remember_failure],
        lifespan=[_beside(*beside)],
        openapi_config=reference_routes.config(),
        request_max_body_size=None,  # bounded at the edge, where the answer can say by how much
        logging_config=None,
    )


def _refusing(lost: Lost) -> Callable[[Request[Any, Any, Any], Exception], Response[bytes]]:
    """The framework's exception handler: what routes fail with, from one table; a page for the lost."""

    def refused(request: Request[Any, Any, Any], failure: Exception) -> Response[bytes]:
        error = error_of(failure)
        page = lost.page_for(request) if isinstance(error, NotFound) else None
        return page or _problem(answer_of(error, instance_of(request.scope)))

    return refused


def _problem(answer: Answer) -> Response[bytes]:
    headers = {name.decode(): value.decode() for name, value in answer.headers}
    return Response(
        answer.body, status_code=answer.status, media_type=headers.pop("content-type"), headers=headers
    )


def _beside(*endless: Endless) -> Callable[[Litestar], contextlib.AbstractAsyncContextManager[None]]:
    """A lifespan in which tasks run beside the requests, each begun anew should it ever end."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(_kept_up(run), name=run.__qualname__) for run in endless]
        try:
            yield
        finally:
            await ended(*tasks)

    return lifespan


async def _kept_up(run: Endless) -> None:
    """Tasks of this kind have died silently in other services, and everything looked well but stood still."""
    while True:
        try:
            await run()
            log.critical("%s ended, and begins anew.", run.__qualname__)
        except Exception:
            log.critical("%s failed, and begins anew.", run.__qualname__, exc_info=True)
        await asyncio.sleep(AGAIN_AFTER_S)
