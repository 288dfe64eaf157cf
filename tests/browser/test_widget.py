"""The widget beside the clock, other votes, other tabs and other widgets, among edits and hostile labels."""

from __future__ import annotations

import pytest
from playwright.async_api import Route, WebSocket, expect

from tests.api.streams import soon
from tests.browser.conftest import Open, Service
from tests.browser.reader import HEARS
from tests.browser.screenshots_widget import SINGLE, made, show

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


HEARS_NO_OTHER_TAB = """
delete window.BroadcastChannel;
addEventListener('storage', (event) => event.stopImmediatePropagation());
"""


async def test_a_poll_closes_by_the_clock(service: Service, open_page: Open) -> None:
    """At closes_at the open page says that voting has ended, though nobody did anything."""
    poll = (await service.create_poll(closes_at=soon(3)))["id"]
    widget = (await open_page(f"{service.url}/embed/{poll}")).poll(poll)
    await widget.shows("Open")
    await widget.said("Voting has ended.", within_s=8)
    await widget.shows("Closed")


async def test_totals_are_hidden_until_the_close(service: Service, open_page: Open) -> None:
    """Hidden totals are nowhere on the page, it says when they appear, and then they do."""
    poll = (await service.create_poll(results="after_close"))["id"]
    widget = (await open_page(f"{service.url}/embed/{poll}")).poll(poll)
    await widget.shows("Results will be shown when voting ends.")
    await widget.vote("yam")
    await widget.marks_as_mine("yam")
    await expect(widget.option("yam").locator(".numbers")).to_be_hidden()
    await service.act(poll, "close")
    await widget.shows_votes("yam", "1 vote")


async def test_totals_appear_once_the_reader_has_voted(service: Service, open_page: Open) -> None:
    """Where results are for voters, the own vote opens them on the same socket, and again after a reload."""
    poll = (await service.create_poll(results="after_vote"))["id"]
    reader = await open_page(f"{service.url}/embed/{poll}")
    widget = reader.poll(poll)
    await widget.shows("Vote to see the results.")
    await widget.vote("rice")
    await widget.shows_votes("rice", "1 vote")
    await reader.page.reload()
    await widget.shows_votes("rice", "1 vote")


async def test_a_half_made_choice_survives_live_updates(service: Service, open_page: Open) -> None:
    """Votes of others change the numbers, and neither the choice being made nor the focus."""
    poll = (await service.create_poll())["id"]
    reader = await open_page(f"{service.url}/embed/{poll}")
    widget = reader.poll(poll)
    await widget.input("rice").check()
    await service.vote(poll, "yam", await service.voter())
    await widget.shows_votes("yam", "1 vote")
    await expect(widget.input("rice")).to_be_checked()
    await expect(widget.input("rice")).to_be_focused()


async def test_several_answers(service: Service, open_page: Open) -> None:
    """A multiple poll takes as many answers as it asks for, says so otherwise, and marks each of them."""
    options = [{"id": name, "label": name} for name in ("a", "b", "c")]
    poll = await service.create_poll(kind="multiple", options=options, choices={"min": 2, "max": 2})
    widget = (await open_page(f"{service.url}/embed/{poll['id']}")).poll(poll["id"])
    await widget.choose("a")
    await widget.button("Vote").click()
    await widget.said("Choose 2 answers.")
    await widget.vote("c")
    await widget.marks_as_mine("a")
    await widget.marks_as_mine("c")


async def test_an_open_poll_takes_a_vote_again(service: Service, open_page: Open) -> None:
    """Where nobody is identified, somebody may vote again, and each vote counts."""
    poll = (await service.create_poll(identity="open"))["id"]
    widget = (await open_page(f"{service.url}/embed/{poll}")).poll(poll)
    await widget.vote("rice")
    await widget.shows_votes("rice", "1 vote")
    await widget.button("Vote again").click()
    await widget.vote("rice")
    await widget.shows_votes("rice", "2 votes")


