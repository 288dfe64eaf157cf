"""The console's poll list and poll page: live results, actions, recounts, exports and the audit log."""

from __future__ import annotations

from pathlib import Path

import pytest_asyncio
from playwright.async_api import expect

from tests.browser.conftest import Open, Service
from tests.browser.console_page import ConsolePage, sign_in_operator

NO_SOCKETS = (
    "window.WebSocket = class { constructor() { throw new DOMException('blocked', 'SecurityError'); } };"
)


@pytest_asyncio.fixture(loop_scope="session")
async def service(own_service: Service) -> Service:
    """Return a service for one test alone: the tests use the same ids of polls."""
    return own_service


async def phase_of(service: Service, poll: str) -> str:
    """Return the stored phase."""
    phase: str = (await service.admin.get(f"/v1/admin/polls/{poll}")).json()["phase"]
    return phase


async def expect_phase(at: ConsolePage, phase: str) -> None:
    """Wait until the page shows the phase."""
    await expect(at.page.locator(".poll-head .pill")).to_have_text(phase)


async def test_results_update_live_in_list_and_poll_page(service: Service, open_page: Open) -> None:
    poll = (await service.create_poll(results="operators", identity="open"))["id"]
    at = await sign_in_operator(service, open_page)
    row = at.page.locator(f'[data-poll="{poll}"]')
    await expect(row.locator(".number")).to_contain_text("0")
    assert (await service.vote(poll, "yam")).status_code == 200
    await expect(row.locator(".number")).to_contain_text("1")
    await expect(row.locator(".leading")).to_contain_text("Yam 100%")
    await row.get_by_role("link").click()
    yam = at.page.locator('.bars [data-option="yam"]')
    await expect(yam.locator(".votes")).to_have_text("1")
    for _ in range(4):
        await service.vote(poll, "rice")
    await expect(yam.locator(".share")).to_have_text("20%")
    pace = at.page.locator(".stats > div", has_text="Votes per second").locator("dd").first
    await expect(pace).to_have_text("0.4")
    await expect(at.page.locator(".chart path.line")).to_have_count(2)
    await at.page.get_by_text("As a table").click()
    await expect(at.page.locator(".chart tbody tr").first).to_contain_text("4")


async def test_list_names_the_leader_by_the_rule_of_the_kind(service: Service, open_page: Open) -> None:
    options = [{"id": name, "label": name.title()} for name in ("ada", "ben", "cy")]
    outcomes = [{"id": name, "label": name.title()} for name in ("yes", "no")]
    await service.create_poll(id="ranked", kind="ranked", identity="open", options=options)
    await service.create_poll(id="rating", kind="rating", identity="open", options=[])
    await service.create_poll(id="forecast", kind="prediction", forecast=True, options=outcomes)
    for choice in [*[["ada"]] * 4, *[["ben"]] * 3, *[["cy", "ben"]] * 2]:
        assert (await service.vote("ranked", choice)).status_code == 200
    for value in (1, 5, 5):
        assert (await service.vote("rating", value)).status_code == 200
    for yes in (0.6, 0.6, 0.1):
        forecast = {"yes": yes, "no": round(1 - yes, 1)}
        assert (await service.vote("forecast", forecast, await service.voter())).status_code == 200
    at = await sign_in_operator(service, open_page)
    for poll, text in (("ranked", "Ben"), ("rating", "Average 3.67"), ("forecast", "No 56.7%")):
        cell = at.page.locator(f'[data-poll="{poll}"] .leading')
        await expect(cell.locator("span:not([aria-hidden])").last).to_have_text(text)
    await at.go("/polls/ranked")
    await expect(at.page.locator(".bars .leads")).to_have_attribute("data-option", "ben")
    await expect(at.page.locator(".chart text.name").first).to_have_text("Ben")
    await expect(at.page.locator(".bars .share")).to_have_text(["45%", "33%", "22%"])


UNKNOWN_ZONE = """
const { DateTimeFormat } = Intl;
Intl.DateTimeFormat = new Proxy(DateTimeFormat, { construct(target, [tag, options]) {
  if (options?.timeZone === 'America/Coyhaique') throw new RangeError('Invalid time zone specified');
  return new target(tag, options);
} });
"""
"""A browser whose time zone data are older than those of the service."""


