"""The door of the console: who comes in, what a key opens, and where the key never is."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser.conftest import Open, Service
from tests.browser.console import console_of, key_with, operator_of

KEPT = """() => JSON.stringify([location.href, document.cookie, {...localStorage}, {...sessionStorage},
  document.documentElement.outerHTML])"""


async def test_the_page_is_for_nobody_else_s_eyes(service: Service) -> None:
    """No site may frame the console, no cache may keep it, and no address that it opens learns of it."""
    answer = await service.http.get("/console")
    policy = answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "script-src 'self'; style-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "set-cookie" not in answer.headers


async def test_a_key_opens_and_sign_out_shuts(service: Service, open_page: Open) -> None:
    """A good key shows the polls and is in memory alone: a reload forgets it, and so does signing out."""
    poll = await service.create_poll()
    at = await operator_of(service, open_page)
    await at.sees(poll["question"])
    assert (service.settings.admin_key or "") not in await at.page.evaluate(KEPT)
    await at.button("Sign out").click()
    await expect(at.page.get_by_label("API key")).to_be_focused()
    await at.sign_in(service.settings.admin_key or "")
    await at.page.reload()
    await expect(at.page.get_by_label("API key")).to_be_visible()


async def test_a_tab_keeps_the_key_only_if_told_so(service: Service, open_page: Open) -> None:
    """Ticked, the key outlives a reload in this tab's storage alone, and signing out removes it there."""
    at = await console_of(service, open_page)
    await at.page.get_by_label("Keep me signed in while this tab is open").check()
    await at.sign_in(service.settings.admin_key or "")
    await at.page.reload()
    await expect(at.button("Sign out")).to_be_visible()
    assert await at.page.evaluate("[localStorage.length, document.cookie]") == [0, ""]
    await at.button("Sign out").click()
    assert await at.page.evaluate("sessionStorage.length") == 0


async def test_a_wrong_key_is_told_at_its_field(service: Service, open_page: Open) -> None:
    """Nothing, and an unknown key, are refused where they were typed, and what was typed stays."""
    at = await console_of(service, open_page)
    await at.button("Sign in").click()
    await at.sees("Enter an API key.")
    await at.page.get_by_label("API key").fill("pwk_not-one-of-ours")
    await at.button("Sign in").click()
    await at.sees("Invalid or revoked key.")
    field = at.page.get_by_label("API key")
    await expect(field).to_have_attribute("aria-invalid", "true")
    await expect(field).to_have_value("pwk_not-one-of-ours")


async def test_a_reader_s_key_is_offered_no_acts(service: Service, open_page: Open) -> None:
    """A key that may only read sees totals, and is told why nothing can be changed or made with it."""
    poll = (await service.create_poll())["id"]
    at = await console_of(service, open_page)
    await at.sign_in(await key_with(service, "polls:read"))
    await at.sees("Your key doesn’t have permission for this (polls:write).")
    await expect(at.page.get_by_role("link", name="New poll")).to_have_count(0)
    await at.go(f"/polls/{poll}")
    await expect(at.page.locator(".bars li")).to_have_count(2)
    await expect(at.page.locator(".acts button")).to_have_count(0)
    await at.sees("Your key doesn’t have permission for this (polls:write).")


LACKING = [
    ("/", "polls:read"),
    ("/polls/lunch", "polls:read"),
    ("/polls/new", "polls:write"),
    ("/polls/lunch/edit", "polls:write"),
    ("/keys", "keys:write"),
    ("/issuers", "keys:write"),
    ("/webhooks", "keys:write"),
]


async def test_what_a_key_lacks_is_named(service: Service, open_page: Open) -> None:
    """Every view that the key does not open says which scope is missing."""
    at = await console_of(service, open_page)
    await at.sign_in(await key_with(service, "votes:write"))
    for place, scope in LACKING:
        await at.go(place)
        await expect(at.page.locator(".view")).to_contain_text(f"permission for this ({scope})")


async def test_a_revoked_key_ends_the_session(service: Service, open_page: Open) -> None:
    """Once the key is refused the door is shut, and says why."""
    key = await key_with(service, "polls:read")
    at = await console_of(service, open_page)
    await at.sign_in(key)
    await service.admin.delete(f"/v1/admin/keys/{key.split('_')[1]}")
    await at.go("/?phase=open")
    await at.sees("Your key is no longer valid.")
    await expect(at.page.get_by_label("API key")).to_be_visible()