async def test_labels_stay_text(service: Service, open_page: Open) -> None:
    """Markup in a label is shown as it was written, runs nothing, and no label widens the page."""
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


async def test_a_poll_that_is_taken_down(service: Service, open_page: Open) -> None:
    """A poll deleted while somebody reads it says so, aloud too, instead of going on as if it stood."""
    poll = (await service.create_poll())["id"]
    widget = (await open_page(f"{service.url}/embed/{poll}")).poll(poll)
    await widget.shows_votes("rice", "0 votes")
    deleted = await service.admin.request("DELETE", f"/v1/admin/polls/{poll}", json={"confirm": poll})
    assert deleted.status_code < 300
    await widget.shows("This poll has been removed.")
    await widget.said("This poll has been removed.")


async def test_a_vote_is_marked_in_every_tab(service: Service, open_page: Open) -> None:
    """Two tabs of one reader: a vote in one, and its change, are marked in the other at once."""
    poll = (await service.create_poll(revote="change"))["id"]
    first = await open_page(f"{service.url}/embed/{poll}")
    await first.poll(poll).shows_votes("rice", "0 votes")
    second = await first.page.context.new_page()
    await second.goto(f"{service.url}/embed/{poll}")
    tab = type(first)(second).poll(poll)
    await tab.choose("yam")
    await first.poll(poll).vote("rice")
    await tab.marks_as_mine("rice")


async def test_a_vote_is_marked_in_a_tab_that_reads_the_stored_token_late(
    service: Service, open_page: Open
) -> None:
    """Browsers may deliver the message of a vote before the token that was stored just before it."""
    poll = (await service.create_poll(revote="change"))["id"]
    first = await open_page(f"{service.url}/embed/{poll}")
    await first.poll(poll).shows_votes("rice", "0 votes")
    second = await first.page.context.new_page()
    await second.add_init_script(STORED_VALUES_ARRIVE_LATE)
    await second.goto(f"{service.url}/embed/{poll}")
    tab = type(first)(second).poll(poll)
    await tab.choose("yam")
    await first.poll(poll).vote("rice")
    await tab.shows_votes("rice", "1 vote")
    await second.evaluate("window.deliverStoredValues()")
    await tab.marks_as_mine("rice")


@pytest.mark.parametrize(
    ("revote", "words"),
    [
        ("never", "You’ve already voted."),
        ("change", "You changed your vote in another tab or device. This is your current vote."),
    ],
)
async def test_a_vote_that_stands_from_elsewhere(
    service: Service, open_page: Open, revote: str, words: str
) -> None:
    """A tab that cannot hear of the other's vote replaces nothing unseen, and shows the vote that stands."""
    poll = (await service.create_poll(revote=revote))["id"]
    first = await open_page(f"{service.url}/embed/{poll}")
    await first.poll(poll).shows_votes("rice", "0 votes")
    await first.page.context.add_init_script(HEARS_NO_OTHER_TAB)
    second = await first.page.context.new_page()
    await second.goto(f"{service.url}/embed/{poll}")
    tab = type(first)(second).poll(poll)
    await tab.choose("yam")
    await first.poll(poll).vote("rice")
    assert (await tab.vote("yam")).status == 409
    await tab.said(words)
    await tab.marks_as_mine("rice")


async def test_a_vote_taken_back_can_be_given_again(service: Service, open_page: Open) -> None:
    """After taking back, also by a page that only sees that nothing stands, the next vote counts."""
    poll = (await service.create_poll(revote="withdraw"))["id"]
    reader = await open_page(f"{service.url}/embed/{poll}")
    widget = reader.poll(poll)
    assert (await widget.vote("rice")).status == 200
    await widget.element.get_by_role("button", name="Remove my vote").click()
    await widget.shows_votes("rice", "0 votes")
    await reader.page.reload()
    first = await widget.vote("yam")
    assert first.status == 200 or (await widget.vote("yam")).status == 200
    await widget.shows_votes("yam", "1 vote")


