"""Routes of series: the public leaderboard, and the voter's own results."""

from __future__ import annotations

from typing import Final

from litestar import get, route
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response.base import ASGIResponse

from pollwire_server.auth.credentials import RequestCredentials
from pollwire_server.domain.errors import MethodNotAllowed
from pollwire_server.problem_details import add_head_method
from pollwire_server.voting.routes import AnyRequest, to_asgi
from pollwire_server.voting.series_service import SeriesService

_SERIES: Final = "/v1/series/{series_id:str}"
_OTHERS: Final = [HttpMethod.POST, HttpMethod.PUT, HttpMethod.PATCH, HttpMethod.DELETE]


def handlers(service: SeriesService) -> list[HTTPRouteHandler]:
    """Return all route handlers of series."""

    @get(_SERIES, summary="Get a series")
    async def read_series(series_id: FromPath[str]) -> ASGIResponse:
        return to_asgi(await service.about(series_id))

    @get(f"{_SERIES}/leaderboard", summary="Get a leaderboard")
    async def read_leaderboard(request: AnyRequest, series_id: FromPath[str]) -> ASGIResponse:
        return to_asgi(await service.leaderboard(series_id, request.query_params.dict()))

    @get(f"{_SERIES}/mine", summary="Get your results in a series")
    async def read_own_series_page(request: AnyRequest, series_id: FromPath[str]) -> ASGIResponse:
        credentials = RequestCredentials.from_scope(request.scope)
        return to_asgi(await service.mine(series_id, credentials, request.query_params.dict()))

    @get(f"{_SERIES}/calibration", summary="Get the calibration of the crowd")
    async def read_calibration(series_id: FromPath[str]) -> ASGIResponse:
        return to_asgi(await service.calibration(series_id))

    return [
        read_series,
        read_calibration,
        read_leaderboard,
        read_own_series_page,
        *(_rejecting(service, path) for path in ("", "/calibration", "/leaderboard", "/mine")),
    ]


def _rejecting(service: SeriesService, path: str) -> HTTPRouteHandler:
    """Return the handler of unsupported methods. For an unknown series it raises ``NotFound``."""

    @route(
        f"{_SERIES}{path}",
        http_method=_OTHERS,
        include_in_schema=False,
        status_code=405,
        rejects_method=True,
    )
    async def refuse_method(series_id: FromPath[str]) -> None:
        await service.check(series_id)
        raise MethodNotAllowed(add_head_method(("GET",)))

    return refuse_method
