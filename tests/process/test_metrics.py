"""Metrics of all workers, served by the supervisor."""

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
async def service(up: Start) -> Up:
    """Start a service with two workers and a metrics listener."""
    return await (await up("--workers", "2", POLLWIRE_METRICS="127.0.0.1:0").start()).ready()


async def read_metrics(up: Up) -> dict[str, float]:
    """Return all samples by name and label values."""
    address = up.out.partition("Metrics  ")[2].split()[0]
    async with httpx.AsyncClient() as client:
        text = (await client.get(address)).raise_for_status().text
    return {
        " ".join(
            (sample.name, *(value for name, value in sample.labels.items() if name != "le"))
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def wait_for_metric(up: Up, name: str, value: float) -> None:
    """Wait until a sample has this value."""

    async def has_value() -> bool:
        return (await read_metrics(up)).get(name) == value

    await until(has_value, 10)


async def test_votes_of_all_workers_are_summed(service: Up) -> None:
    await service.make_poll()
    for _ in range(20):
        assert (await service.vote()).status_code == 200
    metrics = await read_metrics(service)
    assert metrics["pollwire_votes_total counted"] == 20
    assert metrics["pollwire_batch_votes_sum"] == 20
    assert metrics["pollwire_store_seconds_count"] >= metrics["pollwire_batch_seconds_count"] == 20
    assert metrics["pollwire_store_up"] == 1


async def test_gauges_of_killed_workers_are_removed_and_counters_stay(service: Up) -> None:
    await service.make_poll()
    socket = f"{service.url.replace('http', 'ws')}/v1/polls/lunch/live"
    async with contextlib.AsyncExitStack() as streams:
        for _ in range(6):
            await streams.enter_async_context(websockets.connect(socket))
        await wait_for_metric(service, "pollwire_subscribers", 6)
        await service.vote()
        await wait_for_metric(service, "pollwire_votes_total counted", 1)
        assert (await read_metrics(service))["pollwire_frames_total"] >= 12
        for worker in service.workers:
            os.kill(worker.pid, signal.SIGKILL)
        await wait_for_metric(service, "pollwire_subscribers", 0)
    assert (await read_metrics(service))["pollwire_votes_total counted"] == 1


async def test_webhook_deliveries_are_counted_by_outcome(up: Start) -> None:
    allowed = {"POLLWIRE_WEBHOOK_ALLOW": "127.0.0.1", "POLLWIRE_METRICS": "127.0.0.1:0"}
    service = await (await up("--workers", "2", **allowed).start()).ready()
    async with contextlib.AsyncExitStack() as sites, service.client() as operator:
        for status in (204, 410, 503):
            site = await sites.enter_async_context(receiving())
            site.answering = lambda _, status=status: status  # type: ignore[misc]  # each its own
            made = await operator.post("/v1/admin/webhooks", json={"url": site.url})
            assert made.status_code == 201, made.text
        await service.make_poll()
        for outcome in ("delivered", "disabled"):
            await wait_for_metric(service, f"pollwire_webhook_attempts_total {outcome}", 1)
        await wait_for_metric(service, "pollwire_webhook_queue_size", 1)
        assert (await read_metrics(service))["pollwire_webhook_attempts_total retried"] >= 1


async def test_metrics_are_not_served_on_the_public_port(service: Up) -> None:
    async with httpx.AsyncClient(base_url=service.url) as client:
        assert (await client.get("/metrics")).status_code == 404
