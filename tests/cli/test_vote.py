"""Votes on the command line."""

from __future__ import annotations

import stat

from tests.api.conftest import Serve, Service
from tests.cli.conftest import Pollwire


async def test_vote_repeated_is_unchanged(pollwire: Pollwire, service: Service) -> None:
    """Check that all commands use the same voter: a repeat is unchanged, another choice is rejected."""
    await service.create_poll(id="lunch")
    assert (await pollwire("vote", "lunch", "rice")).out == "Counted: your vote in lunch (rice).\n"
    assert (await pollwire("vote", "lunch", "rice", "--json")).json["status"] == "unchanged"
    other = await pollwire("vote", "lunch", "yam")
    assert other.exit_code == 1
    assert "already voted" in other.err


async def test_token_file_is_readable_by_its_owner_only(pollwire: Pollwire, service: Service) -> None:
    """Check that only the owner can read the file with the voter's token."""
    await service.create_poll(id="lunch")
    await pollwire("vote", "lunch", "rice")
    tokens = pollwire.folder / "voter-tokens.json"
    assert stat.S_IMODE(tokens.stat().st_mode) == 0o600


async def test_vote_for_several_options_needs_a_multiple_choice_poll(
    pollwire: Pollwire, service: Service
) -> None:
    """Check that multiple-choice polls get a list, also of one option, and other polls reject two options."""
    await service.create_poll(id="dishes", kind="multiple", revote="change")
    assert (await pollwire("vote", "dishes", "rice", "--json")).json["choice"] == ["rice"]
    assert (await pollwire("vote", "dishes", "yam", "rice")).out.endswith("(rice, yam).\n")
    await service.create_poll(id="lunch")
    assert (await pollwire("vote", "lunch", "rice", "yam")).exit_code == 1


async def test_vote_rating_accepts_numbers_of_the_scale(pollwire: Pollwire, service: Service) -> None:
    """Check that a number of the scale is a vote, 0 included, and other input gets the service's message."""
    await service.create_poll(id="stay", kind="rating", options=[], scale={"min": 0}, revote="change")
    assert (await pollwire("vote", "stay", "4")).out == "Counted: your vote in stay (4).\n"
    assert (await pollwire("vote", "stay", "0")).out == "Changed: your vote in stay (0).\n"
    for words in (["6"], ["four"], ["1", "2"]):
        result = await pollwire("vote", "stay", *words)
        assert (result.exit_code, result.err) == (1, "Error: choice must be a whole number from 0 to 5.\n")
    assert "1 voter, mean 0.00" in (await pollwire("polls", "show", "stay")).out


async def test_vote_ranking_uses_the_order_of_arguments(pollwire: Pollwire, service: Service) -> None:
    """Check that options are ranked in the order of the arguments, and that the poll shows its rounds."""
    await service.create_poll(id="dishes", kind="ranked", revote="change")
    assert (await pollwire("vote", "dishes", "yam", "--json")).json["choice"] == ["yam"]
    assert (await pollwire("vote", "dishes", "yam", "rice")).out.endswith("(yam, rice).\n")
    assert (await pollwire("vote", "dishes", "yam", "yam")).exit_code == 1
    shown = await pollwire("polls", "show", "dishes")
    assert "Round 1: Yam wins with 1 of 1 votes." in shown.out


async def test_vote_for_full_option_prints_the_message(pollwire: Pollwire, service: Service) -> None:
    """Check the message for an option without capacity left."""
    options = [{"id": "rice", "label": "Rice", "capacity": 1}, {"id": "yam", "label": "Yam"}]
    await service.create_poll(id="lunch", options=options)
    await service.vote("lunch", "rice", await service.voter())
    result = await pollwire("vote", "lunch", "rice")
    assert (result.exit_code, "full" in result.err) == (1, True)


async def test_vote_withdraw_removes_the_vote(pollwire: Pollwire, service: Service) -> None:
    """Check that --withdraw removes the current vote if the poll allows it."""
    await service.create_poll(id="lunch", revote="withdraw")
    await pollwire("vote", "lunch", "rice")
    result = await pollwire("vote", "lunch", "--withdraw")
    assert (result.exit_code, result.out.startswith("Withdrawn:")) == (0, True)


async def test_vote_in_open_poll_needs_no_token(pollwire: Pollwire, service: Service) -> None:
    """Check that an open poll needs and creates no token, and that each command is a separate vote."""
    await service.create_poll(id="lunch", identity="open")
    statuses = [(await pollwire("vote", "lunch", "rice", "--json")).json["status"] for _ in range(2)]
    assert statuses == ["counted", "counted"]
    assert not (pollwire.folder / "voter-tokens.json").exists()


async def test_vote_replaces_rejected_token(new_user: Pollwire, serve: Serve) -> None:
    """Check that a token that the service no longer accepts is replaced by a new one."""
    async with serve(port=0) as before:
        new_user.knows(before)
        await before.create_poll(id="lunch")
        await new_user("vote", "lunch", "rice")
    tokens = new_user.folder / "voter-tokens.json"
    async with serve() as after:
        new_user.knows(after)
        tokens.write_text(tokens.read_text().replace(before.url, after.url))
        assert (await new_user("vote", "lunch", "rice", "--json")).json["status"] == "counted"
        assert (await new_user("vote", "lunch", "rice", "--json")).json["status"] == "unchanged"
