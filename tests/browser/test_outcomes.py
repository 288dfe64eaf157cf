"""Outcomes, receipts, full options, images, shuffled order, wrong clocks and signed voters in the widget."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.conftest import Open, Service
from tests.browser.widget_page import WidgetOnPage
from tests.jwt_issuer import AUDIENCE, ISSUER, generate_key, public_pem, token

OPTIONS = [{"id": "npp", "label": "NPP"}, {"id": "ndc", "label": "NDC"}]
PREDICTION: dict[str, Any] = {"kind": "prediction", "options": OPTIONS}


async def close_and_resolve(service: Service, poll: str, outcome: str | None) -> None:
    """Close the poll and resolve it."""
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
async def test_outcome_is_shown_live(
    service: Service, open_page: Open, pick: str | None, outcome: str | None, sentence: str
) -> None:
    """A voter without a pick sees only the outcome. A voided question has no outcome."""
    poll = (await service.create_poll(**PREDICTION))["id"]
    widget = (await open_page(f"{service.url}/embed/{poll}")).poll(poll)
    await widget.expect_text("Live")
    if pick:
        await widget.vote(pick)
        await widget.expect_own_vote(pick)
    await close_and_resolve(service, poll, outcome)
    await expect(widget.element.locator(".notice")).to_contain_text(sentence, timeout=10_000)
    tags = widget.element.get_by_text("Correct outcome", exact=True)
    await expect(tags).to_have_count(1 if outcome else 0)


@pytest.mark.parametrize(
    ("action", "phase", "sentence"),
    [
        ("cancel", "Canceled", "This poll was canceled. No result will be declared."),
        (
            "archive",
            "Archived",
            "This poll is archived. The results remain; individual votes have been deleted.",
        ),
    ],
)
async def test_canceled_and_archived_poll_show_their_phase_and_take_no_votes(
    service: Service, open_page: Open, action: str, phase: str, sentence: str
) -> None:
    poll = (await service.create_poll())["id"]
    widget = (await open_page(f"{service.url}/embed/{poll}")).poll(poll)
    await widget.expect_text("Live")
    if action == "archive":
        await service.act(poll, "close")
    answer = await service.admin.post(f"/v1/admin/polls/{poll}/{action}")
    assert answer.status_code == 200, answer.text
    await widget.expect_text(phase)
    await widget.expect_text(sentence)
    await expect(widget.button("Vote")).to_be_hidden()


async def test_full_option_is_disabled_or_its_rejection_is_shown(service: Service, open_page: Open) -> None:
    options = [{"id": "rice", "label": "Rice", "capacity": 1}, {"id": "yam", "label": "Yam", "capacity": 1}]
    poll = (await service.create_poll(options=options, results="after_close"))["id"]
    hidden = (await open_page(f"{service.url}/embed/{poll}")).poll(poll)
    await service.vote(poll, "rice", await service.voter())
    assert (await hidden.vote("rice")).status == 409
    await hidden.expect_announcement("That option is full. Your vote wasn’t counted; please choose another.")
    assert (await hidden.vote("yam")).status == 200

    shown = (await service.create_poll(options=options))["id"]
    widget = (await open_page(f"{service.url}/embed/{shown}")).poll(shown)
    await widget.choose("rice")
    await service.vote(shown, "rice", await service.voter())
    await expect(widget.option("rice").get_by_text("Full", exact=True)).to_be_visible()
    await expect(widget.input("rice")).to_be_disabled()
    await expect(widget.input("yam")).to_be_enabled()


async def test_receipt_after_reload_shows_what_the_vote_counts_as(service: Service, open_page: Open) -> None:
    poll = (await service.create_poll(revote="change"))["id"]
    reader = await open_page(f"{service.url}/embed/{poll}")
    widget = reader.poll(poll)
    await widget.vote("rice")
    await widget.expect_own_vote("rice")  # so the page has the answer, and the receipt
    await reader.page.reload()
    await widget.button("Verify my vote").click()
    notice = widget.element.locator(".notice")
    await expect(notice).to_contain_text("Your vote for \u2068Rice\u2069")
    key, receipt = await stored_receipt(reader.page, poll)
    await widget.button("Change my vote").click()
    await widget.choose("yam")
    await widget.button("Save my change").click()
    await widget.expect_own_vote("yam")
    await reader.page.evaluate("([key, receipt]) => localStorage.setItem(key, receipt)", [key, receipt])
    await widget.button("Verify my vote").click()
    await expect(notice).to_contain_text("You changed this vote later")


async def stored_receipt(page: Page, poll: str) -> list[str]:
    """Return the storage key of the receipt, and the receipt."""
    entries: list[list[str]] = await page.evaluate("Object.entries(localStorage)")
    return next(entry for entry in entries if entry[0].endswith(f"#{poll}"))


PICTURE = b'<svg xmlns="http://www.w3.org/2000/svg" width="9000" height="9000"><circle r="900"/></svg>'


async def test_option_images_have_a_fixed_size_and_broken_ones_are_hidden(
    service: Service, open_page: Open
) -> None:
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


async def test_shuffled_order_differs_by_reader_and_survives_a_reload(
    service: Service, open_page: Open
) -> None:
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


async def test_countdown_and_vote_work_with_a_wrong_device_clock(service: Service, open_page: Open) -> None:
    closes_at = (datetime.now(UTC) + timedelta(minutes=30)).isoformat()
    poll = (await service.create_poll(closes_at=closes_at))["id"]
    reader = await open_page("about:blank")
    await reader.page.add_init_script("const now = Date.now; Date.now = () => now() + 3600e3;")
    await reader.page.goto(f"{service.url}/embed/{poll}")
    widget = reader.poll(poll)
    await expect(widget.element.locator(".clock")).to_contain_text("closes in 29:")
    assert (await widget.vote("rice")).status == 200


async def test_signed_poll_takes_votes_with_the_site_token_only(service: Service, open_page: Open) -> None:
    """A reader without a token sees why the vote is not counted."""
    key = generate_key("HS256")
    site = {"issuer": ISSUER, "algorithm": "HS256", "key": public_pem(key), "audience": AUDIENCE}
    assert (await service.admin.post("/v1/admin/issuers", json=site)).status_code == 201
    signed = {"identity": "signed", "issuer": ISSUER, "results": "after_vote"}
    poll = (await service.create_poll(**signed))["id"]
    reader = await open_page(f"{service.url}/embed/{poll}")
    widget = reader.poll(poll)
    await widget.choose("rice")
    await widget.button("Vote").click()
    await widget.expect_announcement("Sign in to this site to vote.")
    give = "(widget, token) => { widget.getToken = async () => token; }"
    await widget.element.evaluate(give, token(key, "HS256"))
    assert (await widget.vote("rice")).status == 200
    await widget.expect_votes("rice", "1 vote")
    elsewhere = (await open_page(f"{service.url}/embed/{poll}")).poll(poll)
    await elsewhere.expect_text("Live")
    await elsewhere.element.evaluate(give, token(key, "HS256"))
    await elsewhere.expect_own_vote("rice")
