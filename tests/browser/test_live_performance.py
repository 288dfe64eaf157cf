"""Performance of the live page: frame rate and heap with a thousand updates a second, and its size.

Four polls are drawn on the live page, and four more clients of the page follow all of them. Twenty streams
with sixty updates a second are more than a thousand messages a second on five sockets. The votes are counted
by the store and sent by the service. The figures are printed. PACE_SECONDS=60 makes it a minute.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import statistics
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, CDPSession, Page
from pollwire_server.store.votes.ballots import BallotInput

from tests.api.conftest import Serve
from tests.browser.conftest import Open, Service

SECONDS = int(os.environ.get("PACE_SECONDS", "4"))
POLLS = 4
MORE_CLIENTS = 4
HZ = 60.0
ROUND_S = 0.01
"""Pause between two rounds of votes, one in each poll. A little shorter than the interval of the results."""
MIN_FPS = 50
MIN_SHARE_OF_IDLE_FPS = 0.8
"""Required share of the idle frame rate, for machines that draw fewer frames."""
MIN_SHARE_OF_IDLE_FPS_IF_BUSY = 0.4
"""The same on a busy machine, where service, store and browser compete for the processors."""
BUSY_BELOW_IDLE_SHARE = 0.25
"""Below this part of the processors' time a machine counts as busy."""
MIN_UPDATES_PER_S = 600
"""Updates a second that make the test meaningful. A slow machine needs a third of the expected updates."""
MAX_HEAP_GROWTH_BYTES = 1_000_000
"""Less than a tenth of the size of the messages of four seconds. The caches of the engine need some of it."""
MAX_PAGE_BYTES = 60_000

COUNT_MESSAGES = """{
  window.arrived = 0;
  const count = () => (window.arrived += 1);
  window.WebSocket = class extends WebSocket {
    constructor(...how) {
      super(...how);
      this.addEventListener('message', count);
    }
  };
}"""

COUNT_FRAMES = """(seconds) => new Promise((resolve) => {
  const frames = new Array(seconds).fill(0);
  const before = window.arrived;
  let start = 0;
  const next = (now) => {
    start ||= now;
    const second = Math.floor((now - start) / 1000);
    if (second >= seconds) return resolve({ frames, arrived: window.arrived - before });
    frames[second] += 1;
    requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
})"""
"""Frames drawn in each second, and messages that arrived in all of them."""

ADD_READERS = """async ([ids, clients]) => {
  const { Client } = await import('/client.js');
  window.counts = {};
  for (let more = 0; more < clients; more += 1) {
    const client = new Client(new URL('/', location.href).href);
    for (const id of ids) client.watch(id, { results: ({ counts }) => (window.counts[id] = counts) });
  }
  for (const id of ids.slice(1)) {
    const widget = document.createElement('live-poll');
    widget.setAttribute('poll', id);
    document.getElementById('live-page').append(widget);
  }
}"""


@dataclass
class Load:
    """Counter of the votes cast."""

    cast: int = 0


@asynccontextmanager
async def voting(service: Service, polls: list[str]) -> AsyncIterator[Load]:
    """Cast votes of new voters in every poll until the block ends."""
    records = [await service.store.polls.get(poll) for poll in polls]
    load, stop = Load(), asyncio.Event()

    async def vote() -> None:
        codes = [record.poll.options[0].code for record in records]
        while not stop.is_set():
            round_of_votes = [
                (record, [BallotInput(secrets.token_bytes(16), code)])
                for record, code in zip(records, codes, strict=True)
            ]
            await service.store.ballots.cast_many(round_of_votes)
            load.cast += len(records)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), ROUND_S)

    task = asyncio.create_task(vote())
    try:
        yield load
    finally:
        stop.set()
        await task


def report(capsys: pytest.CaptureFixture[str], figures: str) -> None:
    """Print figures, also if the test passes."""
    with capsys.disabled():
        sys.stdout.write(f"\n  {figures}\n")


async def heap_bytes(session: CDPSession) -> int:
    """Return the size of the JavaScript heap after garbage collection."""
    for _ in range(3):
        await session.send("HeapProfiler.collectGarbage")
    used: int = (await session.send("Runtime.getHeapUsage"))["usedSize"]
    return used


