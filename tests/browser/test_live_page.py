"""The live page in every phase: chart, rounds, table, big screen, code, and words where nothing is shown."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.api.streams import soon
from tests.browser.conftest import Open, Service
from tests.browser.reader import WidgetOnPage
from tests.wait import until

BRIDGES: dict[str, Any] = {
    "kind": "ranked",
    "question": "What shall we call the bridge?",
    "options": [{"id": name, "label": name.title()} for name in ("heron", "mill", "skyway")],
}


async def votes(service: Service, poll: str, *choices: object) -> None:
    """Each choice by a voter of its own."""
    for choice in choices:
        answer = await service.vote(poll, choice, await service.voter())
        assert answer.status_code == 200, answer.text


async def opened(open_page: Open, service: Service, poll: str, query: str = "", **context: Any) -> Page:
    """The poll's live page."""
    return (await open_page(f"{service.url}/polls/{poll}{query}", **context)).page


async def test_the_page_counts_with_its_poll(service: Service, open_page: Open) -> None:
    """Voters, the chart's key and the table beside it follow each vote, without a reload."""
    poll = (await service.create_poll())["id"]
    page = await opened(open_page, service, poll)
    await expect(page.locator("#voters")).to_have_text("0")
    await votes(service, poll, "yam", "yam", "rice")
    await expect(page.locator("#voters")).to_have_text("3")
    await expect(page.locator("#totals")).to_contain_text("Yam267%")
    await expect(page.locator(".legend")).to_contain_text("Yam67%")
    await expect(page.locator("#connection")).to_have_text("Live")


async def test_a_keyboard_votes_on_the_page(service: Service, open_page: Open) -> None:
    """Tab goes from the page's own buttons into the poll, and the way past them leads there too."""
    poll = (await service.create_poll())["id"]
    page = await opened(open_page, service, poll)
    widget = WidgetOnPage(page, "#poll")
    await expect(widget.input("rice")).to_be_visible()
    await page.get_by_role("button", name="Present").focus()
    await page.keyboard.press("Tab")
    await expect(widget.input("rice")).to_be_focused()
    await page.keyboard.press("ArrowDown")
    await expect(widget.input("yam")).to_be_checked()
    await page.get_by_role("link", name="Skip to the poll").focus()
    for key in ("Enter", "Tab", "Tab", "Enter"):
        await page.keyboard.press(key)
    await widget.marks_as_mine("yam")


async def test_the_chart_has_its_numbers_in_a_table(service: Service, open_page: Open) -> None:
    """The table of the chart is there for those who listen, and for everybody at a button's press."""
    poll = (await service.create_poll())["id"]
    page = await opened(open_page, service, poll)
    await votes(service, poll, "yam", "rice")
    await expect(page.get_by_role("img", name="Line chart of the share")).to_be_visible()
    await expect(page.locator("#points tbody tr").last).to_contain_text("50%")
    button = page.get_by_role("button", name="Show as a table")
    await button.click()
    await expect(page.get_by_role("button", name="Hide the table")).to_have_attribute("aria-expanded", "true")
    box = await page.locator("#points").bounding_box()
    assert box is not None
    assert box["height"] > 60


async def test_what_was_counted_stands_until_more_is(service: Service, open_page: Open) -> None:
    """The chart goes in steps, and its last vote keeps its time whenever it is looked at."""
    poll = (await service.create_poll())["id"]
    await votes(service, poll, "yam", "rice", "yam")

    async def counted_last() -> str:
        answer = await service.http.get(f"/v1/polls/{poll}/timeline")
        return str(answer.json()["points"][-1]["at"])

    async def the_second_has_passed() -> bool:
        return (await counted_last()).endswith(".000Z")

    await until(the_second_has_passed)
    await service.act(poll, "close")
    page = await opened(open_page, service, poll)
    path = page.locator(".paths path").first
    await expect(path).to_have_attribute("d", re.compile(r"^M[\d.]+,[\d.]+(H[\d.]+V[\d.]+)+$"))
    told = await page.evaluate(
        "(at) => new Date(at).toLocaleString('en', { dateStyle: 'medium', timeStyle: 'medium' })",
        await counted_last(),
    )
    await expect(page.locator("#points tbody th").last).to_have_text(told)


