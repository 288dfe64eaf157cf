"""Screenshots of the widget."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.async_api import Page

from tests.api.conftest import Service
from tests.browser.screenshot_camera import shot
from tests.browser.widget_page import WidgetOnPage

PAGE = """<!doctype html><html lang="{lang}" dir="{dir}"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<script type="module" src="/widget.js"></script>
<style>body {{ margin: 0; padding: 24px; background: light-dark(#f4f6f8, #0d1318); }}
main {{ display: grid; gap: 24px; align-items: start; }}
main {{ grid-template-columns: repeat(auto-fit, minmax(min(22rem, 100%), 1fr)); }}</style>
<main>{widgets}</main>"""


def options(*labels: str) -> list[dict[str, Any]]:
    """Return options with these labels and the ids ``a``, ``b``, ..."""
    return [{"id": chr(ord("a") + place), "label": label} for place, label in enumerate(labels)]


SINGLE = {
    "kind": "single",
    "question": "Which bridge should be repaired first?",
    "options": options("The old stone bridge", "The railway bridge", "The footbridge by the market"),
    "revote": "withdraw",
}
MULTIPLE = {
    "kind": "multiple",
    "question": "Which evenings suit you?",
    "options": options("Tuesday", "Wednesday", "Thursday", "Friday"),
    "choices": {"min": 1, "max": 3},
    "revote": "change",
}
RATING = {
    "kind": "rating",
    "question": "How good was the new library?",
    "options": [],
    "scale": {"min": 1, "max": 5},
}
RANKED = {
    "kind": "ranked",
    "question": "In which order should the streets become greener?",
    "options": options("Harbour Street", "Station Road", "Mill Lane", "High Street"),
    "revote": "change",
}
PREDICTION = {
    "kind": "prediction",
    "question": "Who will win the regatta on Sunday?",
    "options": options("Crew of the Swallow", "Crew of the Heron", "Crew of the Gull"),
}
ARABIC = {
    "kind": "single",
    "question": "أين نضع المقعد الجديد في الحديقة؟",
    "lang": "ar",
    "options": options("تحت شجرة التين", "قرب النافورة", "عند المدخل"),
    "revote": "withdraw",
}
KINDS = (SINGLE, MULTIPLE, RATING, RANKED)


async def create_poll(service: Service, document: dict[str, Any], votes: int = 40, **changes: object) -> str:
    """Create a poll with some votes and return its id."""
    later = (datetime.now(UTC) + timedelta(hours=5, minutes=12)).isoformat()
    poll = await service.create_poll(**{"closes_at": later, **document, **changes})
    chance = random.Random(document["question"])
    for _ in range(votes):
        await service.vote(poll["id"], random_choice(document, chance), await service.voter())
    return str(poll["id"])


def random_choice(document: dict[str, Any], chance: random.Random) -> object:
    """Return a random choice that favours the first options."""
    ids = [option["id"] for option in document["options"]]
    if document["kind"] == "rating":
        return chance.choices(range(1, 6), (1, 2, 4, 7, 5))[0]
    if document["kind"] in ("single", "prediction"):
        return chance.choices(ids, [5, 3, 2, 1][: len(ids)])[0]
    return chance.sample(ids, 2)


async def show_widgets(
    service: Service, page: Page, polls: list[str], lang: str = "en"
) -> list[WidgetOnPage]:
    """Open a page with the widgets of these polls and wait for their streams."""
    widgets = "".join(f'<live-poll poll="{poll}"></live-poll>' for poll in polls)
    html = PAGE.format(widgets=widgets, lang=lang, dir="rtl" if lang == "ar" else "ltr")
    await page.route("**/gallery", lambda route: route.fulfill(body=html, content_type="text/html"))
    await page.goto(f"{service.url}/gallery")
    for place in range(len(polls)):
        await (
            page.locator(".connection[data-state=live], .connection[data-state=final]").nth(place).wait_for()
        )
    return [WidgetOnPage(page, f'live-poll[poll="{poll}"]') for poll in polls]


async def choose_in_each(widgets: list[WidgetOnPage]) -> None:
    """Make a choice in the widget of each of ``KINDS``."""
    single, multiple, rating, ranked = widgets
    await single.choose("b")
    await multiple.choose("a")
    await multiple.choose("c")
    await rating.choose("4")
    for option in ("c", "a"):
        await ranked.option(option).locator(".label").click()


@shot("widget-voting", width=1040)
async def voting(service: Service, page: Page) -> None:
    """Four kinds, with a choice made."""
    widgets = await show_widgets(service, page, [await create_poll(service, kind) for kind in KINDS])
    await choose_in_each(widgets)


async def voted(service: Service, page: Page) -> None:
    """Four kinds after a vote."""
    widgets = await show_widgets(service, page, [await create_poll(service, kind) for kind in KINDS])
    await choose_in_each(widgets)
    for widget in widgets:
        await widget.button("Vote").click()
        await widget.element.locator(".is-own-vote").first.wait_for()


shot("widget-voted", width=1040)(voted)
shot("widget-dark", width=1040, color_scheme="dark")(voted)


@shot("widget-phone", width=390, height=700, has_touch=True)
async def phone(service: Service, page: Page) -> None:
    """Unsent ranking and a poll after a vote, on a phone."""
    single, ranked = await show_widgets(
        service, page, [await create_poll(service, SINGLE), await create_poll(service, RANKED)]
    )
    await single.vote("a")
    await ranked.option("b").locator(".label").tap()
    await ranked.option("d").locator(".label").tap()


@shot("widget-rtl", width=1040)
async def rtl(service: Service, page: Page) -> None:
    """Right-to-left page, before and after a vote."""
    polls = [
        await create_poll(service, ARABIC),
        await create_poll(service, ARABIC),
        await create_poll(service, RANKED | {"lang": "en"}),
    ]
    before, after, ranked = await show_widgets(service, page, polls, lang="ar")
    await before.choose("a")
    await after.choose("b")
    await after.button("صوّت").click()
    await after.element.locator(".is-own-vote").first.wait_for()
    await ranked.option("b").locator(".label").click()


@shot("widget-phases", width=1040)
async def phases(service: Service, page: Page) -> None:
    """Scheduled, hidden, closed and full polls."""
    soon = (datetime.now(UTC) + timedelta(minutes=9, seconds=41)).isoformat()
    full = options("Morning tour", "Afternoon tour", "Evening tour")
    full[0]["capacity"] = 3
    tours = SINGLE | {"question": "Which tour will you join?", "options": full}
    polls = [
        await create_poll(service, PREDICTION, 0, opens_at=soon),
        await create_poll(service, SINGLE, results="after_close"),
        await create_poll(service, MULTIPLE),
        await create_poll(service, tours),
    ]
    await service.act(polls[2], "close")
    await show_widgets(service, page, polls)
