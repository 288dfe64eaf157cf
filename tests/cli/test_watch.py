"""The watch command."""

from __future__ import annotations

import json
import os
import pty
import signal
from contextlib import suppress

from tests.api.conftest import Service
from tests.cli.conftest import Pollwire
from tests.wait import until


async def test_watch_without_terminal_prints_a_line_for_each_change(
    pollwire: Pollwire, service: Service
) -> None:
    """Check that without a terminal every change is a line, and that --until-final ends with the poll."""
    await service.create_poll(id="lunch")
    async with await pollwire.start("watch", "lunch", "--until-final") as watching:
        assert "open 0 voters: rice 0 (-), yam 0 (-)" in await watching.line()
        await service.vote("lunch", "rice", await service.voter())
        assert "open 1 voter: rice 1 (100.0 %), yam 0 (0.0 %)" in await watching.line()
        await service.act("lunch", "close")
        assert "closed 1 voter" in await watching.line()
        assert await watching.end() == (0, "")


async def test_watch_rating_prints_the_mean(pollwire: Pollwire, service: Service) -> None:
    """Check that each change has the mean and the number of voters."""
    await service.create_poll(id="stay", kind="rating", options=[], scale={"min": 1, "max": 2})
    async with await pollwire.start("watch", "stay") as watching:
        assert "open 0 voters: 1 0 (-), 2 0 (-)" in await watching.line()
        await service.vote("stay", 2, await service.voter())
        assert "open 1 voter, mean 2.00: 1 0 (0.0 %), 2 1 (100.0 %)" in await watching.line()


async def test_watch_json_prints_results_objects(pollwire: Pollwire, service: Service) -> None:
    """Check that with --json each line is the results object of the service."""
    poll = await service.create_poll(id="lunch")
    async with await pollwire.start("watch", "lunch", "--json") as watching:
        frame = json.loads(await watching.line())
    assert (frame["type"], frame["poll"], frame["counts"]) == ("results", poll["id"], {"rice": 0, "yam": 0})


async def test_watch_ctrl_c_exits_with_0(pollwire: Pollwire, service: Service) -> None:
    """Check that Ctrl-C ends a watch with exit code 0 and without output."""
    await service.create_poll(id="lunch")
    async with await pollwire.start("watch", "lunch") as watching:
        await watching.line()
        watching.process.send_signal(signal.SIGINT)
        assert await watching.end() == (0, "")


async def test_watch_on_terminal_redraws_bars(pollwire: Pollwire, service: Service) -> None:
    """Check that bars are redrawn in place on a terminal, and that the cursor is restored at the end."""
    await service.create_poll(id="lunch")
    controller, terminal = pty.openpty()
    os.set_blocking(controller, False)
    seen = bytearray()

    def shows(text: str) -> bool:
        with suppress(BlockingIOError):
            seen.extend(os.read(controller, 65536))
        return text.encode() in seen

    async with await pollwire.start("watch", "lunch", stdout=terminal) as watching:
        await until(lambda: shows("0 voters"))
        await service.vote("lunch", "yam", await service.voter())
        await until(lambda: shows("100.0 %"))
        watching.process.send_signal(signal.SIGINT)
        assert await watching.end() == (0, "")
        await until(lambda: shows("\x1b[?25h"))
    os.close(terminal)
    os.close(controller)
    assert b"Rice or yam?" in seen


async def test_watch_unknown_poll_exits_with_1(pollwire: Pollwire) -> None:
    """Check that an unknown poll prints one line and ends with exit code 1."""
    result = await pollwire("watch", "absent")
    assert (result.exit_code, result.err) == (1, "Error: The poll 'absent' does not exist.\n")


async def test_watch_ends_if_poll_is_deleted(pollwire: Pollwire, service: Service) -> None:
    """Check that deleting a watched poll ends the watch with the service's message."""
    await service.create_poll(id="lunch")
    async with await pollwire.start("watch", "lunch") as watching:
        await watching.line()
        assert (await pollwire("polls", "delete", "lunch", "--yes")).exit_code == 0
        code, result = await watching.end()
    assert code == 1
    assert result == "Error: The poll 'lunch' does not exist.\n"