async def test_the_names_of_the_rounds_have_their_room(service: Service, open_page: Open) -> None:
    """However narrow the page, no name of the picture is cut off or runs into the next round."""
    long = [{**option, "label": f"{option['label']} of the old town"} for option in BRIDGES["options"]]
    poll = (await service.create_poll(**{**BRIDGES, "options": long}))["id"]
    await votes(service, poll, ["heron"], ["heron"], ["mill"], ["mill"], ["skyway", "mill"])
    page = await opened(open_page, service, poll, viewport={"width": 360, "height": 800})
    await expect(page.locator(".block-label.wins")).to_have_count(1)
    overrun = await page.evaluate(
        """() => {
          const parts = (name) => [...document.querySelectorAll(`.runoff .${name}`)];
          const of = (name) => parts(name).map((part) => part.getBBox());
          const starts = [...new Set(of('block').map(({ x }) => x))];
          starts.push(document.querySelector('.runoff').viewBox.baseVal.width);
          const room = (x) => Math.min(...starts.filter((at) => at > x)) - x;
          return Math.max(...of('block-label').map(({ x, width }) => width - room(x)));
        }"""
    )
    assert overrun <= 0


async def test_a_ranking_is_counted_out_in_the_open(service: Service, open_page: Open) -> None:
    """The rounds are drawn and told: who went out, where the votes went, who wins."""
    poll = (await service.create_poll(**BRIDGES))["id"]
    await votes(service, poll, ["heron"], ["heron"], ["mill"], ["mill"], ["skyway", "mill"])
    page = await opened(open_page, service, poll)
    await expect(page.get_by_role("img", name="How votes were transferred")).to_be_visible()
    await expect(page.locator("#rounds tbody tr").nth(1)).to_have_text("Mill23 ✓ wins")
    await expect(page.locator("#rounds tbody tr").nth(2)).to_have_text("Skyway1 · eliminated–")
    assert await page.locator(".band.transfer").count() == 1


async def test_a_rating_shows_its_average(service: Service, open_page: Open) -> None:
    """A rating's chart is of its mean, and the table ends with it."""
    poll = (await service.create_poll(kind="rating", options=[]))["id"]
    page = await opened(open_page, service, poll)
    await votes(service, poll, 5, 4)
    await expect(page.locator("#totals tbody tr").last).to_contain_text("Average4.5")
    await expect(page.locator(".legend")).to_contain_text("Average4.5")


async def test_a_prediction_tells_its_outcome_and_who_foresaw_it(service: Service, open_page: Open) -> None:
    """Once resolved, the page says what came true, when, and how the series' forecasters stand."""
    changes = {"kind": "prediction", "series": "spring", "closes_at": soon(3600)}
    poll = (await service.create_poll(**changes))["id"]
    await votes(service, poll, "yam", "rice")
    page = await opened(open_page, service, poll)
    await expect(page.locator("#leaderboard")).to_contain_text("No scores yet.")
    await service.act(poll, "close")
    answer = await service.admin.post(
        f"/v1/admin/polls/{poll}/resolve", json={"outcome": "yam", "note": "Official."}
    )
    assert answer.status_code in (200, 202), answer.text
    await expect(page.locator("#outcome-banner")).to_have_text("The outcome: Yam")
    await expect(page.locator("#clock")).to_have_text("Resolved")
    await expect(page.locator("#leaderboard tbody tr")).to_have_count(2)
    await expect(page.locator("#leaderboard tbody tr").first).to_contain_text("100%")


@pytest.mark.parametrize(
    ("results", "says"),
    [
        ("after_vote", "Vote to see the chart."),
        ("after_close", "The chart will be shown when voting ends."),
        ("operators", "The chart will be shown when the results are published."),
    ],
)
async def test_hidden_totals_are_nowhere_and_the_page_says_why(
    service: Service, open_page: Open, results: str, says: str
) -> None:
    """Nothing counted is on the page while it is hidden, and it says when it will be."""
    poll = (await service.create_poll(results=results))["id"]
    await votes(service, poll, "yam")
    page = await opened(open_page, service, poll)
    await expect(page.locator("#history-note")).to_have_text(says)
    await expect(page.locator("#voters")).to_have_text("–")
    await expect(page.locator("#totals")).to_be_hidden()
    await expect(page.locator("#chart")).to_be_hidden()


