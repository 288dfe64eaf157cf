"""Webhook events for outcomes and corrections of predictions, and for removed votes."""

from __future__ import annotations

from typing import Any

import pytest
from pollwire_server.domain.timestamps import format_timestamp

from tests.api.conftest import Serve, Service
from tests.api.hooks import QUICK, hook
from tests.api.test_forecasts import forecast_poll
from tests.wait import until
from tests.webhook_receiver import Site, receiving

OUTCOMES = ["poll.resolved", "poll.corrected", "poll.canceled"]
MATCH: dict[str, Any] = {
    "kind": "prediction",
    "options": [{"id": "home", "label": "Home"}, {"id": "away", "label": "Away"}],
}


async def a_closed_match(service: Service, **changes: object) -> dict[str, Any]:
    """Create a prediction with one vote for ``home``, and close it."""
    poll = (await service.create_poll(**MATCH | changes))["id"]
    assert (await service.vote(poll, "home", await service.voter())).status_code == 200
    return await service.act(poll, "close")


async def verified(site: Site, secret: str, types: list[str]) -> list[dict[str, Any]]:
    """Wait until these events arrived, verify each, and return them. No event id occurs twice."""
    await until(lambda: site.types == types)
    assert len({delivery.event for delivery in site.deliveries}) == len(types)
    return [delivery.verified(secret) for delivery in site.deliveries]


@pytest.mark.parametrize("series", ["cup", None])
async def test_resolution_and_correction_send_one_event_each(serve: Serve, series: str | None) -> None:
    """Check the events of a resolution, a correction and a second resolution: in order, each once."""
    async with serve(**QUICK) as service, receiving() as site:
        made = await hook(service, site, events=OUTCOMES)
        poll = (await a_closed_match(service, series=series))["id"]
        first = await service.act(poll, "resolve", outcome="home", note="full time")
        await service.act(poll, "resolve", outcome="home")
        await service.act(poll, "unresolve")
        await service.act(poll, "resolve", outcome="away")
        types = ["poll.resolved", "poll.corrected", "poll.resolved"]
        events = await verified(site, made["secret"], types)
        assert [each["type"] for each in events] == types
        resolved, corrected, again = (each["data"] for each in events)
        assert (resolved["poll"], resolved["phase"]) == (poll, "resolved")
        assert resolved["results"]["resolution"] == first["resolution"]
        assert events[0]["timestamp"] >= first["resolution"]["at"]  # the event is sent after scoring
        assert corrected["phase"] == "closed"
        assert corrected["results"].get("resolution") is None
        assert again["results"]["resolution"]["outcome"] == "away"
        assert [each["data"]["results"]["counts"] for each in events] == [{"home": 1, "away": 0}] * 3


@pytest.mark.parametrize("results", ["always", "operators"])
async def test_events_of_a_forecast_contain_scores_where_totals_are_visible(
    serve: Serve, results: str
) -> None:
    async with serve(**QUICK) as service, receiving() as site:
        made = await hook(service, site, events=OUTCOMES)
        sent = ({"npp": 0.9, "ndc": 0.1}, {"npp": 0.7, "ndc": 0.3})
        poll = await forecast_poll(service, *sent, series=None, results=results)
        await service.act(poll, "close")
        await service.act(poll, "resolve", outcome="npp")
        await service.act(poll, "resolve", outcome="ndc", correct=True)
        await service.act(poll, "unresolve")
        types = ["poll.resolved", "poll.corrected", "poll.corrected"]
        scored = [each["data"]["scored"] for each in await verified(site, made["secret"], types)]
        if results == "operators":
            assert scored == [None] * 3
        else:
            assert [each and each["forecasters"] for each in scored] == [2, 2, None]
            assert [each["crowd"]["brier"] for each in scored[:2]] == pytest.approx([0.04, 0.64])


async def test_annulment_sends_an_event(serve: Serve) -> None:
    """Check that resolving a prediction without an outcome sends an event."""
    async with serve(**QUICK) as service, receiving() as site:
        made = await hook(service, site, events=OUTCOMES)
        poll = await a_closed_match(service)
        await service.act(poll["id"], "resolve", outcome=None)
        (event,) = await verified(site, made["secret"], ["poll.resolved"])
        assert event["data"]["results"]["resolution"]["outcome"] is None


async def test_outcome_events_have_no_hidden_totals(serve: Serve) -> None:
    """Check that outcomes are sent without hidden totals, and corrections contain none either."""
    async with serve(**QUICK) as service, receiving() as site, receiving() as trusted:
        made = await hook(service, site, events=OUTCOMES)
        theirs = await hook(service, trusted, events=OUTCOMES, results="operators")
        poll = await a_closed_match(service, results="operators")
        await service.act(poll["id"], "resolve", outcome="home")
        await service.act(poll["id"], "unresolve")
        types = ["poll.resolved", "poll.corrected"]
        shown = [each["data"]["results"] for each in await verified(site, made["secret"], types)]
        assert [(each["hidden"], each["seq"]) for each in shown] == [(True, 0)] * 2
        assert not any({"voters", "counts"} & each.keys() for each in shown)
        assert shown[0]["resolution"]["outcome"] == "home"
        whole = await verified(trusted, theirs["secret"], types)
        assert [each["data"]["results"]["voters"] for each in whole] == [1, 1]


async def test_reset_and_purge_send_new_totals(serve: Serve) -> None:
    """Check that a reset of a closed poll, and a purge, send the new totals."""
    async with serve(**QUICK) as service, receiving() as site:
        made = await hook(service, site, events=["poll.corrected"])
        purged, emptied = [(await a_closed_match(service))["id"] for _ in range(2)]
        everything = {"from": "2020-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z", "confirm": purged}
        answer = await service.admin.post(f"/v1/admin/polls/{purged}/purge", json=everything)
        assert answer.status_code == 200, answer.text
        await until(lambda: len(site.deliveries) == 1)
        await service.act(emptied, "reset", confirm=emptied)
        events = [each["data"] for each in await verified(site, made["secret"], ["poll.corrected"] * 2)]
        assert [each["poll"] for each in events] == [purged, emptied]
        assert [each["results"]["voters"] for each in events] == [0, 0]


async def test_cancel_by_clock_sends_an_event(serve: Serve) -> None:
    """Check that a prediction without an end is canceled at ``resolve_by``, and that the event is sent."""
    async with serve(**QUICK) as service, receiving() as site:
        made = await hook(service, site, events=OUTCOMES)
        hour = format_timestamp(await service.store.polls.now() + 400)
        poll = await service.create_poll(**MATCH, resolve_by=hour)
        (event,) = await verified(site, made["secret"], ["poll.canceled"])
        assert (event["timestamp"], event["data"]["phase"]) == (hour, "canceled")
        log = (await service.admin.get(f"/v1/admin/polls/{poll['id']}/audit")).json()["items"]
        assert [(entry["act"], entry["by"], entry["at"]) for entry in log[:1]] == [("cancel", "clock", hour)]