async def test_a_rating_is_given_and_changed(service: Service, open_page: Open) -> None:
    """Every value of the scale is a radio button, the vote is a number, and the average moves with it."""
    document: dict[str, object] = {"kind": "rating", "options": [], "scale": {"min": 0, "max": 3}}
    poll = (await service.create_poll(**document, revote="change"))["id"]
    widget = (await open_page(f"{service.url}/embed/{poll}")).poll(poll)
    voters = widget.element.locator(".voters")
    await expect(widget.element.locator(".option")).to_have_count(4)
    assert (await (await widget.vote("0")).json())["choice"] == 0
    await widget.marks_as_mine("0")
    await expect(voters).to_have_text("1 voter · average 0.0 out of 3")
    await service.vote(poll, 3, await service.voter())
    await expect(voters).to_have_text("2 voters · average 1.5 out of 3")
    await widget.button("Change my vote").click()
    await expect(widget.input("0")).to_be_checked()
    await widget.choose("2")
    await widget.button("Save my change").click()
    await expect(voters).to_have_text("2 voters · average 2.5 out of 3")
    await widget.marks_as_mine("2")


async def test_a_kind_without_a_ballot_shows_its_results(service: Service, open_page: Open) -> None:
    """A poll of a kind of a later release shows its totals and says that votes are not cast here."""
    poll = (await service.create_poll())["id"]
    reader = await open_page("about:blank")

    async def of_another_kind(route: Route) -> None:
        document = await (await route.fetch()).json()
        await route.fulfill(json=document | {"kind": "auction"})

    await reader.page.route(f"**/v1/polls/{poll}", of_another_kind)
    await reader.page.goto(f"{service.url}/embed/{poll}")
    widget = reader.poll(poll)
    await widget.shows("You can’t vote on this poll here. Showing results only.")
    await expect(widget.button("Vote")).to_be_hidden()
    await service.vote(poll, "yam", await service.voter())
    await widget.shows_votes("yam", "1 vote")


async def test_widgets_of_a_page_share_one_socket(service: Service, open_page: Open) -> None:
    """Ten widgets open one socket, and one voter votes in all of them."""
    page = (await open_page("about:blank")).page
    sockets: list[WebSocket] = []
    page.on("websocket", lambda socket: sockets.append(socket))  # noqa: PLW0108
    widgets = await show(service, page, [await made(service, SINGLE, 0) for _ in range(10)])
    for widget in (widgets[0], widgets[9]):
        await widget.vote("a")
        await widget.shows_votes("a", "1 vote")
    assert len(sockets) == 1
    tokens = "Object.keys(localStorage).filter((key) => !key.includes('#')).length"
    assert await page.evaluate(tokens) == 1
    assert await page.evaluate("document.cookie") == ""


async def test_fifty_options_follow_live(service: Service, open_page: Open) -> None:
    """A poll of fifty options is voted in on a small screen, and its bars follow."""
    options = [{"id": f"o{number}", "label": f"Option {number}"} for number in range(50)]
    poll = (await service.create_poll(options=options))["id"]
    widget = (await open_page(f"{service.url}/embed/{poll}", viewport={"width": 320, "height": 600})).poll(
        poll
    )
    await widget.vote("o49")
    await service.vote(poll, "o49", await service.voter())
    await widget.shows_votes("o49", "2 votes")
    await expect(widget.element.locator(".option")).to_have_count(50)


@pytest.mark.parametrize("results", ["always", "after_close"])
async def test_edits_are_shown(service: Service, open_page: Open, results: str) -> None:
    """What operators mend is on the open page at once, and of two edits in a row the last stays there."""
    poll = (await service.create_poll(results=results))["id"]
    widget = (await open_page(f"{service.url}/embed/{poll}", scripts=(HEARS,))).poll(poll)
    await widget.is_told()
    for question in ("Rice or yams?", "Rice, or yam?"):
        edited = await service.admin.patch(f"/v1/admin/polls/{poll}", json={"question": question})
        assert edited.status_code == 200, edited.text
        await widget.shows(question)
