"""What those who watch see of operators' acts, on every kind of stream."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from tests.api.conftest import Service
from tests.api.streams import Watcher, apart_from_time, events_at, live, socket_at


async def watching(service: Service, poll: dict[str, object], streams: AsyncExitStack) -> list[Watcher]:
    """A reader on each kind of stream, each with its first results read."""
    one = await streams.enter_async_context(socket_at(service, live(poll)))
    many = await streams.enter_async_context(socket_at(service, "/v1/live"))
    await many.say(watch=[poll["id"]])
    events = await streams.enter_async_context(events_at(service, f"/v1/polls/{poll['id']}/events"))
    watchers: list[Watcher] = [one, many, events]
    for watcher in watchers:
        await watcher.results()
    return watchers


async def test_reset_reaches_those_who_watch(service: Service) -> None:
    """After a reset every stream tells zero in a later epoch, and goes on with the votes that follow."""
    poll = await service.create_poll()
    await service.vote(poll["id"], "rice", await service.voter())
    async with AsyncExitStack() as streams:
        for watcher in (watchers := await watching(service, poll, streams)):
            assert watcher.messages[-1]["voters"] == 1
        await service.act(poll["id"], "reset", confirm=poll["id"])
        for watcher in watchers:
            before = watcher.messages[0]["epoch"]
            emptied = await watcher.until(lambda said: said.get("voters") == 0)
            assert emptied["epoch"] > before
        await service.vote(poll["id"], "yam", await service.voter())
        for watcher in watchers:
            await watcher.until(lambda said: said.get("counts") == {"rice": 0, "yam": 1})


async def test_reopening_hides_from_those_who_watch(service: Service) -> None:
    """Totals that closing showed are hidden from every stream once the poll is reopened."""
    poll = await service.create_poll(results="after_close")
    await service.vote(poll["id"], "rice", await service.voter())
    async with AsyncExitStack() as streams:
        watchers = await watching(service, poll, streams)
        await service.act(poll["id"], "close")
        for watcher in watchers:
            assert (await watcher.until(lambda said: said["phase"] == "closed"))["voters"] == 1
        await service.act(poll["id"], "reopen")
        for watcher in watchers:
            hidden = await watcher.until(lambda said: said["phase"] == "open")
            assert (hidden["hidden"], hidden["seq"], "counts" in hidden) == (True, 0, False)


@pytest.mark.parametrize("act", ["publish", "cancel"])
async def test_acts_reach_those_who_watch(service: Service, act: str) -> None:
    """Publish shows the totals to every stream; cancel tells each that voting is over for good."""
    poll = await service.create_poll(results="operators" if act == "publish" else "always")
    await service.vote(poll["id"], "rice", await service.voter())
    async with AsyncExitStack() as streams:
        watchers = await watching(service, poll, streams)
        await service.act(poll["id"], act)
        for watcher in watchers:
            if act == "publish":
                await watcher.until(lambda said: said.get("counts") == {"rice": 1, "yam": 0})
            else:
                canceled = await watcher.until(lambda said: said["phase"] == "canceled")
                assert (canceled["final"], canceled["voters"]) == (True, 1)


@pytest.mark.parametrize("mode", ["always", "after_close"])
async def test_an_edit_reaches_those_who_watch(service: Service, mode: str) -> None:
    """After an edit each stream says the same once more, and no more than once: pages read the poll again."""
    poll = await service.create_poll(results=mode)
    async with AsyncExitStack() as streams:
        watchers = await watching(service, poll, streams)
        path = f"/v1/admin/polls/{poll['id']}"
        assert (await service.admin.patch(path, json={"question": "Rice, or yam?"})).status_code == 200
        for watcher in watchers:
            again = await watcher.results()
            assert apart_from_time(again) == apart_from_time(watcher.messages[0])
        await service.act(poll["id"], "close")
        for watcher in watchers:
            assert (await watcher.results())["phase"] == "closed"
