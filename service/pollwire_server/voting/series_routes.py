"""The addresses of series: a leaderboard for everybody, and one's own part in it."""

from __future__ import annotations

from typing import Final

from litestar import get, route
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response.base import ASGIResponse

from pollwire_server.domain.errors import MethodNotAllowed
from pollwire_server.problem_details import add_head_method
from pollwire_server.voting.requests import RequestCredentials
from pollwire_server.voting.routes import AnyRequest, caller_fields, response_of
from pollwire_server.voting.series_service import SeriesService

_SERIES: Final = "/v1/series/{series_id:str}"
_TAGS: Final = ["voting"]
_OTHERS: Final = [HttpMethod.POST, HttpMethod.PUT, HttpMethod.PATCH, HttpMethod.DELETE]


def handlers(standings: SeriesService) -> list[HTTPRouteHandler]:
    """Every route of a series."""

    @get(f"{_SERIES}/leaderboard", summary="Read who is ahead in a series", tags=_TAGS)
    async def read_leaderboard(request: AnyRequest, series_id: FromPath[str]) -> ASGIResponse:
        return response_of(await standings.leaderboard(series_id, request.query_params.dict()))

    @get(f"{_SERIES}/mine", summary="Read one's own part in a series", tags=_TAGS)
    async def read_own_standing(request: AnyRequest, series_id: FromPath[str]) -> ASGIResponse:
        caller = RequestCredentials(**caller_fields(request))
        return response_of(await standings.mine(series_id, caller, request.query_params.dict()))

    return [
        read_leaderboard,
        read_own_standing,
        *(_refusing(standings, address) for address in ("leaderboard", "mine")),
    ]


def _refusing(standings: SeriesService, address: str) -> HTTPRouteHandler:
    """The handler of the methods that an address does not take; what is not there is 404 to those, too."""

    @route(
        f"{_SERIES}/{address}", http_method=_OTHERS, include_in_schema=False, status_code=405, refuses=True
    )
    async def refuse_method(series_id: FromPath[str]) -> None:
        await standings.check(series_id)
        raise MethodNotAllowed(add_head_method(("GET",)))

    return refuse_method
