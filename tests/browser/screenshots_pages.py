"""Screenshots of the live page, the home page, the article and the 404 page."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.async_api import Page, expect

from tests.api.conftest import Service
from tests.browser.screenshot_camera import shot


def options(*labels: str) -> list[dict[str, Any]]:
    """Return options with these labels and the ids ``a``, ``b``, ..."""
    return [{"id": chr(ord("a") + place), "label": label} for place, label in enumerate(labels)]


TRAM: dict[str, Any] = {
    "id": "tram",
    "question": "Where should the new tram line end?",
    "description": "The council decides next week. Two of the routes share a bridge.",
    "options": options("Harbour", "University", "North Park", "Old Market"),
    "closes_at": (datetime.now(UTC) + timedelta(days=8, hours=2)).isoformat(),
    "timezone": "Africa/Accra",
}
BRIDGE: dict[str, Any] = {
    "id": "bridge",
    "kind": "ranked",
    "question": "What shall we call the new bridge?",
    "options": options("Heron Bridge", "Mill Bridge", "Queen Amina Bridge", "Skyway", "Crossing"),
}
TRAM_IN_ARABIC: dict[str, Any] = {
    "id": "tram",
    "lang": "ar",
    "question": "أين تنتهي خطوط الترام الجديدة؟",
    "options": options("الميناء", "الجامعة", "الحديقة الشمالية", "السوق القديم"),
}
TEAMS: dict[str, Any] = {
    "kind": "prediction",
    "question": "Which team do you think has the higher chance of winning the 2024 elections?",
    "options": [
        {"id": "npp", "label": "NPP"},
        {"id": "ndc", "label": "NDC"},
        {"id": "another", "label": "Another"},
    ],
    "timezone": "Africa/Accra",
}
OF_2024 = {"opens_at": "2024-07-02T00:00:00", "closes_at": "2024-11-01T00:00:00"}
ABRIDGE = """document.querySelectorAll(
  '.article > :not(.kicker, h1, .lead, .byline, .opening, .polls)'
).forEach((part) => part.remove())"""
ROUNDS_OF_VOTES = 8
NAMES = ("Abena", "Kwame", "Efua", "Yaw", "Akosua", "Kojo", "Ama", "Kofi")


async def named_voter(service: Service, name: str) -> str:
    """Create a voter with a name for the leaderboard and return the token."""
    answer = await service.http.post("/v1/voters", json={"name": name})
    assert answer.status_code == 201, answer.text
    service.http.cookies.clear()
    token: str = answer.json()["token"]
    return token


async def cast_votes(service: Service, poll: dict[str, Any], votes: int = 64) -> None:
    """Cast votes over a few seconds whose trend changes, so that the lines of the chart move."""
    dice = random.Random(7)
    ids = [option["id"] for option in poll["options"]]
    for part in range(ROUNDS_OF_VOTES):
        weights = [len(ids) - place + dice.random() * 3 for place in range(len(ids))]
        weights[part // 3 % len(ids)] += 2.5
        for _ in range(votes // ROUNDS_OF_VOTES):
            token = await named_voter(service, dice.choice(NAMES))
            ranking = sorted(ids, key=lambda option: dice.random() / weights[ids.index(option)])
            choice = ranking[: dice.choice((2, 3, 5))] if poll.get("kind") == "ranked" else ranking[0]
            answer = await service.vote(poll["id"], choice, token)
            assert answer.status_code == 200, answer.text
        await asyncio.sleep(0.3)


async def open_live_page(service: Service, page: Page, poll: dict[str, Any], query: str = "") -> None:
    """Open the live page of a poll with votes."""
    await service.create_poll(**poll)
    await page.goto(f"{service.url}/polls/{poll['id']}{query}")
    await cast_votes(service, poll)
    await expect(page.locator("#voters")).not_to_have_text("0")
    await page.wait_for_timeout(1200)  # the chart is drawn, and the bars have come to rest


@shot("live", width=1080, height=800)
@shot("live-dark", width=1080, height=800, color_scheme="dark")
@shot("live-phone", width=390, height=844)
async def live_page(service: Service, page: Page) -> None:
    """Open poll."""
    await open_live_page(service, page, TRAM)


@shot("live-rtl", width=1080, height=800, locale="ar")
async def live_page_in_arabic(service: Service, page: Page) -> None:
    """Right-to-left page with a question in Arabic."""
    await open_live_page(service, page, TRAM_IN_ARABIC)


@shot("live-ranked", width=1080, height=800)
async def ranked_poll(service: Service, page: Page) -> None:
    """Ranked poll with its rounds."""
    await open_live_page(service, page, BRIDGE)


@shot("live-screen", width=1600, height=900)
@shot("live-screen-dark", width=1600, height=900, color_scheme="dark")
async def presentation_mode(service: Service, page: Page) -> None:
    """Presentation mode after the controls are hidden."""
    await open_live_page(service, page, TRAM, "?screen")
    await page.wait_for_timeout(3000)


@shot("live-hidden", width=1080, height=800)
async def hidden_results(service: Service, page: Page) -> None:
    """Poll with hidden results."""
    await open_live_page(service, page, TRAM | {"results": "after_close"})


@shot("live-resolved", width=1080, height=800)
async def resolved_prediction(service: Service, page: Page) -> None:
    """Resolved prediction with its leaderboard."""
    poll = TEAMS | {"id": "ghana", "series": "ghana"}
    await open_live_page(service, page, poll)
    await service.act("ghana", "close")
    resolution = {"outcome": "ndc", "note": "Declared by the Electoral Commission."}
    await service.admin.post("/v1/admin/polls/ghana/resolve", json=resolution)
    await expect(page.locator("#outcome-banner")).to_be_visible()
    await expect(page.locator("#leaderboard tbody")).to_be_visible()
    await page.wait_for_timeout(800)


async def create_demo_polls(service: Service) -> None:
    """Create the demo polls, with votes in the open one."""
    await service.create_poll(id="ghana-2024", **TEAMS, **OF_2024)
    await service.create_poll(id="ghana-2024-live", **TEAMS)
    await cast_votes(service, TEAMS | {"id": "ghana-2024-live"}, votes=32)


@shot("home", width=1080, height=800)
@shot("home-dark", width=1080, height=800, color_scheme="dark")
@shot("home-phone", width=390, height=844)
@shot("home-rtl", width=1080, height=800, locale="ar")
async def home(service: Service, page: Page) -> None:
    """Home page with the demo polls."""
    await create_demo_polls(service)
    await page.goto(service.url)
    await expect(page.locator("#demo-poll .poll")).to_be_visible()
    await page.wait_for_timeout(800)


@shot("demo", width=1100, height=900)
@shot("demo-dark", width=1100, height=900, color_scheme="dark")
@shot("demo-phone", width=390, height=844)
async def article(service: Service, page: Page) -> None:
    """Beginning of the demo article, and its polls."""
    await create_demo_polls(service)
    await page.goto(f"{service.url}/demo")
    await page.evaluate(ABRIDGE)
    await expect(page.locator("live-poll .poll").first).to_be_visible()
    await page.wait_for_timeout(800)


@shot("missing", width=1280, height=760)
async def not_found(service: Service, page: Page) -> None:
    """Page of an unknown poll."""
    await page.goto(f"{service.url}/polls/tram-2")