async def test_the_chart_appears_with_the_close(service: Service, open_page: Open) -> None:
    """What was hidden until the close is there as soon as it is, without a reload."""
    poll = (await service.create_poll(results="after_close"))["id"]
    await votes(service, poll, "yam")
    page = await opened(open_page, service, poll)
    await expect(page.locator("#history-note")).to_be_visible()
    await service.act(poll, "close")
    await expect(page.locator("#totals")).to_contain_text("Yam1100%")
    await expect(page.locator("#clock")).to_have_text("Closed")


async def test_a_scheduled_poll_counts_down(service: Service, open_page: Open) -> None:
    """Before the window the page says how long it is until then, and shows no chart of nothing."""
    poll = (await service.create_poll(opens_at=soon(90)))["id"]
    page = await opened(open_page, service, poll)
    await expect(page.locator("#clock-name")).to_have_text("Opens in")
    await expect(page.locator("#clock")).to_contain_text("1:")
    await expect(page.locator("#history")).to_be_hidden()


async def test_a_canceled_poll_says_so(service: Service, open_page: Open) -> None:
    """Canceled while somebody looks on: the page tells it, and keeps what was counted."""
    poll = (await service.create_poll())["id"]
    await votes(service, poll, "yam")
    page = await opened(open_page, service, poll)
    await service.act(poll, "cancel")
    await expect(page.locator("#clock")).to_have_text("Canceled")
    await expect(page.locator("#totals")).to_contain_text("Yam1100%")


async def test_an_archived_poll_says_what_became_of_its_votes(service: Service, open_page: Open) -> None:
    """The totals stay, and a sentence says that the votes themselves are gone."""
    poll = (await service.create_poll())["id"]
    await votes(service, poll, "yam")
    await service.act(poll, "close")
    await service.act(poll, "archive")
    page = await opened(open_page, service, poll)
    await expect(page.locator("#outcome-banner")).to_contain_text("individual votes have been deleted")
    await expect(page.locator("#totals")).to_contain_text("Yam1100%")


async def test_a_poll_deleted_while_watched_is_gone_from_the_page(service: Service, open_page: Open) -> None:
    """Nothing of it is shown any longer, and the page leads on."""
    poll = (await service.create_poll())["id"]
    page = await opened(open_page, service, poll)
    await expect(page.locator("#voters")).to_have_text("0")
    deletion = await service.admin.request("DELETE", f"/v1/admin/polls/{poll}", json={"confirm": poll})
    assert deletion.status_code == 204
    await expect(page.get_by_role("heading", name="This poll has been removed")).to_be_visible()
    await expect(page.locator("#poll-layout")).to_be_hidden()
    await expect(page.get_by_role("link", name="Go to home page")).to_be_visible()


async def test_a_closing_time_is_told_in_the_zone_of_the_poll_too(service: Service, open_page: Open) -> None:
    """Midnight in Accra is the end of the day before there, and another hour on the reader's clock."""
    window = {"opens_at": "2024-07-02T00:00:00", "closes_at": "2024-11-01T00:00:00"}
    poll = (await service.create_poll(timezone="Africa/Accra", **window))["id"]
    page = await opened(open_page, service, poll, locale="en-GB", timezone_id="Asia/Tokyo")
    await expect(page.locator("#local-time")).to_have_text("1 November 2024 at 09:00, your time")
    await expect(page.locator("#poll-time")).to_have_text("end of 31 October 2024, Accra time")


@pytest.mark.parametrize(("height", "width"), [(720, 1280), (1080, 1920)])
async def test_the_big_screen_holds_all_answers(
    service: Service, open_page: Open, height: int, width: int
) -> None:
    """Fifty answers and the code fit on the screen, for a projector cannot be scrolled."""
    options = [{"id": f"o{n}", "label": f"Answer {n}"} for n in range(50)]
    poll = (await service.create_poll(options=options))["id"]
    page = await opened(open_page, service, poll, "?screen", viewport={"width": width, "height": height})
    await expect(page.locator("[data-option=o49]")).to_be_in_viewport(ratio=1)
    await expect(page.locator(".qr-code img")).to_be_in_viewport(ratio=1)


