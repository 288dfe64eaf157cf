"""Cost before identity: the table in SECURITY.md has every public route, and its bounds hold."""

from __future__ import annotations

import re

import pytest

from tests.api.conftest import Service
from tests.api.request_costs import cpu_s, expensive_requests, fill_timeline, options, vote_cpu_s
from tests.architecture.tree import ROOT

METHODS = ("get", "post", "put", "patch", "delete")
ROW = re.compile(
    r"^\| (?P<route>`[^|]+`|pages|static files|every [^|]+) \| [^|]+ \| (?P<votes>\d+) \| ", re.M
)


def bounds() -> dict[str, int]:
    """Return the bound of each route in SECURITY.md, in votes."""
    section = (ROOT / "SECURITY.md").read_text().partition("## Cost before identity")[2].partition("\n## ")[0]
    table = {row["route"]: int(row["votes"]) for row in ROW.finditer(section)}
    return {route.strip("`") if route.startswith("`") else route: votes for route, votes in table.items()}


async def test_cost_table_has_every_public_route(service: Service) -> None:
    document = (await service.http.get("/openapi.json")).json()
    routes = {
        f"{method.upper()} {path}"
        for path, operations in document["paths"].items()
        for method in operations
        if method in METHODS and not path.startswith("/v1/admin")
    }
    described = set(bounds())
    assert routes <= described
    assert described == set(expensive_requests("a", "b", "c", "d"))


@pytest.mark.slow  # some seconds of load
async def test_most_expensive_requests_cost_no_more_than_the_table_says(service: Service) -> None:
    port = int(service.url.rpartition(":")[2])
    poll = (await service.create_poll(options=options(50)))["id"]
    open_poll = (await service.create_poll(identity="open", options=options(50)))["id"]
    forecast = await service.create_poll(kind="prediction", forecast=True, series="cup", options=options(50))
    await fill_timeline(service, open_poll, 1980)
    vote_s = min([await vote_cpu_s(port, open_poll) for _ in range(3)])
    requests = expensive_requests(poll, open_poll, forecast["id"], "cup")
    measured = {route: await cpu_s(port, request.encode()) / vote_s for route, request in requests.items()}
    table = bounds()
    assert {route: votes for route, votes in measured.items() if votes > table[route]} == {}
