"""The widget with live updates, several tabs, several widgets, edits and hostile labels."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Route, WebSocket, expect

from tests.api.streams import soon
from tests.browser.conftest import Open, Service
from tests.browser.screenshots_widget import SINGLE, create_poll, show_widgets
from tests.browser.widget_page import OBSERVE_STREAM

OVERRIDE = chr(0x202E)
LABELS = {
    "markup": "<b>Bold</b> & <img src=x onerror=\"document.title='ran'\">",
    "override": f"{OVERRIDE}txt.exe",
    "long": "w" * 200,
    "arabic": "مقعد تحت الشجرة",
}


# Another tab's stored values are seen, and their events dispatched, only after `deliverStoredValues()`.
STORED_VALUES_ARRIVE_LATE = """
let delivered = false;
const late = [];
const read = Storage.prototype.getItem;
Storage.prototype.getItem = function (key) { return delivered ? read.call(this, key) : null; };
addEventListener('storage', (event) => {
  if (delivered) return;
  event.stopImmediatePropagation();
  late.push(event);
});
window.deliverStoredValues = () => {
  delivered = true;
  for (const { key, newValue } of late) dispatchEvent(new StorageEvent('storage', { key, newValue }));
};
"""


BLOCK_MESSAGES_OF_OTHER_TABS = """
delete window.BroadcastChannel;
addEventListener('storage', (event) => event.stopImmediatePropagation());
"""


async def test_poll_closes_at_closes_at(service: Service, open_page: Open) -> None:
    poll = (await service.create_poll(closes_at=soon(3)))["id"]
    widget = (await open_page(f"{service.url}/embed/{poll}")).poll(poll)
    await widget.expect_text("Open")
    await widget.expect_announcement("Voting has ended.", within_s=8)
    await widget.expect_text("Closed")


async def test_results_after_close_appear_when_the_poll_closes(service: Service, open_page: Open) -> None:
    poll = (await service.create_poll(results="after_close"))["id"]
    widget = (await open_page(f"{service.url}/embed/{poll}")).poll(poll)
    await widget.expect_text("Results will be shown when voting ends.")
    await widget.vote("yam")
    await widget.expect_own_vote("yam")
    await expect(widget.option("yam").locator(".numbers")).to_be_hidden()
    await service.act(poll, "close")
    await widget.expect_votes("yam", "1 vote")


async def test_results_after_vote_appear_with_the_own_vote_and_after_reload(
    service: Service, open_page: Open
) -> None:
    poll = (await service.create_poll(results="after_vote"))["id"]
    reader = await open_page(f"{service.url}/embed/{poll}")
    widget = reader.poll(poll)
    await widget.expect_text("Vote to see the results.")
    await widget.vote("rice")
    await widget.expect_votes("rice", "1 vote")
    await reader.page.reload()
    await widget.expect_votes("rice", "1 vote")


async def test_unsent_choice_and_focus_survive_live_updates(service: Service, open_page: Open) -> None:
    poll = (await service.create_poll())["id"]
    reader = await open_page(f"{service.url}/embed/{poll}")
    widget = reader.poll(poll)
    await widget.input("rice").check()
    await service.vote(poll, "yam", await service.voter())
    await widget.expect_votes("yam", "1 vote")
    await expect(widget.input("rice")).to_be_checked()
    await expect(widget.input("rice")).to_be_focused()


async def test_multiple_choice_requires_and_marks_the_right_number(service: Service, open_page: Open) -> None:
    options = [{"id": name, "label": name} for name in ("a", "b", "c")]
    poll = await service.create_poll(kind="multiple", options=options, choices={"min": 2, "max": 2})
    widget = (await open_page(f"{service.url}/embed/{poll['id']}")).poll(poll["id"])
    await widget.choose("a")
    await widget.button("Vote").click()
    await widget.expect_announcement("Choose 2 answers.")
    await widget.vote("c")
    await widget.expect_own_vote("a")
    await widget.expect_own_vote("c")


async def test_open_identity_poll_counts_every_vote(service: Service, open_page: Open) -> None:
    poll = (await service.create_poll(identity="open"))["id"]
    widget = (await open_page(f"{service.url}/embed/{poll}")).poll(poll)
    await widget.vote("rice")
    await widget.expect_votes("rice", "1 vote")
    await widget.button("Vote again").click()
    await widget.vote("rice")
    await widget.expect_votes("rice", "2 votes")


async def test_markup_in_labels_is_text_and_long_labels_do_not_overflow(
    service: Service, open_page: Open
) -> None:
    options = [{"id": name, "label": label} for name, label in LABELS.items()]
    poll = (await service.create_poll(options=options, question="Is <i>this</i> markup?"))["id"]
    reader = await open_page(f"{service.url}/embed/{poll}", viewport={"width": 360, "height": 800})
    widget = reader.poll(poll)
    for name, label in LABELS.items():
        await expect(widget.option(name).locator(".label")).to_have_text(label)
    assert await widget.element.locator("b, i, img").count() == 0
    await expect(widget.element.locator(".question")).to_have_text("Is <i>this</i> markup?")
    assert await reader.page.title() != "ran"
    assert await reader.page.evaluate("document.documentElement.scrollWidth") <= 360


async def test_deleted_poll_is_shown_and_announced(service: Service, open_page: Open) -> None:
    poll = (await service.create_poll())["id"]
    widget = (await open_page(f"{service.url}/embed/{poll}")).poll(poll)
    await widget.expect_votes("rice", "0 votes")
    deleted = await service.admin.request("DELETE", f"/v1/admin/polls/{poll}", json={"confirm": poll})
    assert deleted.status_code < 300
    await widget.expect_text("This poll has been removed.")
    await widget.expect_announcement("This poll has been removed.")


async def test_vote_is_marked_in_other_tabs(service: Service, open_page: Open) -> None:
    poll = (await service.create_poll(revote="change"))["id"]
    first = await open_page(f"{service.url}/embed/{poll}")
    await first.poll(poll).expect_votes("rice", "0 votes")
    second = await first.page.context.new_page()
    await second.goto(f"{service.url}/embed/{poll}")
    tab = type(first)(second).poll(poll)
    await tab.choose("yam")
    await first.poll(poll).vote("rice")
    await tab.expect_own_vote("rice")


async def test_a_vote_is_marked_in_a_tab_that_reads_the_stored_token_late(
    service: Service, open_page: Open
) -> None:
    """Browsers may deliver the message of a vote before the token that was stored just before it."""
    poll = (await service.create_poll(revote="change"))["id"]
    first = await open_page(f"{service.url}/embed/{poll}")
    await first.poll(poll).expect_votes("rice", "0 votes")
    second = await first.page.context.new_page()
    await second.add_init_script(STORED_VALUES_ARRIVE_LATE)
    await second.goto(f"{service.url}/embed/{poll}")
    tab = type(first)(second).poll(poll)
    await tab.choose("yam")
    await first.poll(poll).vote("rice")
    await tab.expect_votes("rice", "1 vote")
    await second.evaluate("window.deliverStoredValues()")
    await tab.expect_own_vote("rice")


@pytest.mark.parametrize(
    ("revote", "words"),
    [
        ("never", "You’ve already voted."),
        ("change", "You changed your vote in another tab or device. This is your current vote."),
    ],
)
async def test_conflicting_vote_is_rejected_and_the_existing_one_shown(
    service: Service, open_page: Open, revote: str, words: str
) -> None:
    """The second tab receives no message from the first."""
    poll = (await service.create_poll(revote=revote))["id"]
    first = await open_page(f"{service.url}/embed/{poll}")
    await first.poll(poll).expect_votes("rice", "0 votes")
    await first.page.context.add_init_script(BLOCK_MESSAGES_OF_OTHER_TABS)
    second = await first.page.context.new_page()
    await second.goto(f"{service.url}/embed/{poll}")
    tab = type(first)(second).poll(poll)
    await tab.choose("yam")
    await first.poll(poll).vote("rice")
    assert (await tab.vote("yam")).status == 409
    await tab.expect_announcement(words)
    await tab.expect_own_vote("rice")


async def test_removed_vote_can_be_cast_again(service: Service, open_page: Open) -> None:
    """Also after a reload, when the page only sees that no vote exists."""
    poll = (await service.create_poll(revote="withdraw"))["id"]
    reader = await open_page(f"{service.url}/embed/{poll}")
    widget = reader.poll(poll)
    assert (await widget.vote("rice")).status == 200
    await widget.element.get_by_role("button", name="Remove my vote").click()
    await widget.expect_votes("rice", "0 votes")
    await reader.page.reload()
    first = await widget.vote("yam")
    assert first.status == 200 or (await widget.vote("yam")).status == 200
    await widget.expect_votes("yam", "1 vote")


async def test_rating_is_cast_and_changed_and_moves_the_average(service: Service, open_page: Open) -> None:
    document: dict[str, object] = {"kind": "rating", "options": [], "scale": {"min": 0, "max": 3}}
    poll = (await service.create_poll(**document, revote="change"))["id"]
    widget = (await open_page(f"{service.url}/embed/{poll}")).poll(poll)
    voters = widget.element.locator(".voters")
    await expect(widget.element.locator(".option")).to_have_count(4)
    assert (await (await widget.vote("0")).json())["choice"] == 0
    await widget.expect_own_vote("0")
    await expect(voters).to_have_text("1 voter · average 0.0 out of 3")
    await service.vote(poll, 3, await service.voter())
    await expect(voters).to_have_text("2 voters · average 1.5 out of 3")
    await widget.button("Change my vote").click()
    await expect(widget.input("0")).to_be_checked()
    await widget.choose("2")
    await widget.button("Save my change").click()
    await expect(voters).to_have_text("2 voters · average 2.5 out of 3")
    await widget.expect_own_vote("2")


@pytest.mark.parametrize("lang", ["en_US", "fr_CA", "en-US@posix", "not a language"])
async def test_page_with_an_invalid_lang_attribute_shows_the_poll(
    service: Service, open_page: Open, lang: str
) -> None:
    """``Intl`` throws for such tags."""
    poll = (await service.create_poll())["id"]
    reader = await open_page("about:blank")
    html = (
        f'<!doctype html><html lang="{lang}"><script type=module src=/widget.js></script>'
        f'<live-poll poll="{poll}"></live-poll>'
    )
    await reader.page.route("**/article", lambda route: route.fulfill(body=html, content_type="text/html"))
    await reader.page.goto(f"{service.url}/article")
    share = reader.poll(poll).option("rice").locator(".share")
    await expect(share).to_have_text(re.compile(r"^0\s?%$"))


async def test_unknown_kind_shows_results_only(service: Service, open_page: Open) -> None:
    poll = (await service.create_poll())["id"]
    reader = await open_page("about:blank")

    async def of_another_kind(route: Route) -> None:
        document = await (await route.fetch()).json()
        await route.fulfill(json=document | {"kind": "auction"})

    await reader.page.route(f"**/v1/polls/{poll}", of_another_kind)
    await reader.page.goto(f"{service.url}/embed/{poll}")
    widget = reader.poll(poll)
    await widget.expect_text("You can’t vote on this poll here. Showing results only.")
    await expect(widget.button("Vote")).to_be_hidden()
    await service.vote(poll, "yam", await service.voter())
    await widget.expect_votes("yam", "1 vote")


async def test_widgets_of_a_page_share_one_websocket_and_voter(service: Service, open_page: Open) -> None:
    page = (await open_page("about:blank")).page
    sockets: list[WebSocket] = []
    page.on("websocket", lambda socket: sockets.append(socket))  # noqa: PLW0108
    widgets = await show_widgets(service, page, [await create_poll(service, SINGLE, 0) for _ in range(10)])
    for widget in (widgets[0], widgets[9]):
        await widget.vote("a")
        await widget.expect_votes("a", "1 vote")
    assert len(sockets) == 1
    tokens = "Object.keys(localStorage).filter((key) => !key.includes('#')).length"
    assert await page.evaluate(tokens) == 1
    assert await page.evaluate("document.cookie") == ""


async def test_poll_with_50_options_works_on_a_small_screen(service: Service, open_page: Open) -> None:
    options = [{"id": f"o{number}", "label": f"Option {number}"} for number in range(50)]
    poll = (await service.create_poll(options=options))["id"]
    widget = (await open_page(f"{service.url}/embed/{poll}", viewport={"width": 320, "height": 600})).poll(
        poll
    )
    await widget.vote("o49")
    await service.vote(poll, "o49", await service.voter())
    await widget.expect_votes("o49", "2 votes")
    await expect(widget.element.locator(".option")).to_have_count(50)


@pytest.mark.parametrize("results", ["always", "after_close"])
async def test_edits_appear_live_and_the_last_one_wins(
    service: Service, open_page: Open, results: str
) -> None:
    poll = (await service.create_poll(results=results))["id"]
    widget = (await open_page(f"{service.url}/embed/{poll}", scripts=(OBSERVE_STREAM,))).poll(poll)
    await widget.wait_for_stream()
    for question in ("Rice or yams?", "Rice, or yam?"):
        edited = await service.admin.patch(f"/v1/admin/polls/{poll}", json={"question": question})
        assert edited.status_code == 200, edited.text
        await widget.expect_text(question)