async def count_frames(page: Page, seconds: int) -> dict[str, Any]:
    """Return the frames drawn in each second, and the messages that arrived."""
    frame_counts: dict[str, Any] = await page.evaluate(COUNT_FRAMES, seconds)
    return frame_counts


def processor_ticks() -> tuple[int, int]:
    """Return the idle ticks and all ticks of the processors (proc(5), stat)."""
    ticks = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 110)
async def test_page_with_1000_updates_per_second_stays_smooth_without_heap_growth(
    serve: Serve, open_page: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serve(stream_hz=HZ) as service:
        polls = [(await service.create_poll())["id"] for _ in range(POLLS)]
        page = (await open_page(f"{service.url}/polls/{polls[0]}", scripts=(COUNT_MESSAGES,))).page
        await page.evaluate(ADD_READERS, [polls, MORE_CLIENTS])
        session = await page.context.new_cdp_session(page)
        at_rest = statistics.median((await count_frames(page, 1))["frames"])
        async with voting(service, polls) as load:
            await count_frames(page, 2)  # until everything has been drawn once, and the engine has warmed up
            before = await heap_bytes(session)
            cast_before = load.cast
            idle_before, all_before = processor_ticks()
            frame_counts = await count_frames(page, SECONDS)
            idle_after, all_after = processor_ticks()
            rounds = (load.cast - cast_before) / POLLS / SECONDS
            after = await heap_bytes(session)
    expected_updates = POLLS * (1 + MORE_CLIENTS) * min(rounds, HZ)
    idle = (idle_after - idle_before) / (all_after - all_before)
    own = MIN_SHARE_OF_IDLE_FPS_IF_BUSY if idle < BUSY_BELOW_IDLE_SHARE else MIN_SHARE_OF_IDLE_FPS
    arrived, smooth = frame_counts["arrived"] / SECONDS, statistics.median(frame_counts["frames"])
    report(
        capsys,
        f"{SECONDS} s: {arrived:.0f} updates/s of {expected_updates:.0f} arrived; "
        f"frames/s median {smooth:.0f}, "
        f"least {min(frame_counts['frames'])}, at rest {at_rest:.0f}; processors idle {idle:.0%}; "
        f"heap {before / 1e6:.2f} MB before, {after / 1e6:.2f} MB after",
    )
    assert arrived > min(MIN_UPDATES_PER_S, expected_updates / 3), (
        "the load was too low for a meaningful test"
    )
    assert smooth >= min(MIN_FPS, own * at_rest)
    assert after - before < MAX_HEAP_GROWTH_BYTES


async def test_first_visit_of_the_live_page_transfers_under_60_kb(
    service: Service, browser: Browser, capsys: pytest.CaptureFixture[str]
) -> None:
    poll = (await service.create_poll())["id"]
    await service.vote(poll, "yam", await service.voter())
    page = await (await browser.new_context(locale="fr-FR")).new_page()
    session = await page.context.new_cdp_session(page)
    sizes: dict[str, float] = {}
    names: dict[str, str] = {}
    session.on(
        "Network.responseReceived", lambda event: names.update({event["requestId"]: event["response"]["url"]})
    )
    session.on(
        "Network.loadingFinished",
        lambda event: sizes.update({event["requestId"]: event["encodedDataLength"]}),
    )
    await session.send("Network.enable")
    await page.goto(f"{service.url}/polls/{poll}", wait_until="networkidle")
    await page.locator(".legend").wait_for()
    transferred = {
        names[request].partition("/static/")[2] or names[request]: size for request, size in sizes.items()
    }
    heaviest = sorted(transferred.items(), key=lambda item: -item[1])[:5]
    listed = ", ".join(f"{name} {size:.0f}" for name, size in heaviest)
    report(capsys, f"{sum(sizes.values()):.0f} bytes in {len(sizes)} requests; the heaviest: {listed}")
    assert len(sizes) > 10
    assert sum(sizes.values()) < MAX_PAGE_BYTES
    await page.context.close()