async def test_poll_in_a_time_zone_unknown_to_the_browser_can_be_run_and_edited(
    service: Service, open_page: Open
) -> None:
    """Times are shown in the operator's zone, and times that are typed are sent as instants."""
    window = {"opens_at": "2024-07-02T00:00:00Z", "closes_at": "2031-11-01T00:00:00Z"}
    zone = "America/Coyhaique"
    poll = (await service.create_poll(timezone=zone, **window))["id"]
    at = await sign_in_operator(
        service, open_page, path=f"/polls/{poll}", scripts=(UNKNOWN_ZONE,), timezone_id="Asia/Tokyo"
    )
    await at.expect_text(f"This browser doesn’t know the time zone {zone}")
    await expect(at.page.locator(".details-list time").first).to_contain_text("your time")
    await at.start_action("Close voting")
    await at.page.keyboard.press("Escape")
    await at.go(f"/polls/{poll}/edit")
    closes = at.page.get_by_label("Closes")
    await expect(closes).to_have_value("2031-11-01T09:00")
    await closes.fill("2031-11-02T09:00")
    await at.button("Save").click()
    await expect(at.page.locator(".poll-head .pill")).to_have_text("Open")
    stored = (await service.admin.get(f"/v1/admin/polls/{poll}")).json()
    assert (stored["closes_at"], stored["timezone"]) == ("2031-11-02T00:00:00.000Z", zone)


async def test_browser_with_an_invalid_locale_gets_a_working_console(
    service: Service, open_page: Open
) -> None:
    """Browsers of servers report locales such as ``en-US@posix``, which ``Intl`` does not accept."""
    poll = (await service.create_poll())["id"]
    script = "Object.defineProperty(navigator, 'languages', { get: () => ['en-US@posix', 'en_GB'] });"
    at = await sign_in_operator(service, open_page, path=f"/polls/{poll}", scripts=(script,))
    await expect(at.page.locator(".bars .share").first).to_have_text("0%")
    await expect(at.page.locator(".actions button").first).to_be_visible()


async def test_poll_list_is_filtered_and_paginated(service: Service, open_page: Open) -> None:
    made = [(await service.create_poll(question=f"Poll {number}?"))["id"] for number in range(51)]
    await service.act(made[-1], "close")
    at = await sign_in_operator(service, open_page)
    rows = at.page.locator(".polls tbody tr")
    await expect(rows).to_have_count(50)
    await at.page.get_by_role("link", name="Older").click()
    await expect(rows).to_have_count(1)
    await at.page.get_by_role("link", name="Back to the newest").click()
    await at.page.get_by_role("navigation", name="Phase").get_by_role("link", name="Closed").click()
    await expect(rows).to_have_count(1)
    await expect(rows).to_contain_text("Poll 50?")
    await at.go("/")
    await at.page.get_by_label("Search").fill("Poll 7?")
    await at.page.get_by_label("Search").press("Enter")
    await expect(rows).to_have_count(1)
    await at.page.get_by_label("Kind").select_option("rating")
    await at.expect_text("No polls match these filters.")
    assert "q=Poll+7" in at.page.url


async def test_actions_run_the_poll_lifecycle(service: Service, open_page: Open) -> None:
    poll = (await service.create_poll(opens_at="2999-01-01T00:00:00Z", results="operators"))["id"]
    at = await sign_in_operator(service, open_page, path=f"/polls/{poll}", timezone_id="Africa/Accra")
    await expect_phase(at, "Scheduled")
    await expect(await at.start_action("Open voting")).to_contain_text("Voting starts immediately")
    await at.dialog().get_by_role("button", name="Cancel").click()
    assert await phase_of(service, poll) == "scheduled"
    await at.start_action("Open voting")
    await at.confirm("Open voting")
    await expect_phase(at, "Open")
    await at.start_action("Change end time")
    await at.dialog().get_by_label("Until").fill("2031-05-01T09:00")
    await at.confirm("Change end time")
    await expect(at.page.locator(".details-list")).to_contain_text("May 1, 2031")
    await expect(await at.start_action("Close voting")).to_contain_text("Voting ends immediately")
    await at.confirm("Close voting")
    await expect_phase(at, "Closed")
    await at.start_action("Reopen")
    await at.dialog().get_by_label("Until").fill("2001-05-01T09:00")
    await at.dialog().get_by_role("button", name="Reopen").click()
    await expect(at.dialog().locator("[aria-invalid=true]")).to_be_focused()
    await at.dialog().get_by_label("Until").fill("2032-05-01T09:00")
    await at.confirm("Reopen")
    await expect_phase(at, "Open")
    await at.start_action("Publish results")
    await at.confirm("Publish results")
    await expect(at.page.locator(".details-list")).to_contain_text("Always")
    await at.start_action("Cancel poll")
    await at.confirm("Cancel poll")
    await expect_phase(at, "Canceled")
    await at.start_action("Delete individual votes")
    await at.confirm("Delete individual votes")
    await expect_phase(at, "Archived")
    await at.expect_text("individual votes have been deleted")
    acts = ("archive", "cancel", "publish", "reopen", "close", "edit", "open", "create")
    for place, act in enumerate(acts):
        await expect(at.page.locator(".audit li").nth(place)).to_have_attribute("data-act", act)


