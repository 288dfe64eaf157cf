"""Who sleeps is woken at the turn asked for; time is a test's own."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
from collections.abc import Callable
from typing import Any

import pytest
from pollwire_server.live.fast_path.timer_wheel import TimerWheel


class Loop:
    """An event loop's clock and timers, moved by hand."""

    def __init__(self, now: float = 100.0) -> None:
        self.now = now
        self._order = itertools.count()
        self._timers: list[tuple[float, int, Callable[[], Any]]] = []

    @property
    def timers(self) -> int:
        """How many are set."""
        return len(self._timers)

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, call: Callable[[], Any]) -> object:
        heapq.heappush(self._timers, (when, next(self._order), call))
        return object()

    def call_soon(self, call: Callable[[], Any]) -> object:
        return self.call_at(self.now, call)

    def pass_time(self, seconds: float) -> None:
        """Runs what falls due, each at its time."""
        end = self.now + seconds
        while self._timers and self._timers[0][0] <= end:
            when, _, call = heapq.heappop(self._timers)
            self.now = max(self.now, when)
            call()
        self.now = end

    def hang(self, seconds: float) -> None:
        """Time passes, and nothing runs meanwhile."""
        self.now += seconds
        self.pass_time(0)


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    """The loop that wheels find running."""
    made = Loop()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: made)
    return made


class Sleeper:
    """Remembers when it was woken, and wants to be woken again so long after, as often as said."""

    def __init__(
        self, wheel: TimerWheel, loop: Loop, again: float | None = None, times: int = 1_000_000
    ) -> None:
        self.woken: list[float] = []
        self._wheel = wheel
        self._loop = loop
        self._again = again
        self._times = times

    def on_timer(self) -> float | None:
        self.woken.append(self._loop.now)
        if self._again is None or len(self.woken) >= self._times:
            return None
        return self._wheel.now + self._again


@pytest.mark.parametrize(
    ("at", "woken"),
    [(101.0, 101.0), (101.2, 102.0), (100.1, 101.0), (90.0, 101.0), (100.0, 101.0), (160.5, 161.0)],
)
def test_a_sleeper_is_woken_at_the_first_turn_after_its_time(loop: Loop, at: float, woken: float) -> None:
    """Never before the time asked for, less than a turn after it, and at the next turn if it is past."""
    wheel = TimerWheel()
    sleeper = Sleeper(wheel, loop)
    wheel.schedule(sleeper, at)
    loop.pass_time(100)
    assert sleeper.woken == [woken]


def test_a_sleeper_that_asks_again_is_woken_again(loop: Loop) -> None:
    """Each look says when the next one is to be."""
    wheel = TimerWheel()
    sleeper = Sleeper(wheel, loop, again=5.0, times=3)
    wheel.schedule(sleeper, 102)
    loop.pass_time(60)
    assert sleeper.woken == [102.0, 107.0, 112.0]


def test_an_empty_wheel_stands_still(loop: Loop) -> None:
    """Once nobody sleeps there is no timer, and the next sleeper finds the clock right."""
    wheel = TimerWheel()
    wheel.schedule(Sleeper(wheel, loop), 101)
    loop.pass_time(10)
    assert loop.timers == 0
    loop.pass_time(1_000)
    sleeper = Sleeper(wheel, loop)
    wheel.schedule(sleeper, 0)
    assert wheel.now == loop.now
    loop.pass_time(10)
    assert sleeper.woken == [1111.0]


def test_one_timer_serves_all(loop: Loop) -> None:
    """A thousand sleepers cost one timer, and each is woken once."""
    wheel = TimerWheel()
    sleepers = [Sleeper(wheel, loop) for _ in range(1_000)]
    for place, sleeper in enumerate(sleepers):
        wheel.schedule(sleeper, 101 + place % 50)
    assert loop.timers == 1
    loop.pass_time(60)
    assert all(len(sleeper.woken) == 1 for sleeper in sleepers)


def test_time_that_passed_in_a_hang_is_caught_up_with(loop: Loop) -> None:
    """After a pause of the process all that fell due meanwhile is woken at once, and the wheel goes on."""
    wheel = TimerWheel()
    early, late = Sleeper(wheel, loop, again=1.0, times=2), Sleeper(wheel, loop)
    wheel.schedule(early, 101)
    wheel.schedule(late, 150)
    loop.hang(60)
    assert (early.woken, late.woken) == ([160.0], [160.0])
    assert wheel.now == 160.0
    loop.pass_time(2)
    assert early.woken == [160.0, 161.0]


def test_waking_gives_way(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crowd is woken in slices: what else is due in the loop runs in between."""
    ticks = itertools.count(step=0.002)
    monkeypatch.setattr("pollwire_server.live.fast_path.timer_wheel.time.perf_counter", lambda: next(ticks))
    wheel = TimerWheel()
    sleepers = [Sleeper(wheel, loop) for _ in range(10)]
    for sleeper in sleepers:
        wheel.schedule(sleeper, 101)
    counts: list[int] = []

    def others_turn() -> None:
        counts.append(sum(len(sleeper.woken) for sleeper in sleepers))
        if counts[-1] < 10:
            loop.call_soon(others_turn)

    loop.call_at(101.0, others_turn)
    loop.pass_time(1)
    assert counts[0] < 10
    assert counts == sorted(counts)
    assert all(len(sleeper.woken) == 1 for sleeper in sleepers)


def test_who_cannot_be_woken_harms_nobody_else(loop: Loop, caplog: pytest.LogCaptureFixture) -> None:
    """A sleeper that raises is logged and forgotten; those behind it are woken."""

    class Broken:
        def on_timer(self) -> float | None:
            raise ValueError

    wheel = TimerWheel()
    wheel.schedule(Broken(), 101)
    sleeper = Sleeper(wheel, loop)
    wheel.schedule(sleeper, 101)
    with caplog.at_level(logging.ERROR):
        loop.pass_time(5)
    assert sleeper.woken == [101.0]
    assert "could not be woken" in caplog.text


def test_turns_may_be_shorter(loop: Loop) -> None:
    """What a test waits for need not be seconds."""
    wheel = TimerWheel(0.25)
    sleeper = Sleeper(wheel, loop, again=0.25, times=3)
    wheel.schedule(sleeper, 100.3)
    loop.pass_time(2)
    assert sleeper.woken == [100.5, 100.75, 101.0]


async def test_it_turns_on_a_real_loop() -> None:
    """The timers are those of the loop that runs."""
    woken = asyncio.Event()

    class Once:
        def on_timer(self) -> float | None:
            woken.set()
            return None

    wheel = TimerWheel(0.01)
    wheel.schedule(Once(), 0)
    await asyncio.wait_for(woken.wait(), 2)
