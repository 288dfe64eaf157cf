"""The live page in every phase: chart, rounds, tables, presentation mode, sharing and languages."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.api.streams import soon
from tests.browser.conftest import Open, Service
from tests.browser.widget_page import WidgetOnPage
from tests.wait import until

BRIDGES: dict[str, Any] = {
    "kind": "ranked",
    "question": "What shall we call the bridge?",
    "options": [{"id": name, "label": name.title()} for name in ("heron", "mill", "skyway")],
}


async def cast_votes(service: Service, poll: str, *choices: object) -> None:
    """Cast each choice as a new voter."""
    for choice in choices:
        answer = await service.vote(poll, choice, await service.voter())
        assert answer.status_code == 200, answer.text


async def open_live_page(
    open_page: Open, service: Service, poll: str, query: str = "", **context: Any
) -> Page:
    """Open the live page of a poll."""
    return (await open_page(f"{service.url}/polls/{poll}{query}", **context)).page


async def test_votes_update_summary_chart_and_table_live(service: Service, open_page: Open) -> None:
    poll = (await service.create_poll())["id"]
    page = await open_live_page(open_page, service, poll)
    await expect(page.locator("#voters")).to_have_text("0")
    await cast_votes(service, poll, "yam", "yam", "rice")
    await expect(page.locator("#voters")).to_have_text("3")
    await expect(page.locator("#totals")).to_contain_text("Yam267%")
    await expect(page.locator(".legend")).to_contain_text("Yam67%")
    await expect(page.locator("#connection")).to_have_text("Live")


async def test_keyboard_reaches_the_poll_by_tab_and_by_skip_link(service: Service, open_page: Open) -> None:
    poll = (await service.create_poll())["id"]
    page = await open_live_page(open_page, service, poll)
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
    await widget.expect_own_vote("yam")


async def test_chart_has_a_table_for_screen_readers_that_a_button_shows(
    service: Service, open_page: Open
) -> None:
    poll = (await service.create_poll())["id"]
    page = await open_live_page(open_page, service, poll)
    await cast_votes(service, poll, "yam", "rice")
    await expect(page.get_by_role("img", name="Line chart of the share")).to_be_visible()
    await expect(page.locator("#points tbody tr").last).to_contain_text("50%")
    button = page.get_by_role("button", name="Show as a table")
    await button.click()
    await expect(page.get_by_role("button", name="Hide the table")).to_have_attribute("aria-expanded", "true")
    box = await page.locator("#points").bounding_box()
    assert box is not None
    assert box["height"] > 60


async def test_chart_has_steps_and_keeps_the_time_of_the_last_vote(service: Service, open_page: Open) -> None:
    poll = (await service.create_poll())["id"]
    await cast_votes(service, poll, "yam", "rice", "yam")

    async def last_vote_at() -> str:
        answer = await service.http.get(f"/v1/polls/{poll}/timeline")
        return str(answer.json()["points"][-1]["at"])

    async def second_has_passed() -> bool:
        return (await last_vote_at()).endswith(".000Z")

    await until(second_has_passed)
    await service.act(poll, "close")
    page = await open_live_page(open_page, service, poll)
    path = page.locator(".paths path").first
    await expect(path).to_have_attribute("d", re.compile(r"^M[\d.]+,[\d.]+(H[\d.]+V[\d.]+)+$"))
    expected_time = await page.evaluate(
        "(at) => new Date(at).toLocaleString('en', { dateStyle: 'medium', timeStyle: 'medium' })",
        await last_vote_at(),
    )
    await expect(page.locator("#points tbody th").last).to_have_text(expected_time)


async def test_labels_of_the_runoff_diagram_do_not_overlap_on_a_narrow_page(
    service: Service, open_page: Open
) -> None:
    long = [{**option, "label": f"{option['label']} of the old town"} for option in BRIDGES["options"]]
    poll = (await service.create_poll(**{**BRIDGES, "options": long}))["id"]
    await cast_votes(service, poll, ["heron"], ["heron"], ["mill"], ["mill"], ["skyway", "mill"])
    page = await open_live_page(open_page, service, poll, viewport={"width": 360, "height": 800})
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


async def test_ranked_poll_shows_its_rounds_as_diagram_and_table(service: Service, open_page: Open) -> None:
    poll = (await service.create_poll(**BRIDGES))["id"]
    await cast_votes(service, poll, ["heron"], ["heron"], ["mill"], ["mill"], ["skyway", "mill"])
    page = await open_live_page(open_page, service, poll)
    await expect(page.get_by_role("img", name="How votes were transferred")).to_be_visible()
    await expect(page.locator("#rounds tbody tr").nth(1)).to_have_text("Mill23 ✓ wins")
    await expect(page.locator("#rounds tbody tr").nth(2)).to_have_text("Skyway1 · eliminated–")
    assert await page.locator(".band.transfer").count() == 1


async def test_final_winner_of_a_ranked_poll_is_named_in_words(service: Service, open_page: Open) -> None:
    poll = (await service.create_poll(**BRIDGES))["id"]
    await cast_votes(service, poll, ["heron"], ["heron"], ["mill"], ["mill"], ["skyway", "mill"])
    page = await open_live_page(open_page, service, poll, "?screen")
    await expect(page.locator("#voters")).to_have_text("5")
    await expect(page.locator("#outcome-banner")).to_be_hidden()
    await service.act(poll, "close")
    await expect(page.locator("#outcome-banner")).to_have_text("The winner: \u2068Mill\u2069.")


async def test_tie_decided_by_lot_is_named_with_its_round_and_seed(service: Service, open_page: Open) -> None:
    created = await service.create_poll(**BRIDGES)
    poll = created["id"]
    await cast_votes(service, poll, ["heron"], ["mill"])
    await service.act(poll, "close")
    page = await open_live_page(open_page, service, poll)
    sentences = page.locator("#rounds .tie")
    tied = "\u2068Heron\u2069 and \u2068Mill\u2069 were tied. The lot decided: "
    await expect(sentences.filter(has_text=tied)).to_have_count(1)
    await expect(sentences.last).to_contain_text(created["tie_seed"])
    await expect(page.locator("#outcome-banner")).to_contain_text("decided by the poll’s tie rule")


async def test_declared_tie_is_named_on_page_and_big_screen(service: Service, open_page: Open) -> None:
    poll = (await service.create_poll(**BRIDGES, ties="declare"))["id"]
    await cast_votes(service, poll, ["heron"], ["mill"])
    await service.act(poll, "close")
    tied = "\u2068Heron\u2069 and \u2068Mill\u2069 are tied."
    page = await open_live_page(open_page, service, poll)
    await expect(page.locator("#outcome-banner")).to_have_text(tied)
    await expect(page.locator("#rounds .tie").last).to_have_text(tied)
    await page.get_by_role("button", name="Present").click()
    await expect(page.locator("#outcome-banner")).to_be_visible()


async def test_chart_of_a_ranked_poll_shows_the_winner_among_many_options(
    service: Service, open_page: Open
) -> None:
    """The winner has fewer first preferences than the six options with lines have."""
    names = [*"abcdef", "winner", "last"]
    options = [{"id": name, "label": name.title()} for name in names]
    poll = (await service.create_poll(kind="ranked", identity="open", options=options))["id"]
    for ranking, votes in [
        *(([name, "winner"], 4) for name in "abcdef"),
        (["winner"], 3),
        (["last", "winner"], 2),
    ]:
        for _ in range(votes):
            assert (await service.vote(poll, ranking)).status_code == 200
    page = await open_live_page(open_page, service, poll)
    await expect(page.locator("#rounds .block-label.wins")).to_contain_text("Winner")
    await expect(page.locator(".legend li")).to_have_count(7)
    await expect(page.locator(".legend")).to_contain_text("Winner10%")


async def test_shares_of_widget_chart_and_tables_are_equal_and_add_up(
    service: Service, open_page: Open
) -> None:
    options = [{"id": name, "label": name.upper()} for name in "abc"]
    poll = (await service.create_poll(identity="open", options=options))["id"]
    for choice in "aabbccc":
        assert (await service.vote(poll, choice)).status_code == 200
    page = await open_live_page(open_page, service, poll)
    shares = ["29%", "28%", "43%"]
    await expect(page.locator("#totals tbody td:last-child")).to_have_text(shares)
    await expect(page.locator(".legend b")).to_have_text(shares)
    await expect(page.locator("#points tbody tr").last.locator("td")).to_have_text(["7", *shares])
    await expect(page.locator("live-poll .share")).to_have_text(shares)


async def test_rating_shows_its_average_in_chart_and_table(service: Service, open_page: Open) -> None:
    poll = (await service.create_poll(kind="rating", options=[]))["id"]
    page = await open_live_page(open_page, service, poll)
    await cast_votes(service, poll, 5, 4)
    await expect(page.locator("#totals tbody tr").last).to_contain_text("Average4.5")
    await expect(page.locator(".legend")).to_contain_text("Average4.5")


async def test_resolved_prediction_shows_outcome_and_leaderboard(service: Service, open_page: Open) -> None:
    changes = {"kind": "prediction", "series": "spring", "closes_at": soon(3600)}
    poll = (await service.create_poll(**changes))["id"]
    await cast_votes(service, poll, "yam", "rice")
    page = await open_live_page(open_page, service, poll)
    await expect(page.locator("#leaderboard")).to_contain_text("No scores yet.")
    await service.act(poll, "close")
    answer = await service.admin.post(
        f"/v1/admin/polls/{poll}/resolve",
        json={"outcome": "yam", "note": "Official.", "source": "https://example.com/r"},
    )
    assert answer.status_code in (200, 202), answer.text
    await expect(page.locator("#outcome-banner")).to_have_text("The outcome: Yam Source")
    await expect(page.get_by_role("link", name="Source")).to_have_attribute("href", "https://example.com/r")
    await expect(page.locator("#clock")).to_have_text("Resolved")
    await expect(page.locator("#leaderboard tbody tr")).to_have_count(2)
    await expect(page.locator("#leaderboard tbody tr").first).to_contain_text("100%")
    note = page.locator("#leaderboard-note")
    await expect(note).to_contain_text("Ranked by accuracy")
    await expect(note).to_contain_text("After 1 of 1 predictions.")


@pytest.mark.parametrize(
    ("results", "note"),
    [
        ("after_vote", "Vote to see the chart."),
        ("after_close", "The chart will be shown when voting ends."),
        ("operators", "The chart will be shown when the results are published."),
    ],
)
async def test_hidden_results_are_not_on_the_page_and_a_note_explains_it(
    service: Service, open_page: Open, results: str, note: str
) -> None:
    poll = (await service.create_poll(results=results))["id"]
    await cast_votes(service, poll, "yam")
    page = await open_live_page(open_page, service, poll)
    await expect(page.locator("#history-note")).to_have_text(note)
    await expect(page.locator("#voters")).to_have_text("–")
    await expect(page.locator("#totals")).to_be_hidden()
    await expect(page.locator("#chart")).to_be_hidden()


async def test_results_hidden_until_close_appear_live(service: Service, open_page: Open) -> None:
    poll = (await service.create_poll(results="after_close"))["id"]
    await cast_votes(service, poll, "yam")
    page = await open_live_page(open_page, service, poll)
    await expect(page.locator("#history-note")).to_be_visible()
    await service.act(poll, "close")
    await expect(page.locator("#totals")).to_contain_text("Yam1100%")
    await expect(page.locator("#clock")).to_have_text("Closed")


async def test_scheduled_poll_shows_a_countdown_and_no_chart(service: Service, open_page: Open) -> None:
    poll = (await service.create_poll(opens_at=soon(90)))["id"]
    page = await open_live_page(open_page, service, poll)
    await expect(page.locator("#clock-name")).to_have_text("Opens in")
    await expect(page.locator("#clock")).to_contain_text("1:")
    await expect(page.locator("#history")).to_be_hidden()


async def test_canceled_poll_shows_its_phase_and_keeps_its_results(service: Service, open_page: Open) -> None:
    poll = (await service.create_poll())["id"]
    await cast_votes(service, poll, "yam")
    page = await open_live_page(open_page, service, poll)
    await service.act(poll, "cancel")
    await expect(page.locator("#clock")).to_have_text("Canceled")
    await expect(page.locator("#totals")).to_contain_text("Yam1100%")


async def test_archived_poll_keeps_its_results_and_explains_the_deletion(
    service: Service, open_page: Open
) -> None:
    poll = (await service.create_poll())["id"]
    await cast_votes(service, poll, "yam")
    await service.act(poll, "close")
    await service.act(poll, "archive")
    page = await open_live_page(open_page, service, poll)
    await expect(page.locator("#outcome-banner")).to_contain_text("individual votes have been deleted")
    await expect(page.locator("#totals")).to_contain_text("Yam1100%")


async def test_deleted_poll_disappears_from_the_open_page(service: Service, open_page: Open) -> None:
    poll = (await service.create_poll())["id"]
    page = await open_live_page(open_page, service, poll)
    await expect(page.locator("#voters")).to_have_text("0")
    deletion = await service.admin.request("DELETE", f"/v1/admin/polls/{poll}", json={"confirm": poll})
    assert deletion.status_code == 204
    await expect(page.get_by_role("heading", name="This poll has been removed")).to_be_visible()
    await expect(page.locator("#poll-layout")).to_be_hidden()
    await expect(page.get_by_role("link", name="Go to home page")).to_be_visible()


async def test_closing_time_is_shown_in_local_and_poll_time_zone(service: Service, open_page: Open) -> None:
    """Midnight in Accra is shown as the end of the previous day there."""
    window = {"opens_at": "2024-07-02T00:00:00", "closes_at": "2024-11-01T00:00:00"}
    poll = (await service.create_poll(timezone="Africa/Accra", **window))["id"]
    page = await open_live_page(open_page, service, poll, locale="en-GB", timezone_id="Asia/Tokyo")
    await expect(page.locator("#local-time")).to_have_text("1 November 2024 at 09:00, your time")
    await expect(page.locator("#poll-time")).to_have_text("end of 31 October 2024, Accra time")


@pytest.mark.parametrize(("height", "width"), [(720, 1280), (1080, 1920)])
async def test_presentation_of_50_options_fits_the_screen(
    service: Service, open_page: Open, height: int, width: int
) -> None:
    """A projected page cannot be scrolled."""
    options = [{"id": f"o{n}", "label": f"Answer {n}"} for n in range(50)]
    poll = (await service.create_poll(options=options))["id"]
    page = await open_live_page(
        open_page, service, poll, "?screen", viewport={"width": width, "height": height}
    )
    await expect(page.locator("[data-option=o49]")).to_be_in_viewport(ratio=1)
    await expect(page.locator(".qr-code img")).to_be_in_viewport(ratio=1)


FITS_SCREEN = """() => {
  const faults = [];
  const { scrollWidth, scrollHeight } = document.documentElement;
  if (scrollWidth > innerWidth || scrollHeight > innerHeight) faults.push('scrolls');
  const texts = [];
  const collect = (root) => {
    for (const element of root.querySelectorAll('*')) {
      if (element.shadowRoot) collect(element.shadowRoot);
      if (!element.checkVisibility()) continue;
      if (element.closest('.visually-hidden, .announcements')) continue;
      const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
      if (element.tagName !== 'IMG' && !hasText) continue;
      const isCropped = getComputedStyle(element).overflow === 'hidden';
      const range = document.createRange();
      range.selectNodeContents(element);
      texts.push([element, (hasText && !isCropped ? range : element).getBoundingClientRect()]);
    }
  };
  collect(document.querySelector('#poll-layout'));
  texts.forEach(([one, a], at) => {
    if (a.left < 0 || a.right > innerWidth + 1 || a.bottom > innerHeight + 1) faults.push(one.textContent);
    for (const [other, b] of texts.slice(at + 1)) {
      const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      const isOverlap = width > 1 && height > 3 && !one.contains(other);
      if (isOverlap) faults.push(one.textContent + '/' + other.textContent);
    }
  });
  return faults.length === 0;
}"""
"""True if the page needs no scrolling, and no text overlaps another."""
SCREENS = [(1280, 900), (1280, 720), (1024, 600), (768, 1024), (1080, 1920), (3840, 2160)]
SENTENCE = "Which proposal for the market square should the municipality pursue in the coming year? " * 3
LARGE_POLLS: dict[str, dict[str, Any]] = {
    "long-id": {"id": "a-poll-with-an-id-of-44-characters-in-a-word", "closes_at": soon(9e7)},
    "long-texts": {
        "question": SENTENCE.strip(),
        "description": SENTENCE * 4,
        "options": [{"id": f"o{n}", "label": f"{n}: {SENTENCE}"[:110].strip()} for n in range(12)],
    },
    "unbroken-texts": {
        "question": "w" * 300,
        "options": [{"id": f"o{n}", "label": "w" * 200} for n in range(6)],
    },
    "50-long-labels": {
        "options": [
            {"id": f"o{n}", "label": f"Answer {n} of some length, as people write"} for n in range(50)
        ]
    },
}


@pytest.mark.parametrize("document", LARGE_POLLS.values(), ids=LARGE_POLLS)
async def test_presentation_fits_every_screen_without_overlaps(
    service: Service, open_page: Open, document: dict[str, Any]
) -> None:
    poll = (await service.create_poll(timezone="Africa/Accra", **document))["id"]
    page = await open_live_page(open_page, service, poll, "?screen", timezone_id="Asia/Tokyo")
    await expect(page.locator("#connection")).to_have_text("Live")
    for width, height in SCREENS:
        await page.set_viewport_size({"width": width, "height": height})
        await page.wait_for_function(FITS_SCREEN, timeout=10_000)
        await expect(page.locator(".qr-code img")).to_be_in_viewport(ratio=1)


async def test_presentation_shows_poll_and_qr_code_until_escape(service: Service, open_page: Open) -> None:
    poll = (await service.create_poll())["id"]
    page = await open_live_page(open_page, service, poll, "?screen", viewport={"width": 1920, "height": 1080})
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


async def test_qr_code_loads_under_the_csp_of_the_page(service: Service, open_page: Open) -> None:
    poll = (await service.create_poll())["id"]
    page = await open_live_page(open_page, service, poll)
    code = page.get_by_role("img", name="QR code")
    await expect(code).to_be_visible()
    assert await code.evaluate("image => image.complete && image.naturalWidth > 0")


async def test_embed_code_and_link_are_copied(service: Service, open_page: Open) -> None:
    poll = (await service.create_poll())["id"]
    page = await open_live_page(open_page, service, poll, permissions=["clipboard-read", "clipboard-write"])
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
async def test_page_uses_language_and_direction_of_the_browser(
    service: Service, open_page: Open, locale: str, words: tuple[str, str, str]
) -> None:
    poll = (await service.create_poll())["id"]
    direction, voters, button = words
    page = await open_live_page(open_page, service, poll, locale=locale)
    assert await page.locator("html").get_attribute("dir") == direction
    await expect(page.get_by_role("button", name=button)).to_be_visible()
    await expect(page.locator("#voters-name")).to_have_text(voters)


@pytest.mark.parametrize("width", [320, 390, 640])
async def test_narrow_page_does_not_overflow(service: Service, open_page: Open, width: int) -> None:
    """This is also the layout at 400 % zoom (WCAG 1.4.10)."""
    long = [{"id": f"o{n}", "label": "w" * 200} for n in range(12)]
    poll = (await service.create_poll(**(BRIDGES | {"options": long})))["id"]
    await cast_votes(service, poll, ["o1"], ["o2", "o1"])
    page = await open_live_page(open_page, service, poll, viewport={"width": width, "height": 700})
    await expect(page.locator("#rounds tbody tr").first).to_be_attached()
    await expect(page.locator("#totals")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