async def test_prediction_is_resolved_undone_and_voided(service: Service, open_page: Open) -> None:
    poll = (await service.create_poll(kind="prediction"))["id"]
    await service.vote(poll, "yam", await service.voter())
    await service.act(poll, "close")
    at = await sign_in_operator(service, open_page, path=f"/polls/{poll}")
    await expect(await at.start_action("Resolve")).to_contain_text("predictions are scored")
    await at.dialog().get_by_role("button", name="Resolve").click()
    await expect(at.dialog()).to_contain_text("Choose the outcome.")
    await at.dialog().get_by_role("radio", name="Yam").check()
    await at.dialog().get_by_label("Note").fill("As the cook said.")
    await at.confirm("Resolve")
    await expect_phase(at, "Resolved")
    await expect(at.page.locator('.bars [data-option="yam"]')).to_contain_text("Correct outcome")
    await expect(at.page.locator(".details-list")).to_contain_text("As the cook said.")
    await at.start_action("Undo outcome")
    await at.confirm("Undo outcome")
    await expect_phase(at, "Closed")
    await at.start_action("Void")
    await at.confirm("Void")
    await expect_phase(at, "Resolved")
    await expect(at.page.locator(".details-list")).to_contain_text("Voided")


async def test_reset_and_delete_require_the_poll_id(service: Service, open_page: Open) -> None:
    poll = (await service.create_poll(identity="open"))["id"]
    await service.vote(poll, "rice")
    at = await sign_in_operator(service, open_page, path=f"/polls/{poll}")
    await expect(await at.start_action("Reset")).to_contain_text("Permanently deletes all votes")
    await expect(at.dialog()).to_contain_text("It has 1 vote now.")
    await at.dialog().get_by_role("button", name="Reset").click()
    await expect(at.dialog()).to_contain_text("That doesn’t match the poll ID.")
    assert (await service.http.get(f"/v1/polls/{poll}/results")).json()["voters"] == 1
    await at.dialog().get_by_label(f"Type “{poll}” to confirm").fill(poll)
    await at.confirm("Reset")
    await expect(at.page.locator('.bars [data-option="rice"] .votes')).to_have_text("0")
    await at.start_action("Delete")
    await at.dialog().get_by_label(f"Type “{poll}” to confirm").fill(poll)
    await at.confirm("Delete")
    await at.expect_text("No polls yet")
    assert (await service.admin.get(f"/v1/admin/polls/{poll}")).status_code == 404


async def test_action_on_changed_poll_requires_second_confirmation(service: Service, open_page: Open) -> None:
    """If the poll changes while the dialog is open, the first click changes nothing."""
    poll = (await service.create_poll())["id"]
    at = await sign_in_operator(service, open_page, path=f"/polls/{poll}")
    await at.start_action("Close voting")
    await service.admin.patch(f"/v1/admin/polls/{poll}", json={"question": "Other?"})
    await at.response_to(at.dialog().get_by_role("button", name="Close voting"), f"/{poll}/close", "POST")
    await expect(
        at.page.locator("dialog[open] .error:not([hidden]), .pill[data-phase=closed]")
    ).to_be_visible()
    if await at.dialog().get_by_role("alert").count():  # else the page had read the edit before
        await expect(at.dialog().get_by_role("alert")).to_contain_text("review it and try again")
        assert await phase_of(service, poll) == "open"
        await at.confirm("Close voting")
    await expect_phase(at, "Closed")
    await expect(at.page.get_by_role("heading", level=1)).to_have_text("Other?")


async def test_votes_are_recounted_and_exported(service: Service, open_page: Open, tmp_path: Path) -> None:
    poll = (await service.create_poll(identity="open"))["id"]
    for choice in ("rice", "yam", "yam"):
        await service.vote(poll, choice)
    at = await sign_in_operator(service, open_page, path=f"/polls/{poll}")
    await expect(at.page.locator('.bars [data-option="yam"] .votes')).to_have_text("2")
    await at.button("Recount").click()
    await at.expect_text("Totals verified against 3 votes.")
    async with at.page.expect_download() as download:
        await at.button("Export CSV").click()
    file = await download.value
    assert file.suggested_filename == f"{poll}.csv"
    await file.save_as(tmp_path / "votes.csv")
    lines = (tmp_path / "votes.csv").read_text("utf-8-sig").splitlines()
    assert lines[0] == "voter,choice,label,at,revision"
    assert sorted(line.split(",")[1] for line in lines[1:]) == ["rice", "yam", "yam"]
    await at.expect_text("Exported 3 votes.")
    await expect(at.page.locator(".code")).to_contain_text(f'<live-poll poll="{poll}"></live-poll>')


async def test_results_are_polled_without_websockets(service: Service, open_page: Open) -> None:
    poll = (await service.create_poll(identity="open"))["id"]
    at = await sign_in_operator(service, open_page, scripts=(NO_SOCKETS,), clock=True, path=f"/polls/{poll}")
    await expect(at.page.locator(".stats .connection")).to_have_text("Updates every few seconds")
    await service.vote(poll, "yam")
    await at.page.clock.fast_forward(10_000)
    await expect(at.page.locator('.bars [data-option="yam"] .votes')).to_have_text("1", timeout=10_000)
