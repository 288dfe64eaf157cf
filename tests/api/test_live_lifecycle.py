"""Operator actions as seen on every kind of stream."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from tests.api.conftest import Service
from tests.api.streams import Watcher, events_at, live, socket_at, without_timestamp


async def watching(service: Service, poll: dict[str, object], streams: AsyncExitStack) -> list[Watcher]:
    """Open a stream of each kind and read its first results."""
    one = await streams.enter_async_context(socket_at(service, live(poll)))
    many = await streams.enter_async_context(socket_at(service, "/v1/live"))
    await many.send(watch=[poll["id"]])
    events = await streams.enter_async_context(events_at(service, f"/v1/polls/{poll['id']}/events"))
    watchers: list[Watcher] = [one, many, events]
    for watcher in watchers:
        await watcher.results()
    return watchers


async def test_reset_sends_zero_in_later_epoch(service: Service) -> None:
    poll = await service.create_poll()
    await service.vote(poll["id"], "rice", await service.voter())
    async with AsyncExitStack() as streams:
        for watcher in (watchers := await watching(service, poll, streams)):
            assert watcher.messages[-1]["voters"] == 1
        await service.act(poll["id"], "reset", confirm=poll["id"])
        for watcher in watchers:
            before = watcher.messages[0]["epoch"]
            emptied = await watcher.until(lambda message: message.get("voters") == 0)
            assert emptied["epoch"] > before
        await service.vote(poll["id"], "yam", await service.voter())
        for watcher in watchers:
            await watcher.until(lambda message: message.get("counts") == {"rice": 0, "yam": 1})


async def test_reopening_hides_totals_on_open_streams(service: Service) -> None:
    poll = await service.create_poll(results="after_close")
    await service.vote(poll["id"], "rice", await service.voter())
    async with AsyncExitStack() as streams:
        watchers = await watching(service, poll, streams)
        await service.act(poll["id"], "close")
        for watcher in watchers:
            assert (await watcher.until(lambda message: message["phase"] == "closed"))["voters"] == 1
        await service.act(poll["id"], "reopen")
        for watcher in watchers:
            hidden = await watcher.until(lambda message: message["phase"] == "open")
            assert (hidden["hidden"], hidden["seq"], "counts" in hidden) == (True, 0, False)


@pytest.mark.parametrize("action", ["publish", "cancel"])
async def test_publish_and_cancel_reach_open_streams(service: Service, action: str) -> None:
    poll = await service.create_poll(results="operators" if action == "publish" else "always")
    await service.vote(poll["id"], "rice", await service.voter())
    async with AsyncExitStack() as streams:
        watchers = await watching(service, poll, streams)
        await service.act(poll["id"], action)
        for watcher in watchers:
            if action == "publish":
                await watcher.until(lambda message: message.get("counts") == {"rice": 1, "yam": 0})
            else:
                canceled = await watcher.until(lambda message: message["phase"] == "canceled")
                assert (canceled["final"], canceled["voters"]) == (True, 1)


@pytest.mark.parametrize("mode", ["always", "after_close"])
async def test_edit_sends_unchanged_results_once_more(service: Service, mode: str) -> None:
    """Pages read the poll again when they receive it."""
    poll = await service.create_poll(results=mode)
    async with AsyncExitStack() as streams:
        watchers = await watching(service, poll, streams)
        path = f"/v1/admin/polls/{poll['id']}"
        assert (await service.admin.patch(path, json={"question": "Rice, or yam?"})).status_code == 200
        for watcher in watchers:
            again = await watcher.results()
            assert without_timestamp(again) == without_timestamp(watcher.messages[0])
        await service.act(poll["id"], "close")
        for watcher in watchers:
            assert (await watcher.results())["phase"] == "closed"
