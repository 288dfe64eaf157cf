"""One poll at the console: totals that move, every act, recounts, exports, and what was done to it."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import expect

from tests.browser.conftest import Open, Service
from tests.browser.console import AtConsole, operator_of

NO_SOCKETS = (
    "window.WebSocket = class { constructor() { throw new DOMException('blocked', 'SecurityError'); } };"
)


async def phase_of(service: Service, poll: str) -> str:
    """The phase that the service says."""
    phase: str = (await service.admin.get(f"/v1/admin/polls/{poll}")).json()["phase"]
    return phase


async def shows_phase(at: AtConsole, phase: str) -> None:
    """The poll's page says so."""
    await expect(at.page.locator(".poll-head .pill")).to_have_text(phase)


async def test_totals_move_on_the_list_and_on_the_page(service: Service, open_page: Open) -> None:
    """Votes appear without a reload, hidden totals too, with their pace, and as a line up to now."""
    poll = (await service.create_poll(results="operators", identity="open"))["id"]
    at = await operator_of(service, open_page)
    row = at.page.locator(f'[data-poll="{poll}"]')
    await expect(row.locator(".number")).to_contain_text("0")
    assert (await service.vote(poll, "yam")).status_code == 200
    await expect(row.locator(".number")).to_contain_text("1")
    await expect(row.locator(".standing")).to_contain_text("Yam 100%")
    await row.get_by_role("link").click()
    yam = at.page.locator('.bars [data-option="yam"]')
    await expect(yam.locator(".votes")).to_have_text("1")
    for _ in range(4):
        await service.vote(poll, "rice")
    await expect(yam.locator(".share")).to_have_text("20%")
    pace = at.page.locator(".figures-row > div", has_text="Votes per second").locator("dd").first
    await expect(pace).to_have_text("0.4")
    await expect(at.page.locator(".chart path.line")).to_have_count(2)
    await at.page.get_by_text("As a table").click()
    await expect(at.page.locator(".chart tbody tr").first).to_contain_text("4")


async def test_the_list_is_sieved_and_paged(service: Service, open_page: Open) -> None:
    """Phase, kind and words narrow the list, all in the address, and older polls are a page away."""
    made = [(await service.create_poll(question=f"Poll {number}?"))["id"] for number in range(51)]
    await service.act(made[-1], "close")
    at = await operator_of(service, open_page)
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
    await at.sees("No polls match these filters.")
    assert "q=Poll+7" in at.page.url


async def test_acts_run_a_poll_through_its_life(service: Service, open_page: Open) -> None:
    """Each act says what it will do, does it, and the page offers what fits then; the log tells of all."""
    poll = (await service.create_poll(opens_at="2999-01-01T00:00:00Z", results="operators"))["id"]
    at = await operator_of(service, open_page, place=f"/polls/{poll}", timezone_id="Africa/Accra")
    await shows_phase(at, "Scheduled")
    await expect(await at.act("Open voting")).to_contain_text("Voting starts immediately")
    await at.dialog().get_by_role("button", name="Cancel").click()
    assert await phase_of(service, poll) == "scheduled"
    await at.act("Open voting")
    await at.confirm("Open voting")
    await shows_phase(at, "Open")
    await at.act("Change end time")
    await at.dialog().get_by_label("Until").fill("2031-05-01T09:00")
    await at.confirm("Change end time")
    await expect(at.page.locator(".facts")).to_contain_text("May 1, 2031")
    await expect(await at.act("Close voting")).to_contain_text("Voting ends immediately")
    await at.confirm("Close voting")
    await shows_phase(at, "Closed")
    await at.act("Reopen")
    await at.dialog().get_by_label("Until").fill("2001-05-01T09:00")
    await at.dialog().get_by_role("button", name="Reopen").click()
    await expect(at.dialog().locator("[aria-invalid=true]")).to_be_focused()
    await at.dialog().get_by_label("Until").fill("2032-05-01T09:00")
    await at.confirm("Reopen")
    await shows_phase(at, "Open")
    await at.act("Publish results")
    await at.confirm("Publish results")
    await expect(at.page.locator(".facts")).to_contain_text("Always")
    await at.act("Cancel poll")
    await at.confirm("Cancel poll")
    await shows_phase(at, "Canceled")
    await at.act("Delete individual votes")
    await at.confirm("Delete individual votes")
    await shows_phase(at, "Archived")
    await at.sees("individual votes have been deleted")
    acts = ("archive", "cancel", "publish", "reopen", "close", "edit", "open", "create")
    for place, act in enumerate(acts):
        await expect(at.page.locator(".audit li").nth(place)).to_have_attribute("data-act", act)


