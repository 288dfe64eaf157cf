"""Sign-in, scopes, and the storage of the key in the browser."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser.conftest import Open, Service
from tests.browser.console_page import create_key, open_console, sign_in_operator

BROWSER_STATE = """() => JSON.stringify([location.href, document.cookie,
  {...localStorage}, {...sessionStorage},
  document.documentElement.outerHTML])"""


async def test_console_cannot_be_framed_or_cached(service: Service) -> None:
    answer = await service.http.get("/console")
    policy = answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "script-src 'self'; style-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "set-cookie" not in answer.headers


async def test_key_in_memory_is_forgotten_on_sign_out_and_reload(service: Service, open_page: Open) -> None:
    poll = await service.create_poll()
    at = await sign_in_operator(service, open_page)
    await at.expect_text(poll["question"])
    assert (service.settings.admin_key or "") not in await at.page.evaluate(BROWSER_STATE)
    await at.button("Sign out").click()
    await expect(at.page.get_by_label("API key")).to_be_focused()
    await at.sign_in(service.settings.admin_key or "")
    await at.page.reload()
    await expect(at.page.get_by_label("API key")).to_be_visible()


async def test_stay_signed_in_stores_key_in_tab_only(service: Service, open_page: Open) -> None:
    at = await open_console(service, open_page)
    await at.page.get_by_label("Keep me signed in while this tab is open").check()
    await at.sign_in(service.settings.admin_key or "")
    await at.page.reload()
    await expect(at.button("Sign out")).to_be_visible()
    assert await at.page.evaluate("[localStorage.length, document.cookie]") == [0, ""]
    await at.button("Sign out").click()
    assert await at.page.evaluate("sessionStorage.length") == 0


async def test_invalid_key_shows_error_at_its_field(service: Service, open_page: Open) -> None:
    """An empty and an unknown key show an error, and the input is kept."""
    at = await open_console(service, open_page)
    await at.button("Sign in").click()
    await at.expect_text("Enter an API key.")
    await at.page.get_by_label("API key").fill("pwk_not-one-of-ours")
    await at.button("Sign in").click()
    await at.expect_text("Invalid or revoked key.")
    field = at.page.get_by_label("API key")
    await expect(field).to_have_attribute("aria-invalid", "true")
    await expect(field).to_have_value("pwk_not-one-of-ours")


async def test_read_only_key_sees_no_actions(service: Service, open_page: Open) -> None:
    """The page shows the results and names the missing scope."""
    poll = (await service.create_poll())["id"]
    at = await open_console(service, open_page)
    await at.sign_in(await create_key(service, "polls:read", "results:read"))
    await at.expect_text("Your key doesn’t have permission for this (polls:write).")
    await expect(at.page.get_by_role("link", name="New poll")).to_have_count(0)
    await at.go(f"/polls/{poll}")
    await expect(at.page.locator(".bars li")).to_have_count(2)
    await expect(at.page.locator(".actions button")).to_have_count(0)
    await at.expect_text("Your key doesn’t have permission for this (polls:write).")


async def test_console_offers_only_what_the_key_may_do(service: Service, open_page: Open) -> None:
    """Without results:read no totals, publication or export; without polls:destroy no deletion."""
    poll = (await service.create_poll(results="operators"))["id"]
    at = await open_console(service, open_page)
    await at.sign_in(await create_key(service, "polls:read", "polls:write"))
    await at.expect_text("Your key doesn’t have permission for this (results:read).")
    assert await at.page.locator("#main-menu a").all_text_contents() == ["Polls"]
    await at.go(f"/polls/{poll}")
    await expect(at.page.locator(".actions button")).to_have_text(
        ["Close voting", "Change end time", "Cancel poll"]
    )
    await expect(at.page.locator(".bars, .buttons [data-form]")).to_have_count(0)


VIEWS_AND_SCOPES = [
    ("/", "polls:read"),
    ("/polls/lunch", "polls:read"),
    ("/polls/new", "polls:write"),
    ("/polls/lunch/edit", "polls:write"),
    ("/keys", "keys:write"),
    ("/issuers", "issuers:write"),
    ("/webhooks", "webhooks:write"),
    ("/audit", "audit:read"),
]


async def test_view_without_scope_names_the_scope(service: Service, open_page: Open) -> None:
    at = await open_console(service, open_page)
    await at.sign_in(await create_key(service, "votes:write"))
    for place, scope in VIEWS_AND_SCOPES:
        await at.go(place)
        await expect(at.page.locator(".view")).to_contain_text(f"permission for this ({scope})")


async def test_revoked_key_ends_the_session(service: Service, open_page: Open) -> None:
    key = await create_key(service, "polls:read")
    at = await open_console(service, open_page)
    await at.sign_in(key)
    await service.admin.delete(f"/v1/admin/keys/{key.split('_')[1]}")
    await at.go("/?phase=open")
    await at.expect_text("Your key is no longer valid.")
    await expect(at.page.get_by_label("API key")).to_be_visible()
