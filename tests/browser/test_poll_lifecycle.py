"""Lifecycle of every kind of poll, with every input method, on one page without a reload.

The page shows what the operator and the clock do, and the service counts what the voter does. Details of
texts and looks are in the other tests of this folder.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.async_api import expect

from tests.api.streams import soon
from tests.browser.conftest import Open, Service
from tests.browser.input_methods import INPUT_METHODS, InputMethod
from tests.browser.screenshots_widget import MULTIPLE, PREDICTION, RANKED, RATING, SINGLE, create_poll
from tests.browser.widget_page import OBSERVE_STREAM, WidgetOnPage
from tests.wait import until

KINDS: dict[str, tuple[dict[str, Any], list[str], list[str]]] = {
    "single": (SINGLE, ["b"], ["a"]),
    "multiple": (MULTIPLE, ["a", "c"], ["b", "c", "d"]),
    "rating": (RATING, ["4"], ["2"]),
    "ranked": (RANKED, ["c", "a"], ["b", "c"]),
    "prediction": (PREDICTION, ["c"], ["a"]),
}
"""A poll of each kind, the first vote, and the changed vote."""

COUNTED = "Thank you. Your vote is counted."
COUNTS_DOWN = """(host) => new Promise((resolve) => {
  const clock = document.querySelector(host).shadowRoot.querySelector('.clock');
  const isNear = () => /^(opens in 0:0|opening)/.test(clock.textContent);
  const check = () => (isNear() ? resolve() : requestAnimationFrame(check));
  check();
})"""
"""Resolves when the countdown shows its last seconds."""


@dataclass(frozen=True)
class Lifecycle:
    """A poll and the voter of its page."""

    service: Service
    poll: str
    kind: str
    widget: WidgetOnPage
    method: InputMethod

    async def choose(self, options: list[str]) -> None:
        """Select or rank the options."""
        choose = self.method.rank if self.kind == "ranked" else self.method.choose
        await choose(self.widget, options)

    async def expect_vote(self, options: list[str]) -> None:
        """Wait until exactly these options are marked on the page and counted by the service."""
        for place, option in enumerate(options, start=1):
            marker = f"You ranked this {place}" if self.kind == "ranked" else "Your vote"
            await expect(self.widget.option(option).get_by_text(marker, exact=True)).to_be_visible()
        await expect(self.widget.element.locator(".is-own-vote:visible")).to_have_count(len(options))
        expected_options = options[:1] if self.kind == "ranked" else options
        await until(lambda: self._counts(expected_options))

    async def _counts(self, options: list[str]) -> bool:
        results = (await self.service.http.get(f"/v1/polls/{self.poll}/results")).json()
        with_votes = [option for option, votes in results["counts"].items() if votes]
        return sorted(with_votes) == sorted(options) and results["voters"] == bool(options)


async def expect_opening(lifecycle: Lifecycle) -> None:
    """Check the countdown before the opening, and that voting starts."""
    widget, edit = lifecycle.widget, {"opens_at": soon(1.1)}
    await widget.expect_text("Not open yet")
    await expect(widget.button("Vote")).to_be_hidden()
    await widget.wait_for_stream()
    counted_down = asyncio.create_task(widget.page.evaluate(COUNTS_DOWN, widget.host))
    edited = await lifecycle.service.admin.patch(f"/v1/admin/polls/{lifecycle.poll}", json=edit)
    assert edited.status_code == 200, edited.text
    await asyncio.wait_for(counted_down, 5)
    await widget.expect_announcement("Voting is now open.")
    await widget.expect_text("Open")


async def vote(lifecycle: Lifecycle, options: list[str], button: str, announcement: str) -> None:
    """Choose and send the options, and check that they are counted."""
    await expect(lifecycle.widget.button(button)).to_be_visible()
    await lifecycle.choose(options)
    await lifecycle.method.send(lifecycle.widget, button)
    await lifecycle.widget.expect_announcement(announcement)
    await lifecycle.expect_vote(options)


async def vote_change_and_remove(lifecycle: Lifecycle, first: list[str], instead: list[str]) -> None:
    """Cast a vote, change it, remove it, and cast it again."""
    widget, method = lifecycle.widget, lifecycle.method
    await vote(lifecycle, first, "Vote", COUNTED)
    await method.press(widget, "Change my vote")
    await vote(lifecycle, instead, "Save my change", "Your vote was changed.")
    await method.press(widget, "Remove my vote")
    await widget.expect_announcement("Your vote was removed.")
    await lifecycle.expect_vote([])
    await vote(lifecycle, first, "Vote", COUNTED)


async def close_poll(lifecycle: Lifecycle, options: list[str]) -> None:
    """Close the poll and check that the page shows it and keeps the vote."""
    await lifecycle.service.act(lifecycle.poll, "close")
    await lifecycle.widget.expect_announcement("Voting has ended.")
    await lifecycle.widget.expect_text("Closed")
    await expect(lifecycle.widget.element.locator(".actions")).to_be_hidden()
    await lifecycle.expect_vote(options)


async def resolve_and_undo(lifecycle: Lifecycle, outcome: str, sentence: str) -> None:
    """Resolve the prediction, check what the page shows, and undo the resolution."""
    resolve = f"/v1/admin/polls/{lifecycle.poll}/resolve"
    answer = await lifecycle.service.admin.post(resolve, json={"outcome": outcome})
    assert answer.status_code in (200, 202), answer.text
    await lifecycle.widget.expect_text("Resolved")
    await expect(lifecycle.widget.element.locator("[aria-live=polite]")).to_contain_text(sentence)
    await expect(lifecycle.widget.element.locator(".notice")).to_contain_text(sentence)
    await expect(lifecycle.widget.option(outcome).get_by_text("Correct outcome", exact=True)).to_be_visible()
    answer = await lifecycle.service.admin.post(f"/v1/admin/polls/{lifecycle.poll}/unresolve")
    assert answer.status_code in (200, 202), answer.text
    await lifecycle.widget.expect_text("Closed")
    await expect(lifecycle.widget.element.get_by_text("Correct outcome", exact=True)).to_have_count(0)


@pytest.mark.parametrize(
    ("kind", "method"),
    # Each kind in `make test` once, and each input method at least once; the other pairs in `make test-all`.
    [
        pytest.param(kind, method, marks=[] if (row - column) % len(INPUT_METHODS) == 0 else pytest.mark.slow)
        for row, kind in enumerate(KINDS)
        for column, method in enumerate(INPUT_METHODS)
    ],
)
async def test_poll_lifecycle_is_followed_live(
    service: Service, open_page: Open, kind: str, method: str
) -> None:
    document, first, instead = KINDS[kind]
    poll = await create_poll(service, document, 0, opens_at=soon(3600), revote="withdraw")
    reader = await open_page(
        f"{service.url}/embed/{poll}", scripts=(OBSERVE_STREAM,), **INPUT_METHODS[method].context
    )
    lifecycle = Lifecycle(service, poll, kind, reader.poll(poll), INPUT_METHODS[method])
    await expect_opening(lifecycle)
    await vote_change_and_remove(lifecycle, first, instead)
    await close_poll(lifecycle, first)
    if kind == "prediction":
        await resolve_and_undo(lifecycle, first[0], "You were right: \u2068Crew of the Gull\u2069.")
        await resolve_and_undo(
            lifecycle, instead[0], "You were wrong. The outcome: \u2068Crew of the Swallow\u2069."
        )
        await service.act(poll, "cancel")
        await lifecycle.widget.expect_announcement("This poll was canceled. No result will be declared.")
        await lifecycle.widget.expect_text("Canceled")