async def test_a_prediction_is_resolved_taken_back_and_annulled(service: Service, open_page: Open) -> None:
    """No outcome, no resolution; the one that was chosen is told with its note, and can be taken back."""
    poll = (await service.create_poll(kind="prediction"))["id"]
    await service.vote(poll, "yam", await service.voter())
    await service.act(poll, "close")
    at = await operator_of(service, open_page, place=f"/polls/{poll}")
    await expect(await at.act("Resolve")).to_contain_text("predictions are scored")
    await at.dialog().get_by_role("button", name="Resolve").click()
    await expect(at.dialog()).to_contain_text("Choose the outcome.")
    await at.dialog().get_by_role("radio", name="Yam").check()
    await at.dialog().get_by_label("Note").fill("As the cook said.")
    await at.confirm("Resolve")
    await shows_phase(at, "Resolved")
    await expect(at.page.locator('.bars [data-option="yam"]')).to_contain_text("Correct outcome")
    await expect(at.page.locator(".facts")).to_contain_text("As the cook said.")
    await at.act("Undo outcome")
    await at.confirm("Undo outcome")
    await shows_phase(at, "Closed")
    await at.act("Void")
    await at.confirm("Void")
    await shows_phase(at, "Resolved")
    await expect(at.page.locator(".facts")).to_contain_text("Voided")


async def test_what_destroys_wants_the_id_typed(service: Service, open_page: Open) -> None:
    """Reset and delete do nothing until the poll's id is typed; then the votes, and the poll, are gone."""
    poll = (await service.create_poll(identity="open"))["id"]
    await service.vote(poll, "rice")
    at = await operator_of(service, open_page, place=f"/polls/{poll}")
    await expect(await at.act("Reset")).to_contain_text("Permanently deletes all votes")
    await expect(at.dialog()).to_contain_text("It has 1 vote now.")
    await at.dialog().get_by_role("button", name="Reset").click()
    await expect(at.dialog()).to_contain_text("That doesn’t match the poll ID.")
    assert (await service.http.get(f"/v1/polls/{poll}/results")).json()["voters"] == 1
    await at.dialog().get_by_label(f"Type “{poll}” to confirm").fill(poll)
    await at.confirm("Reset")
    await expect(at.page.locator('.bars [data-option="rice"] .votes')).to_have_text("0")
    await at.act("Delete")
    await at.dialog().get_by_label(f"Type “{poll}” to confirm").fill(poll)
    await at.confirm("Delete")
    await at.sees("No polls yet")
    assert (await service.admin.get(f"/v1/admin/polls/{poll}")).status_code == 404


async def test_an_act_on_what_has_moved_is_decided_again(service: Service, open_page: Open) -> None:
    """Where the poll changed behind the dialog nothing is done; the second press is on what stands."""
    poll = (await service.create_poll())["id"]
    at = await operator_of(service, open_page, place=f"/polls/{poll}")
    await at.act("Close voting")
    await service.admin.patch(f"/v1/admin/polls/{poll}", json={"question": "Other?"})
    await at.answered(at.dialog().get_by_role("button", name="Close voting"), f"/{poll}/close", "POST")
    await expect(
        at.page.locator("dialog[open] .error:not([hidden]), .pill[data-phase=closed]")
    ).to_be_visible()
    if await at.dialog().get_by_role("alert").count():  # else the page had read the edit before
        await expect(at.dialog().get_by_role("alert")).to_contain_text("review it and try again")
        assert await phase_of(service, poll) == "open"
        await at.confirm("Close voting")
    await shows_phase(at, "Closed")
    await expect(at.page.get_by_role("heading", level=1)).to_have_text("Other?")


async def test_votes_are_recounted_and_taken_away(service: Service, open_page: Open, tmp_path: Path) -> None:
    """A recount says that it matches, and an export is a whole file with a line for each vote."""
    poll = (await service.create_poll(identity="open"))["id"]
    for choice in ("rice", "yam", "yam"):
        await service.vote(poll, choice)
    at = await operator_of(service, open_page, place=f"/polls/{poll}")
    await expect(at.page.locator('.bars [data-option="yam"] .votes')).to_have_text("2")
    await at.button("Recount").click()
    await at.sees("Totals verified against 3 votes.")
    async with at.page.expect_download() as download:
        await at.button("Export CSV").click()
    file = await download.value
    assert file.suggested_filename == f"{poll}.csv"
    await file.save_as(tmp_path / "votes.csv")
    lines = (tmp_path / "votes.csv").read_text().splitlines()
    assert lines[0] == "voter,choice,label,at,revision"
    assert sorted(line.split(",")[1] for line in lines[1:]) == ["rice", "yam", "yam"]
    await at.sees("Exported 3 votes.")
    await expect(at.page.locator(".code")).to_contain_text(f'<live-poll poll="{poll}"></live-poll>')


async def test_without_sockets_totals_are_read(service: Service, open_page: Open) -> None:
    """Where no socket can be opened the numbers come all the same, and the page says how."""
    poll = (await service.create_poll(identity="open"))["id"]
    at = await operator_of(service, open_page, scripts=(NO_SOCKETS,), clock=True, place=f"/polls/{poll}")
    await expect(at.page.locator(".figures-row .connection")).to_have_text("Updates every few seconds")
    await service.vote(poll, "yam")
    await at.page.clock.fast_forward(10_000)
    await expect(at.page.locator('.bars [data-option="yam"] .votes')).to_have_text("1", timeout=10_000)
