"""Screenshots of the console."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.async_api import Page

from tests.api.conftest import Service
from tests.browser.console_page import ConsolePage
from tests.browser.screenshot_camera import shot

DESKTOP: dict[str, Any] = {"width": 1280, "height": 860, "locale": "en-GB", "timezone_id": "Europe/Paris"}
PHONE: dict[str, Any] = {"width": 390, "height": 844, "locale": "en-GB", "timezone_id": "Europe/Paris"}


def options(*labels: str) -> list[dict[str, Any]]:
    """Return options with these labels."""
    return [{"id": f"o{place}", "label": label} for place, label in enumerate(labels)]


def from_now(days: int) -> str:
    """Return 08:00 UTC, this many days from now."""
    moment = datetime.now(UTC) + timedelta(days=days)
    return moment.strftime("%Y-%m-%dT08:00:00Z")


POLLS: list[dict[str, Any]] = [
    {
        "id": "old-bridge",
        "question": "Should we keep the old bridge?",
        "options": options("Keep it", "Replace it"),
    },
    {
        "id": "budget",
        "question": "Is the new city budget fair?",
        "options": options("Yes", "No", "Undecided"),
        "opens_at": from_now(9),
        "closes_at": from_now(16),
    },
    {
        "id": "final",
        "question": "من سيفوز في المباراة النهائية؟",
        "lang": "ar",
        "options": options("الأسود", "النسور"),
    },
    {
        "id": "festival",
        "kind": "ranked",
        "question": "Rank the headliners of the summer festival",
        "options": options("The Lanterns", "Ama & the Tide", "Night Bus", "Paper Kites"),
    },
    {
        "id": "debate",
        "kind": "rating",
        "question": "How did the candidates do in last night’s debate?",
        "options": [],
        "scale": {"min": 1, "max": 5},
    },
    {
        "id": "high-street",
        "question": "Should the High Street be closed to cars on Sundays?",
        "options": options("Yes, all year", "Only in summer", "No"),
        "closes_at": from_now(7),
        "timezone": "Africa/Accra",
        "lang": "en",
    },
]


def random_choice(poll: dict[str, Any], dice: random.Random) -> Any:
    """Return a random choice that favours the first options."""
    if poll.get("kind") == "rating":
        return dice.choice([1, 2, 3, 3, 4, 4, 4, 5])
    names = [option["id"] for option in poll["options"]]
    if poll.get("kind") == "ranked":
        return sorted(names, key=lambda _: dice.random())[:3]
    return dice.choices(names, weights=[5, 3, 2][: len(names)])[0]


async def create_polls(service: Service) -> None:
    """Create polls in several phases, with some hundred votes."""
    dice = random.Random(7)
    for poll in POLLS:
        await service.create_poll(**{"identity": "open", **poll})
        if "opens_at" not in poll:
            for _ in range(dice.randint(40, 90)):
                await service.vote(poll["id"], random_choice(poll, dice))
    await service.act("old-bridge", "close")


async def open_view(service: Service, page: Page, place: str, ready: str, lang: str = "en") -> None:
    """Sign in, open a view, and wait for its results."""
    await page.goto(f"{service.url}/console?lang={lang}")
    await page.locator("input[type=password]").fill(service.settings.admin_key or "")
    await page.keyboard.press("Enter")
    await page.locator("#main-menu a").first.wait_for()
    await ConsolePage(page, service.url).go(place)
    await page.locator(ready).first.wait_for()
    await page.locator("[data-state=live], .preview").first.wait_for()


@shot("console", **DESKTOP)
async def polls(service: Service, page: Page) -> None:
    """Poll list."""
    await create_polls(service)
    await open_view(service, page, "/", ".strip span")


@shot("console-poll-dark", color_scheme="dark", **DESKTOP)
async def one_poll(service: Service, page: Page) -> None:
    """Poll page in dark mode while votes arrive."""
    await create_polls(service)
    await open_view(service, page, "/polls/high-street", ".chart path.line")
    dice = random.Random(8)
    for _ in range(60):
        await service.vote("high-street", random_choice(POLLS[-1], dice))


@shot("console-edit", **DESKTOP)
async def form(service: Service, page: Page) -> None:
    """Form with its preview. The viewport is as high as the page, because the buttons stick to its bottom."""
    await create_polls(service)
    await open_view(service, page, "/polls/high-street/edit", ".equivalents dd")
    height = await page.evaluate("document.documentElement.scrollHeight")
    await page.set_viewport_size({"width": 1280, "height": height})


@shot("console-act", **{**DESKTOP, "height": 1400})
async def act(service: Service, page: Page) -> None:
    """Confirmation dialog of an action."""
    await create_polls(service)
    await open_view(service, page, "/polls/high-street", ".audit li")
    await page.locator("[data-act=archive], [data-act=close]").first.click()


@shot("console-rtl", **DESKTOP)
async def from_right_to_left(service: Service, page: Page) -> None:
    """Poll page in Arabic."""
    await create_polls(service)
    await open_view(service, page, "/polls/final", ".chart path.line", lang="ar")


@shot("console-phone", **PHONE)
async def on_a_phone(service: Service, page: Page) -> None:
    """Poll page on a phone."""
    await create_polls(service)
    await open_view(service, page, "/polls/festival", ".chart path.line")