async def test_the_big_screen_shows_the_poll_and_its_code(service: Service, open_page: Open) -> None:
    """Nothing to press is left on the big screen, the code stands in its corner, and Escape leads back."""
    poll = (await service.create_poll())["id"]
    page = await opened(open_page, service, poll, "?screen", viewport={"width": 1920, "height": 1080})
    widget = page.locator("live-poll")
    await expect(widget.get_by_text("Yam", exact=True)).to_be_visible()
    await expect(widget.get_by_role("button", name="Vote", exact=True)).to_be_hidden()
    await expect(page.locator(".site-header")).to_be_hidden()
    await expect(page.locator("#history")).to_be_hidden()
    code = await page.locator(".qr-code img").bounding_box()
    assert code is not None
    assert code["x"] + code["width"] > 1700
    assert code["y"] + code["height"] <= 1080
    assert await page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    await page.keyboard.press("Escape")
    await expect(page.locator(".site-header")).to_be_visible()
    await expect(widget.get_by_role("button", name="Vote", exact=True)).to_be_visible()


async def test_the_code_is_a_picture_that_loads(service: Service, open_page: Open) -> None:
    """The code stands on the page under the page's own policy, as a picture with words for it."""
    poll = (await service.create_poll())["id"]
    page = await opened(open_page, service, poll)
    code = page.get_by_role("img", name="QR code")
    await expect(code).to_be_visible()
    assert await code.evaluate("image => image.complete && image.naturalWidth > 0")


async def test_the_lines_to_embed_are_copied(service: Service, open_page: Open) -> None:
    """A press copies the lines as they stand, and the page says so."""
    poll = (await service.create_poll())["id"]
    page = await opened(open_page, service, poll, permissions=["clipboard-read", "clipboard-write"])
    await page.get_by_role("button", name="Copy").first.click()
    await expect(page.locator("#toast")).to_have_text("Copied.")
    copied = await page.evaluate("navigator.clipboard.readText()")
    assert copied.splitlines()[1] == f'<live-poll poll="{poll}"></live-poll>'
    await page.get_by_role("button", name="Share").click()
    await expect(page.locator("#toast")).to_have_text("Link copied.")
    assert await page.evaluate("navigator.clipboard.readText()") == f"{service.url}/polls/{poll}"


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("fr-FR", ("ltr", "Votants", "Plein écran")),
        ("es-MX", ("ltr", "Votantes", "Pantalla completa")),
        ("ar", ("rtl", "المصوّتون", "ملء الشاشة")),
    ],
)
async def test_the_page_speaks_the_readers_language(
    service: Service, open_page: Open, locale: str, words: tuple[str, str, str]
) -> None:
    """Words, direction and language of the page are the reader's, from its first byte on."""
    poll = (await service.create_poll())["id"]
    direction, voters, button = words
    page = await opened(open_page, service, poll, locale=locale)
    assert await page.locator("html").get_attribute("dir") == direction
    await expect(page.get_by_role("button", name=button)).to_be_visible()
    await expect(page.locator("#voters-name")).to_have_text(voters)


@pytest.mark.parametrize("width", [320, 390, 640])
async def test_nothing_runs_out_of_a_narrow_page(service: Service, open_page: Open, width: int) -> None:
    """On a phone, and at 400 % zoom, the page scrolls one way only (WCAG 1.4.10)."""
    long = [{"id": f"o{n}", "label": "w" * 200} for n in range(12)]
    poll = (await service.create_poll(**(BRIDGES | {"options": long})))["id"]
    await votes(service, poll, ["o1"], ["o2", "o1"])
    page = await opened(open_page, service, poll, viewport={"width": width, "height": 700})
    await expect(page.locator("#rounds tbody tr").first).to_be_attached()
    await expect(page.locator("#totals")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
