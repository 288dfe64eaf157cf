"""Every kind of poll through every phase, by every hand: one page, open from the countdown to the end.

Nothing is reloaded. What the operator and the clock do is told on the page
while it is looked at, and what the voter does is what the service counts. How
single things are said and shown is for the other tests of this folder.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.async_api import expect

from tests.api.streams import soon
from tests.browser.conftest import Open, Service
from tests.browser.input_methods import HANDS, Hand
from tests.browser.reader import HEARS, WidgetOnPage
from tests.browser.screenshots_widget import MULTIPLE, PREDICTION, RANKED, RATING, SINGLE, made
from tests.wait import until

KINDS: dict[str, tuple[dict[str, Any], list[str], list[str]]] = {
    "single": (SINGLE, ["b"], ["a"]),
    "multiple": (MULTIPLE, ["a", "c"], ["b", "c", "d"]),
    "rating": (RATING, ["4"], ["2"]),
    "ranked": (RANKED, ["c", "a"], ["b", "c"]),
    "prediction": (PREDICTION, ["c"], ["a"]),
}
"""A poll of each kind, what is voted for first, and what instead."""

COUNTED = "Thank you. Your vote is counted."
COUNTS_DOWN = """(host) => new Promise((resolve) => {
  const clock = document.querySelector(host).shadowRoot.querySelector('.clock');
  const isNear = () => /^(opens in 0:0|opening)/.test(clock.textContent);
  const look = () => (isNear() ? resolve() : requestAnimationFrame(look));
  look();
})"""
"""Until the last seconds are counted."""


@dataclass(frozen=True)
class Life:
    """A poll, and the voter who stays with it."""

    service: Service
    poll: str
    kind: str
    widget: WidgetOnPage
    hand: Hand

    async def choose(self, options: list[str]) -> None:
        """Tick or rank them."""
        choose = self.hand.rank if self.kind == "ranked" else self.hand.choose
        await choose(self.widget, options)

    async def stands(self, options: list[str]) -> None:
        """These are marked as the voter's on the page, no others are, and the service counts just them."""
        for place, option in enumerate(options, start=1):
            mark = f"You ranked this {place}" if self.kind == "ranked" else "Your vote"
            await expect(self.widget.option(option).get_by_text(mark, exact=True)).to_be_visible()
        await expect(self.widget.element.locator(".is-own-vote:visible")).to_have_count(len(options))
        counted = options[:1] if self.kind == "ranked" else options
        await until(lambda: self._counts(counted))

    async def _counts(self, options: list[str]) -> bool:
        results = (await self.service.http.get(f"/v1/polls/{self.poll}/results")).json()
        given = [option for option, votes in results["counts"].items() if votes]
        return sorted(given) == sorted(options) and results["voters"] == bool(options)


async def opens_by_itself(life: Life) -> None:
    """Not open yet; then its last second is counted down, and votes are taken."""
    widget, edit = life.widget, {"opens_at": soon(1.1)}
    await widget.shows("Not open yet")
    await expect(widget.button("Vote")).to_be_hidden()
    await widget.is_told()
    counted_down = asyncio.create_task(widget.page.evaluate(COUNTS_DOWN, widget.host))
    edited = await life.service.admin.patch(f"/v1/admin/polls/{life.poll}", json=edit)
    assert edited.status_code == 200, edited.text
    await asyncio.wait_for(counted_down, 5)
    await widget.said("Voting is now open.")
    await widget.shows("Open")


async def votes(life: Life, options: list[str], button: str, answer: str) -> None:
    """What was chosen and sent is what counts."""
    await expect(life.widget.button(button)).to_be_visible()
    await life.choose(options)
    await life.hand.send(life.widget, button)
    await life.widget.said(answer)
    await life.stands(options)


async def thinks_again(life: Life, first: list[str], instead: list[str]) -> None:
    """A vote is given, changed, taken back, and given again."""
    widget, hand = life.widget, life.hand
    await votes(life, first, "Vote", COUNTED)
    await hand.press(widget, "Change my vote")
    await votes(life, instead, "Save my change", "Your vote was changed.")
    await hand.press(widget, "Remove my vote")
    await widget.said("Your vote was removed.")
    await life.stands([])
    await votes(life, first, "Vote", COUNTED)


async def is_closed(life: Life, standing: list[str]) -> None:
    """Told at once; nothing can be sent any more, and the vote stands."""
    await life.service.act(life.poll, "close")
    await life.widget.said("Voting has ended.")
    await life.widget.shows("Closed")
    await expect(life.widget.element.locator(".actions")).to_be_hidden()
    await life.stands(standing)


async def comes_out(life: Life, outcome: str, sentence: str) -> None:
    """The outcome and whether the voter was right are told; and that it was taken back."""
    resolve = f"/v1/admin/polls/{life.poll}/resolve"
    answer = await life.service.admin.post(resolve, json={"outcome": outcome})
    assert answer.status_code in (200, 202), answer.text
    await life.widget.shows("Resolved")
    await expect(life.widget.element.locator("[aria-live=polite]")).to_contain_text(sentence)
    await expect(life.widget.element.locator(".notice")).to_contain_text(sentence)
    await expect(life.widget.option(outcome).get_by_text("Correct outcome", exact=True)).to_be_visible()
    answer = await life.service.admin.post(f"/v1/admin/polls/{life.poll}/unresolve")
    assert answer.status_code in (200, 202), answer.text
    await life.widget.shows("Closed")
    await expect(life.widget.element.get_by_text("Correct outcome", exact=True)).to_have_count(0)


@pytest.mark.parametrize(
    ("kind", "hand"),
    # Each kind in `make test` once, and each input method at least once; the other pairs in `make test-all`.
    [
        pytest.param(kind, hand, marks=[] if (row - column) % len(HANDS) == 0 else pytest.mark.slow)
        for row, kind in enumerate(KINDS)
        for column, hand in enumerate(HANDS)
    ],
)
async def test_a_whole_life(service: Service, open_page: Open, kind: str, hand: str) -> None:
    """From the countdown over every turn of a vote to the end, each kind works by each hand, told live."""
    document, first, instead = KINDS[kind]
    poll = await made(service, document, 0, opens_at=soon(3600), revote="withdraw")
    reader = await open_page(f"{service.url}/embed/{poll}", scripts=(HEARS,), **HANDS[hand].context)
    life = Life(service, poll, kind, reader.poll(poll), HANDS[hand])
    await opens_by_itself(life)
    await thinks_again(life, first, instead)
    await is_closed(life, first)
    if kind == "prediction":
        await comes_out(life, first[0], "You were right: \u2068Crew of the Gull\u2069.")
        await comes_out(life, instead[0], "You were wrong. The outcome: \u2068Crew of the Swallow\u2069.")
        await service.act(poll, "cancel")
        await life.widget.said("This poll was canceled. No result will be declared.")
        await life.widget.shows("Canceled")
