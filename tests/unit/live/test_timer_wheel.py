"""Timer wheel on a simulated event loop."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
from collections.abc import Callable
from typing import Any

import pytest
from pollwire_server.live.fast_path.timer_wheel import TimerWheel


class FakeLoop:
    """Clock and timers of an event loop, moved by the test."""

    def __init__(self, now: float = 100.0) -> None:
        self.now = now
        self._order = itertools.count()
        self._timers: list[tuple[float, int, Callable[[], Any]]] = []

    @property
    def timers(self) -> int:
        """Return the number of timers."""
        return len(self._timers)

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, call: Callable[[], Any]) -> object:
        heapq.heappush(self._timers, (when, next(self._order), call))
        return object()

    def call_soon(self, call: Callable[[], Any]) -> object:
        return self.call_at(self.now, call)

    def pass_time(self, seconds: float) -> None:
        """Run the callbacks that fall due, each at its time."""
        end = self.now + seconds
        while self._timers and self._timers[0][0] <= end:
            when, _, call = heapq.heappop(self._timers)
            self.now = max(self.now, when)
            call()
        self.now = end

    def block(self, seconds: float) -> None:
        """Let time pass without running callbacks."""
        self.now += seconds
        self.pass_time(0)


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> FakeLoop:
    """Replace the running event loop by a fake one."""
    fake = FakeLoop()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: fake)
    return fake


class RecordingTarget:
    """Timer target that records its calls. Fires again ``again`` seconds later, up to ``times`` times."""

    def __init__(
        self, wheel: TimerWheel, loop: FakeLoop, again: float | None = None, times: int = 1_000_000
    ) -> None:
        self.fired_at: list[float] = []
        self._wheel = wheel
        self._loop = loop
        self._again = again
        self._times = times

    def on_timer(self) -> float | None:
        self.fired_at.append(self._loop.now)
        if self._again is None or len(self.fired_at) >= self._times:
            return None
        return self._wheel.now + self._again


@pytest.mark.parametrize(
    ("at", "fired_at"),
    [(101.0, 101.0), (101.2, 102.0), (100.1, 101.0), (90.0, 101.0), (100.0, 101.0), (160.5, 161.0)],
)
def test_target_fires_on_first_tick_after_deadline(loop: FakeLoop, at: float, fired_at: float) -> None:
    wheel = TimerWheel()
    target = RecordingTarget(wheel, loop)
    wheel.schedule(target, at)
    loop.pass_time(100)
    assert target.fired_at == [fired_at]


def test_target_returning_instant_fires_again(loop: FakeLoop) -> None:
    wheel = TimerWheel()
    target = RecordingTarget(wheel, loop, again=5.0, times=3)
    wheel.schedule(target, 102)
    loop.pass_time(60)
    assert target.fired_at == [102.0, 107.0, 112.0]


def test_empty_wheel_has_no_timer(loop: FakeLoop) -> None:
    wheel = TimerWheel()
    wheel.schedule(RecordingTarget(wheel, loop), 101)
    loop.pass_time(10)
    assert loop.timers == 0
    loop.pass_time(1_000)
    target = RecordingTarget(wheel, loop)
    wheel.schedule(target, 0)
    assert wheel.now == loop.now
    loop.pass_time(10)
    assert target.fired_at == [1111.0]


def test_all_targets_share_one_timer(loop: FakeLoop) -> None:
    wheel = TimerWheel()
    targets = [RecordingTarget(wheel, loop) for _ in range(1_000)]
    for place, target in enumerate(targets):
        wheel.schedule(target, 101 + place % 50)
    assert loop.timers == 1
    loop.pass_time(60)
    assert all(len(target.fired_at) == 1 for target in targets)


def test_ticks_missed_during_blocked_loop_fire_at_once(loop: FakeLoop) -> None:
    wheel = TimerWheel()
    early, late = RecordingTarget(wheel, loop, again=1.0, times=2), RecordingTarget(wheel, loop)
    wheel.schedule(early, 101)
    wheel.schedule(late, 150)
    loop.block(60)
    assert (early.fired_at, late.fired_at) == ([160.0], [160.0])
    assert wheel.now == 160.0
    loop.pass_time(2)
    assert early.fired_at == [160.0, 161.0]


def test_callbacks_run_in_slices(loop: FakeLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = itertools.count(step=0.002)
    monkeypatch.setattr("pollwire_server.live.fast_path.timer_wheel.time.perf_counter", lambda: next(ticks))
    wheel = TimerWheel()
    targets = [RecordingTarget(wheel, loop) for _ in range(10)]
    for target in targets:
        wheel.schedule(target, 101)
    counts: list[int] = []

    def other_callback() -> None:
        counts.append(sum(len(target.fired_at) for target in targets))
        if counts[-1] < 10:
            loop.call_soon(other_callback)

    loop.call_at(101.0, other_callback)
    loop.pass_time(1)
    assert counts[0] < 10
    assert counts == sorted(counts)
    assert all(len(target.fired_at) == 1 for target in targets)


def test_failing_target_does_not_affect_others(loop: FakeLoop, caplog: pytest.LogCaptureFixture) -> None:

    class Broken:
        def on_timer(self) -> float | None:
            raise ValueError

    wheel = TimerWheel()
    wheel.schedule(Broken(), 101)
    target = RecordingTarget(wheel, loop)
    wheel.schedule(target, 101)
    with caplog.at_level(logging.ERROR):
        loop.pass_time(5)
    assert target.fired_at == [101.0]
    assert "Timer callback failed" in caplog.text


def test_tick_length_can_be_shorter(loop: FakeLoop) -> None:
    wheel = TimerWheel(0.25)
    target = RecordingTarget(wheel, loop, again=0.25, times=3)
    wheel.schedule(target, 100.3)
    loop.pass_time(2)
    assert target.fired_at == [100.5, 100.75, 101.0]


async def test_wheel_runs_on_real_event_loop() -> None:
    fired_at = asyncio.Event()

    class Once:
        def on_timer(self) -> float | None:
            fired_at.set()
            return None

    wheel = TimerWheel(0.01)
    wheel.schedule(Once(), 0)
    await asyncio.wait_for(fired_at.wait(), 2)
