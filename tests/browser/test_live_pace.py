"""A thousand updates a second on one page: it stays smooth, holds no more memory, and was small at first.

Four polls are drawn on the live page, and four more clients of the page follow
all of them: twenty streams, each told sixty times a second, are more than a
thousand messages a second on five sockets. They are real: votes counted by the
store, brought by the service. The figures are printed. PACE_SECONDS=60 makes it a minute.
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
"""Between two rounds of votes, one in each poll: somewhat faster than results are told."""
SMOOTH_FPS = 50
OF_ITS_OWN_FPS = 0.8
"""A machine that is busy with other things, and draws fewer frames at rest, is held to this part of those."""
CROWDED_FPS = 0.4
"""The same where the processors were hardly idle meanwhile: then service, store and browser wait for one
another, and frames tell of the machine more than of the page."""
CROWDED_IDLE = 0.25
"""Below this part of the processors' time a machine counts as crowded."""
LOAD = 600
"""Updates a second that prove something; where the machine counts votes too slowly for it, a third of what
its votes give to tell."""
GROWN_BYTES = 1_000_000
"""Less than a tenth of what the messages of four seconds weigh; the engine's own caches take some."""
WHOLE_PAGE_BYTES = 60_000

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
  window.told = {};
  for (let more = 0; more < clients; more += 1) {
    const client = new Client(new URL('/', location.href).href);
    for (const id of ids) client.watch(id, { results: ({ counts }) => (window.told[id] = counts) });
  }
  for (const id of ids.slice(1)) {
    const widget = document.createElement('live-poll');
    widget.setAttribute('poll', id);
    document.getElementById('board').append(widget);
  }
}"""


@dataclass
class Load:
    """Votes that keep coming."""

    cast: int = 0


@asynccontextmanager
async def voting(service: Service, polls: list[str]) -> AsyncIterator[Load]:
    """Somebody new votes in every poll, over and over, for as long as the block runs."""
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


def tell(capsys: pytest.CaptureFixture[str], figures: str) -> None:
    """Figures are for people, whether or not the test fails."""
    with capsys.disabled():
        sys.stdout.write(f"\n  {figures}\n")


async def heap_bytes(session: CDPSession) -> int:
    """What scripts hold once everything that can go has gone."""
    for _ in range(3):
        await session.send("HeapProfiler.collectGarbage")
    used: int = (await session.send("Runtime.getHeapUsage"))["usedSize"]
    return used


async def counting(page: Page, seconds: int) -> dict[str, Any]:
    """How smooth the page was, and how much arrived."""
    counted: dict[str, Any] = await page.evaluate(COUNT_FRAMES, seconds)
    return counted


def idle_and_all() -> tuple[int, int]:
    """Ticks that the machine's processors have idled, and all they had (proc(5), stat)."""
    ticks = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 110)
async def test_a_thousand_updates_a_second_leave_the_page_smooth(
    serve: Serve, open_page: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page draws at least 50 frames in a second meanwhile, and holds afterwards what it held before."""
    async with serve(stream_hz=HZ) as service:
        polls = [(await service.create_poll())["id"] for _ in range(POLLS)]
        page = (await open_page(f"{service.url}/polls/{polls[0]}", scripts=(COUNT_MESSAGES,))).page
        await page.evaluate(ADD_READERS, [polls, MORE_CLIENTS])
        session = await page.context.new_cdp_session(page)
        at_rest = statistics.median((await counting(page, 1))["frames"])
        async with voting(service, polls) as load:
            await counting(page, 2)  # until everything has been drawn once, and the engine has warmed up
            before = await heap_bytes(session)
            cast_before = load.cast
            idle_before, all_before = idle_and_all()
            counted = await counting(page, SECONDS)
            idle_after, all_after = idle_and_all()
            rounds = (load.cast - cast_before) / POLLS / SECONDS
            after = await heap_bytes(session)
    to_tell = POLLS * (1 + MORE_CLIENTS) * min(rounds, HZ)
    idle = (idle_after - idle_before) / (all_after - all_before)
    own = CROWDED_FPS if idle < CROWDED_IDLE else OF_ITS_OWN_FPS
    arrived, smooth = counted["arrived"] / SECONDS, statistics.median(counted["frames"])
    tell(
        capsys,
        f"{SECONDS} s: {arrived:.0f} updates/s of {to_tell:.0f} arrived; frames/s median {smooth:.0f}, "
        f"least {min(counted['frames'])}, at rest {at_rest:.0f}; processors idle {idle:.0%}; "
        f"heap {before / 1e6:.2f} MB before, {after / 1e6:.2f} MB after",
    )
    assert arrived > min(LOAD, to_tell / 3), "the load itself was too slow to prove anything"
    assert smooth >= min(SMOOTH_FPS, own * at_rest)
    assert after - before < GROWN_BYTES


async def test_the_whole_live_page_is_small(
    service: Service, browser: Browser, capsys: pytest.CaptureFixture[str]
) -> None:
    """HTML, style, scripts, pictures: everything that a first visit transfers is under 60 KB."""
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
    tell(capsys, f"{sum(sizes.values()):.0f} bytes in {len(sizes)} requests; the heaviest: {listed}")
    assert len(sizes) > 10
    assert sum(sizes.values()) < WHOLE_PAGE_BYTES
    await page.context.close()
