"""The winner of a ranked poll on every channel, and its ties."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec
from websockets.asyncio.client import connect

from tests.api.conftest import Serve, Service
from tests.api.hooks import QUICK, hook
from tests.wait import until
from tests.webhook_receiver import receiving

OPTIONS = [{"id": name, "label": name.title()} for name in ("ada", "ben", "cy")]
FIRST_IS_NOT_WINNER = [["ada"]] * 4 + [["ben"]] * 3 + [["cy", "ben"]] * 2


async def ranked_poll(service: Service, rankings: list[list[str]], **fields: object) -> str:
    """Create an open ranked poll with these votes and return its id."""
    document = {"kind": "ranked", "identity": "open", "options": OPTIONS, **fields}
    poll: str = (await service.create_poll(**document))["id"]
    for ranking in rankings:
        voted = await service.http.post(f"/v1/polls/{poll}/votes", json={"choice": ranking})
        assert voted.status_code == 200, voted.text
    return poll


async def results(service: Service, poll: str) -> dict[str, Any]:
    """Return the results of the poll."""
    found: dict[str, Any] = (await service.http.get(f"/v1/polls/{poll}/results")).json()
    return found


async def test_winner_by_runoff_is_in_results_streams_and_closing_event(serve: Serve) -> None:
    async with serve(**QUICK) as service, receiving() as site:
        await hook(service, site, events=["poll.closed"])
        poll = await ranked_poll(service, FIRST_IS_NOT_WINNER)
        await service.act(poll, "close")
        assert (await results(service, poll))["winner"] == "ben"
        async with connect(f"ws{service.url.removeprefix('http')}/v1/polls/{poll}/live") as socket:
            frame = msgspec.json.decode(await socket.recv())
        assert (frame["winner"], frame["leading"], frame["tie_broken"]) == ("ben", ["ben"], False)
        assert frame["counts"] == {"ada": 4, "ben": 3, "cy": 2}
        assert "rounds" not in frame
        await until(lambda: site.deliveries)
        assert site.deliveries[0].document["data"]["results"]["winner"] == "ben"


async def test_hidden_results_have_no_winner(service: Service) -> None:
    poll = await ranked_poll(service, FIRST_IS_NOT_WINNER, results="operators")
    async with connect(f"ws{service.url.removeprefix('http')}/v1/polls/{poll}/live") as socket:
        frame = msgspec.json.decode(await socket.recv())
    assert frame["hidden"]
    assert not {"winner", "leading", "tie_broken", "tie"} & (
        frame.keys() | (await results(service, poll)).keys()
    )


async def test_order_of_options_does_not_change_a_tied_winner(service: Service) -> None:
    poll = await ranked_poll(service, [["ada"], ["ben"]])
    await service.act(poll, "close")
    before = await results(service, poll)
    turned = await service.admin.patch(f"/v1/admin/polls/{poll}", json={"options": OPTIONS[::-1]})
    assert turned.status_code == 200, turned.text
    after = await results(service, poll)
    document = (await service.http.get(f"/v1/polls/{poll}")).json()
    lots = {name: sha256(f"{document['tie_seed']}:{name}".encode()).hexdigest() for name in ("ada", "ben")}
    assert before["winner"] == after["winner"] == max(lots, key=lots.__getitem__)
    assert before["tie_broken"]
    assert {done["tie_rule"] for done in before["rounds"] if done.get("tie_broken")} == {"lot"}


async def test_tie_seed_is_random_and_cannot_be_edited(service: Service) -> None:
    first, second = [(await service.create_poll(kind="ranked", options=OPTIONS)) for _ in range(2)]
    assert len(first["tie_seed"]) == 32
    assert first["tie_seed"] != second["tie_seed"]
    path = f"/v1/admin/polls/{first['id']}"
    assert (await service.admin.patch(path, json={"tie_seed": "mine"})).status_code == 422
    edited = await service.admin.patch(path, json={"question": "Other?"})
    assert edited.json()["tie_seed"] == first["tie_seed"]


async def test_declared_tie_is_the_result(service: Service) -> None:
    poll = await ranked_poll(service, [["ada"], ["ben"]], ties="declare")
    found = await results(service, poll)
    assert (found["winner"], found["tie"], found["leading"]) == (None, ["ada", "ben"], ["ada", "ben"])
    refused = await service.admin.patch(f"/v1/admin/polls/{poll}", json={"ties": "lot"})
    assert (refused.status_code, refused.json()["field"]) == (409, "ties")
