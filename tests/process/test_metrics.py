"""The figures that the supervisor tells of all its workers."""

from __future__ import annotations

import contextlib
import os
import signal

import httpx
import pytest
import websockets
from prometheus_client.parser import text_string_to_metric_families

from tests.pollwire_process import Up
from tests.process.conftest import Start
from tests.wait import until
from tests.webhook_receiver import receiving


@pytest.fixture
async def counting(up: Start) -> Up:
    """Two workers whose figures are told."""
    return await (await up("--workers", "2", POLLWIRE_METRICS="127.0.0.1:0").start()).ready()


async def figures(up: Up) -> dict[str, float]:
    """All samples, each under its name and its label's value."""
    address = up.out.partition("figures for Prometheus  ")[2].split()[0]
    async with httpx.AsyncClient() as client:
        text = (await client.get(address)).raise_for_status().text
    return {
        " ".join(
            (sample.name, *(value for name, value in sample.labels.items() if name != "le"))
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def told(up: Up, name: str, value: float) -> None:
    """Returns once a figure has this value."""

    async def is_told() -> bool:
        return (await figures(up)).get(name) == value

    await until(is_told, 10)


async def test_votes_of_all_workers_are_told_together(counting: Up) -> None:
    """Whichever worker took a vote, it is counted by its outcome, and so are batches and trips."""
    await counting.make_poll()
    for _ in range(20):
        assert (await counting.vote()).status_code == 200
    found = await figures(counting)
    assert found["pollwire_votes_total counted"] == 20
    assert found["pollwire_batch_votes_sum"] == 20
    assert found["pollwire_store_seconds_count"] >= found["pollwire_batch_seconds_count"] == 20
    assert found["pollwire_store_up"] == 1


async def test_streams_are_those_that_are_open_now(counting: Up) -> None:
    """Open streams of all workers are added; a dead worker's are gone, while what it counted stays."""
    await counting.make_poll()
    socket = f"{counting.url.replace('http', 'ws')}/v1/polls/lunch/live"
    async with contextlib.AsyncExitStack() as streams:
        for _ in range(6):
            await streams.enter_async_context(websockets.connect(socket))
        await told(counting, "pollwire_subscribers", 6)
        await counting.vote()
        await told(counting, "pollwire_votes_total counted", 1)
        assert (await figures(counting))["pollwire_frames_total"] >= 12
        for worker in counting.workers:
            os.kill(worker.pid, signal.SIGKILL)
        await told(counting, "pollwire_subscribers", 0)
    assert (await figures(counting))["pollwire_votes_total counted"] == 1


async def test_what_came_of_telling_sites_is_counted(up: Start) -> None:
    """A site that takes an event, one that wants no more, and one that fails, for which the event waits."""
    allowed = {"POLLWIRE_WEBHOOK_ALLOW": "127.0.0.1", "POLLWIRE_METRICS": "127.0.0.1:0"}
    service = await (await up("--workers", "2", **allowed).start()).ready()
    async with contextlib.AsyncExitStack() as sites, service.client() as operator:
        for status in (204, 410, 503):
            site = await sites.enter_async_context(receiving())
            site.answering = lambda _, status=status: status  # type: ignore[misc]  # each its own
            made = await operator.post("/v1/admin/webhooks", json={"url": site.url})
            assert made.status_code == 201, made.text
        await service.make_poll()
        for outcome in ("delivered", "given-up"):
            await told(service, f"pollwire_webhook_tries_total {outcome}", 1)
        await told(service, "pollwire_webhook_waiting", 1)
        assert (await figures(service))["pollwire_webhook_tries_total retried"] >= 1


async def test_nothing_of_it_is_on_the_services_own_port(counting: Up) -> None:
    """Figures are for operators: the public listener knows no such address."""
    async with httpx.AsyncClient(base_url=counting.url) as client:
        assert (await client.get("/metrics")).status_code == 404
