"""Voting from the command line."""

from __future__ import annotations

import stat

from tests.api.conftest import Serve, Service
from tests.cli.conftest import Pollwire


async def test_a_vote_is_counted_once(pollwire: Pollwire, service: Service) -> None:
    """The same voter comes back with each command: a repeat is unchanged, another choice refused."""
    await service.create_poll(id="lunch")
    assert (await pollwire("vote", "lunch", "rice")).out == "Counted: your vote in lunch (rice).\n"
    assert (await pollwire("vote", "lunch", "rice", "--json")).json["status"] == "unchanged"
    other = await pollwire("vote", "lunch", "yam")
    assert other.exit_code == 1
    assert "already voted" in other.err


async def test_the_token_is_its_owners_alone(pollwire: Pollwire, service: Service) -> None:
    """The token that makes the next command the same voter can be read by its owner only."""
    await service.create_poll(id="lunch")
    await pollwire("vote", "lunch", "rice")
    tokens = pollwire.folder / "voter-tokens.json"
    assert stat.S_IMODE(tokens.stat().st_mode) == 0o600


async def test_several_options(pollwire: Pollwire, service: Service) -> None:
    """A poll that takes several gets a list, also of one option; a poll that takes one refuses two."""
    await service.create_poll(id="dishes", kind="multiple", revote="change")
    assert (await pollwire("vote", "dishes", "rice", "--json")).json["choice"] == ["rice"]
    assert (await pollwire("vote", "dishes", "yam", "rice")).out.endswith("(rice, yam).\n")
    await service.create_poll(id="lunch")
    assert (await pollwire("vote", "lunch", "rice", "yam")).exit_code == 1


async def test_a_vote_is_taken_back(pollwire: Pollwire, service: Service) -> None:
    """Where the poll allows it, --withdraw takes the standing vote back."""
    await service.create_poll(id="lunch", revote="withdraw")
    await pollwire("vote", "lunch", "rice")
    said = await pollwire("vote", "lunch", "--withdraw")
    assert (said.exit_code, said.out.startswith("Withdrawn:")) == (0, True)


async def test_anybody_votes_in_an_open_poll(pollwire: Pollwire, service: Service) -> None:
    """An open poll needs no token, none is made, and each command is a vote of its own."""
    await service.create_poll(id="lunch", identity="open")
    statuses = [(await pollwire("vote", "lunch", "rice", "--json")).json["status"] for _ in range(2)]
    assert statuses == ["counted", "counted"]
    assert not (pollwire.folder / "voter-tokens.json").exists()


async def test_a_token_of_another_secret_is_replaced(stranger: Pollwire, serve: Serve) -> None:
    """A token that the service no longer knows is replaced by a new one, not a reason to fail."""
    async with serve(port=0) as before:
        stranger.knows(before)
        await before.create_poll(id="lunch")
        await stranger("vote", "lunch", "rice")
    tokens = stranger.folder / "voter-tokens.json"
    async with serve() as after:
        stranger.knows(after)
        tokens.write_text(tokens.read_text().replace(before.url, after.url))
        assert (await stranger("vote", "lunch", "rice", "--json")).json["status"] == "counted"
        assert (await stranger("vote", "lunch", "rice", "--json")).json["status"] == "unchanged"
