"""API keys, issuers and webhooks in the console."""

from __future__ import annotations

from playwright.async_api import expect

from tests.api.conftest import Serve
from tests.browser.conftest import Open, Service
from tests.browser.console_page import sign_in_operator


async def test_api_key_is_created_shown_once_and_revoked(service: Service, open_page: Open) -> None:
    """The secret is removed from the page after it was shown."""
    at = await sign_in_operator(service, open_page, path="/keys")
    await at.button("New key").click()
    await at.button("Create key").click()
    await expect(at.dialog().locator("[aria-invalid=true]")).to_be_focused()
    await at.dialog().get_by_label("Name").fill("night shift")
    await at.dialog().get_by_label("polls:read").check()
    await at.button("Create key").click()
    key = await at.dialog().locator(".secret").inner_text()
    bearing = {"Authorization": f"Bearer {key}"}
    assert (await service.http.get("/v1/admin/polls", headers=bearing)).status_code == 200
    await at.button("Done").click()
    await expect(at.dialog()).to_have_count(0)
    assert key not in await at.page.content()
    await at.button("Revoke night shift").click()
    await expect(at.dialog()).to_contain_text("stops working within two seconds")
    await at.confirm("Revoke")
    await at.expect_text("No keys yet, other than the one in your configuration.")
    assert (await service.http.get("/v1/admin/polls", headers=bearing)).status_code == 401


async def test_issuer_is_registered_and_removed(service: Service, open_page: Open) -> None:
    """A shared secret is never shown, and a poll can use the issuer."""
    at = await sign_in_operator(service, open_page, path="/issuers")
    await at.button("Add a sign-in provider").click()
    await at.dialog().get_by_label("Token issuer (iss)").fill("https://news.example")
    await at.dialog().get_by_label("Algorithm").select_option("HS256")
    await at.dialog().get_by_label("Token audience (aud)").fill("polls")
    await at.dialog().get_by_label("Paste key").check()
    await at.dialog().get_by_label("Public key").fill("short")
    await at.button("Add").click()
    await expect(at.dialog().locator("textarea[aria-invalid=true]")).to_be_focused()
    await at.dialog().get_by_label("Public key").fill("s" * 40)
    await at.confirm("Add")
    await at.expect_text("shared secret, not shown")
    await at.go("/polls/new")
    await at.page.get_by_label("One vote per signed-in user").check()
    await at.page.get_by_label("Sign-in provider").select_option("https://news.example")
    at.page.once("dialog", lambda dialog: dialog.accept())
    await at.go("/issuers")
    await at.button("Remove https://news.example").click()
    await at.confirm("Remove")
    await at.expect_text("No sign-in providers yet.")


async def test_webhook_is_created_tested_and_deleted(serve: Serve, open_page: Open) -> None:
    """An invalid URL shows an error at its field, and the secret is shown once."""
    async with serve(webhook_allow=("127.0.0.1",)) as service:
        at = await sign_in_operator(service, open_page, path="/webhooks")
        await at.button("New webhook").click()
        address = at.dialog().get_by_label("URL", exact=True)
        await address.fill("ftp://news.example")
        await at.button("Create webhook").click()
        await expect(address).to_be_focused()
        await expect(address).to_have_attribute("aria-invalid", "true")
        await address.fill(f"{service.url}/livez")  # which takes no POST
        await at.dialog().get_by_label("poll.closed").check()
        await at.button("Create webhook").click()
        assert (await at.dialog().locator(".secret").inner_text()).startswith("whsec_")
        await at.button("Done").click()
        row = at.page.locator(".resource-table tbody tr")
        await expect(row).to_contain_text("poll.closed")
        await row.get_by_role("button", name="Send a test").click()
        await at.expect_text("The test wasn’t delivered")
        await row.get_by_role("button", name="Recent deliveries").click()
        await expect(at.dialog()).to_contain_text("405")
        await at.dialog().get_by_role("button", name="Close").click()
        await row.get_by_role("button", name="Delete").click()
        await at.confirm("Delete")
        await at.expect_text("No webhooks yet.")
