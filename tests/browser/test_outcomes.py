"""What becomes of a poll and of a vote is told; and pictures, orders, clocks and people of a site."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.conftest import Open, Service
from tests.browser.reader import WidgetOnPage
from tests.jwt_issuer import AUDIENCE, ISSUER, made_key, public_pem, token

OPTIONS = [{"id": "npp", "label": "NPP"}, {"id": "ndc", "label": "NDC"}]
PREDICTION: dict[str, Any] = {"kind": "prediction", "options": OPTIONS}


async def resolved(service: Service, poll: str, outcome: str | None) -> None:
    """Close the poll and resolve it, as an operator does."""
    await service.act(poll, "close")
    answer = await service.admin.post(f"/v1/admin/polls/{poll}/resolve", json={"outcome": outcome})
    assert answer.status_code in (200, 202), answer.text


@pytest.mark.parametrize(
    ("pick", "outcome", "sentence"),
    [
        (None, "ndc", "The outcome: \u2068NDC\u2069."),
        ("npp", None, "This question was voided and isn’t scored."),
    ],
)
async def test_the_outcome_is_told(
    service: Service, open_page: Open, pick: str | None, outcome: str | None, sentence: str
) -> None:
    """The open page of somebody who made no pick tells the outcome alone; an annulled question has none."""
    poll = (await service.create_poll(**PREDICTION))["id"]
    widget = (await open_page(f"{service.url}/embed/{poll}")).poll(poll)
    await widget.shows("Live")
    if pick:
        await widget.vote(pick)
        await widget.marks_as_mine(pick)
    await resolved(service, poll, outcome)
    await expect(widget.element.locator(".notice")).to_contain_text(sentence, timeout=10_000)
    tags = widget.element.get_by_text("Correct outcome", exact=True)
    await expect(tags).to_have_count(1 if outcome else 0)


@pytest.mark.parametrize(
    ("act", "phase", "sentence"),
    [
        ("cancel", "Canceled", "This poll was canceled. No result will be declared."),
        (
            "archive",
            "Archived",
            "This poll is archived. The results remain; individual votes have been deleted.",
        ),
    ],
)
async def test_an_end_without_an_outcome(
    service: Service, open_page: Open, act: str, phase: str, sentence: str
) -> None:
    """A canceled and an archived poll say so at once, and take no votes."""
    poll = (await service.create_poll())["id"]
    widget = (await open_page(f"{service.url}/embed/{poll}")).poll(poll)
    await widget.shows("Live")
    if act == "archive":
        await service.act(poll, "close")
    answer = await service.admin.post(f"/v1/admin/polls/{poll}/{act}")
    assert answer.status_code == 200, answer.text
    await widget.shows(phase)
    await widget.shows(sentence)
    await expect(widget.button("Vote")).to_be_hidden()


async def test_a_full_answer_cannot_be_chosen(service: Service, open_page: Open) -> None:
    """A full option says so and cannot be chosen; of one that filled up unseen the voter is told."""
    options = [{"id": "rice", "label": "Rice", "capacity": 1}, {"id": "yam", "label": "Yam", "capacity": 1}]
    poll = (await service.create_poll(options=options, results="after_close"))["id"]
    hidden = (await open_page(f"{service.url}/embed/{poll}")).poll(poll)
    await service.vote(poll, "rice", await service.voter())
    assert (await hidden.vote("rice")).status == 409
    await hidden.said("That option is full. Your vote wasn’t counted; please choose another.")
    assert (await hidden.vote("yam")).status == 200

    shown = (await service.create_poll(options=options))["id"]
    widget = (await open_page(f"{service.url}/embed/{shown}")).poll(shown)
    await widget.choose("rice")
    await service.vote(shown, "rice", await service.voter())
    await expect(widget.option("rice").get_by_text("Full", exact=True)).to_be_visible()
    await expect(widget.input("rice")).to_be_disabled()
    await expect(widget.input("yam")).to_be_enabled()


async def test_a_vote_is_proved_by_its_receipt(service: Service, open_page: Open) -> None:
    """After a reload the voter can still ask whether the vote is counted, and is told what it counts as."""
    poll = (await service.create_poll(revote="change"))["id"]
    reader = await open_page(f"{service.url}/embed/{poll}")
    widget = reader.poll(poll)
    await widget.vote("rice")
    await widget.marks_as_mine("rice")  # so the page has the answer, and the receipt
    await reader.page.reload()
    await widget.button("Verify my vote").click()
    notice = widget.element.locator(".notice")
    await expect(notice).to_contain_text("Your vote for \u2068Rice\u2069")
    key, receipt = await receipt_of(reader.page, poll)
    await widget.button("Change my vote").click()
    await widget.choose("yam")
    await widget.button("Save my change").click()
    await widget.marks_as_mine("yam")
    await reader.page.evaluate("([key, receipt]) => localStorage.setItem(key, receipt)", [key, receipt])
    await widget.button("Verify my vote").click()
    await expect(notice).to_contain_text("You changed this vote later")


async def receipt_of(page: Page, poll: str) -> list[str]:
    """Where the browser keeps the receipt, and the receipt."""
    entries: list[list[str]] = await page.evaluate("Object.entries(localStorage)")
    return next(entry for entry in entries if entry[0].endswith(f"#{poll}"))


PICTURE = b'<svg xmlns="http://www.w3.org/2000/svg" width="9000" height="9000"><circle r="900"/></svg>'


async def test_pictures_keep_their_place(service: Service, open_page: Open) -> None:
    """A huge picture is as small as any; one that is missing, or is none, leaves no trace."""
    images = {"huge": "/huge.svg", "missing": "/missing.png", "text": "/text.png"}
    options = [
        {"id": name, "label": name, "image": f"https://pictures.example{path}"}
        for name, path in images.items()
    ]
    poll = (await service.create_poll(options=options))["id"]
    reader = await open_page("about:blank")

    async def answer(route: Route) -> None:
        if route.request.url.endswith("huge.svg"):
            await route.fulfill(body=PICTURE, content_type="image/svg+xml")
        elif route.request.url.endswith("text.png"):
            await route.fulfill(body="no picture", content_type="text/plain")
        else:
            await route.fulfill(status=404)

    await reader.page.route("https://pictures.example/**", answer)
    await reader.page.goto(f"{service.url}/embed/{poll}")
    widget = reader.poll(poll)
    await expect(widget.element.locator("img")).to_have_count(1)
    box = await widget.option("huge").locator("img").bounding_box()
    assert box is not None
    assert (box["width"], box["height"]) == (48, 48)


async def test_an_order_of_ones_own(service: Service, open_page: Open) -> None:
    """With ``shuffle`` readers see orders of their own, the same again after a reload."""
    options = [{"id": f"o{number}", "label": str(number)} for number in range(50)]
    poll = (await service.create_poll(options=options, shuffle=True))["id"]

    async def order(page: Page, widget: WidgetOnPage) -> list[str]:
        await expect(widget.element.locator(".option")).to_have_count(50)
        rows = "(host) => [...host.shadowRoot.querySelectorAll('.option')].map((row) => row.dataset.option)"
        found: list[str] = await widget.element.evaluate(rows)
        return found

    one, other = [await open_page(f"{service.url}/embed/{poll}") for _ in range(2)]
    first = await order(one.page, one.poll(poll))
    await one.page.reload()
    assert await order(one.page, one.poll(poll)) == first
    assert await order(other.page, other.poll(poll)) != first
    assert sorted(first) == sorted(option["id"] for option in options)
    assert first != [option["id"] for option in options]


async def test_a_wrong_clock_does_no_harm(service: Service, open_page: Open) -> None:
    """On a device whose clock is an hour wrong the countdown is right, and a vote counts."""
    closes_at = (datetime.now(UTC) + timedelta(minutes=30)).isoformat()
    poll = (await service.create_poll(closes_at=closes_at))["id"]
    reader = await open_page("about:blank")
    await reader.page.add_init_script("const now = Date.now; Date.now = () => now() + 3600e3;")
    await reader.page.goto(f"{service.url}/embed/{poll}")
    widget = reader.poll(poll)
    await expect(widget.element.locator(".clock")).to_contain_text("closes in 29:")
    assert (await widget.vote("rice")).status == 200


async def test_the_sites_people_vote_by_its_token(service: Service, open_page: Open) -> None:
    """A poll for a site's people takes votes by the site's token; without one the reader is told why not."""
    key = made_key("HS256")
    site = {"issuer": ISSUER, "algorithm": "HS256", "key": public_pem(key), "audience": AUDIENCE}
    assert (await service.admin.post("/v1/admin/issuers", json=site)).status_code == 201
    signed = {"identity": "signed", "issuer": ISSUER, "results": "after_vote"}
    poll = (await service.create_poll(**signed))["id"]
    reader = await open_page(f"{service.url}/embed/{poll}")
    widget = reader.poll(poll)
    await widget.choose("rice")
    await widget.button("Vote").click()
    await widget.said("Sign in to this site to vote.")
    give = "(widget, token) => { widget.getToken = async () => token; }"
    await widget.element.evaluate(give, token(key, "HS256"))
    assert (await widget.vote("rice")).status == 200
    await widget.shows_votes("rice", "1 vote")
    elsewhere = (await open_page(f"{service.url}/embed/{poll}")).poll(poll)
    await elsewhere.shows("Live")
    await elsewhere.element.evaluate(give, token(key, "HS256"))
    await elsewhere.marks_as_mine("rice")
