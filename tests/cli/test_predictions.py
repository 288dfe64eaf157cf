"""Predictions on the command line: resolve, unresolve and leaderboards."""

from __future__ import annotations

import pytest

from tests.api.conftest import Service
from tests.api.test_forecasts import forecast_poll
from tests.api.test_predictions import named, predicted
from tests.cli.conftest import Pollwire
from tests.wait import until


async def test_resolve_and_unresolve_print_outcome_and_scores(pollwire: Pollwire, service: Service) -> None:
    """Check that resolve prints the outcome, the leaderboard the scores, and that unresolve reverts both."""
    ama, kofi = await named(service, "Ama"), await service.voter()
    poll = await predicted(service, {ama: "home", kofi: "away"})
    await until(lambda: not service.store.series._name_tasks)
    source = "https://example.com/report"
    result = await pollwire("polls", "resolve", poll, "home", "--note", "full time", "--source", source)
    assert (result.exit_code, result.out, result.err) == (0, f"{poll} is resolved: home.\n", "")
    assert (await pollwire("polls", "show", poll, "--json")).json["resolution"]["source"] == source
    board = await pollwire("series", "leaderboard", "cup")
    assert board.out == "1\tAma\t1\t100.0%\t\t\n2\t-\t1\t0.0%\t\t\n"
    first = await pollwire("series", "leaderboard", "cup", "--limit", "1", "--json")
    assert [row["name"] for row in first.json["items"]] == ["Ama"]
    assert first.json["next"] is not None
    back = await pollwire("polls", "unresolve", poll)
    assert (back.exit_code, back.out) == (0, f"{poll} is closed again.\n")
    assert (await pollwire("series", "leaderboard", "cup")).out == ""


async def test_resolve_annul_needs_no_outcome(pollwire: Pollwire, service: Service) -> None:
    """Check that annulment needs no outcome, and that programs get the poll."""
    poll = await predicted(service, {})
    result = await pollwire("polls", "resolve", poll, "--annul", "--json")
    assert (result.json["phase"], result.json["resolution"]["outcome"]) == ("resolved", None)


@pytest.mark.parametrize("arguments", [(), ("home", "--annul")])
async def test_resolve_requires_outcome_or_annul(pollwire: Pollwire, arguments: tuple[str, ...]) -> None:
    """Check that no outcome, or an outcome together with --annul, is a usage error."""
    assert (await pollwire("polls", "resolve", "winner", *arguments)).exit_code == 2


async def test_resolve_errors_print_the_message(pollwire: Pollwire, service: Service) -> None:
    """Check that the service's messages are printed, and that the list can be filtered by series."""
    poll = await predicted(service, {})
    result = await pollwire("polls", "resolve", poll, "unknown")
    assert result.exit_code == 1
    assert "outcome must be one of home, away" in result.err
    assert (await pollwire("series", "leaderboard", "nowhere")).exit_code == 1
    assert (await pollwire("polls", "list", "--series", "cup", "--json")).json["items"][0]["id"] == poll
    assert (await pollwire("polls", "list", "--series", "league", "--json")).json["items"] == []


async def test_series_set_and_show_print_settings_and_polls(pollwire: Pollwire, service: Service) -> None:
    """Check that set prints the new settings, and that show prints the same."""
    made = await pollwire(
        "series", "set", "league", "--title", "League", "--rank-by", "peer", "--minimum", "3"
    )
    expected = "league: League\nranked by peer, from 3 scored, version 0\n"
    expected += "polls: 0 open, 0 closed, 0 resolved, 0 canceled\n"
    assert (made.exit_code, made.out, made.err) == (0, expected, "")
    assert (await pollwire("series", "show", "league")).out == expected
    assert (await pollwire("series", "set", "league", "--title", "", "--json")).json["title"] is None
    assert (await pollwire("series", "set", "league")).exit_code == 2
    assert (await pollwire("series", "show", "nowhere")).exit_code == 1


async def test_mine_prints_vote_and_scores(pollwire: Pollwire, service: Service) -> None:
    """Check that the own forecast is shown before the outcome, and its scores after it."""
    poll = await forecast_poll(service, {"npp": 0.5, "ndc": 0.5}, series=None)
    assert (await pollwire("mine", poll)).exit_code == 1
    await pollwire("vote", poll, "npp=90%")
    before = (await pollwire("mine", poll)).out
    assert before.startswith(f"{poll}: npp 90.0%, ndc 10.0%, since 2")
    await service.act(poll, "close")
    await service.act(poll, "resolve", outcome="npp")
    after = (await pollwire("mine", poll)).out.splitlines()
    assert after[1:] == [
        "right",
        "Brier 0.0100, baseline +84.80, peer +58.78",
        "crowd: Brier 0.0900, baseline +48.54",
        "better than 75% of the forecasts",
    ]
    assert (await pollwire("mine", poll, "--json")).json["score"]["better_than"] == 0.75


async def test_series_calibration_prints_bins_of_crowd_and_voter(
    pollwire: Pollwire, service: Service
) -> None:
    """Check that a resolved forecast is one point of the crowd and one of the voter."""
    poll = await forecast_poll(service, {"npp": 0.5, "ndc": 0.5}, series="points")
    await pollwire("vote", poll, "npp=90%")
    await service.act(poll, "close")
    await service.act(poll, "resolve", outcome="npp")
    crowd = await pollwire("series", "calibration", "points")
    assert crowd.out == "70% to 80%\t1\t70.0%\t100.0%\t21% to 100%\n"
    own = await pollwire("series", "calibration", "points", "--mine")
    assert own.out == "90% to 95%\t1\t90.0%\t100.0%\t21% to 100%\n"
