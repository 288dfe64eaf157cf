"""Webhooks on the command line."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.api.conftest import Serve, Service
from tests.cli.conftest import Pollwire
from tests.webhook_receiver import receiving


@pytest_asyncio.fixture(loop_scope="session")
async def service(serve: Serve) -> AsyncIterator[Service]:
    """Run a service that may send webhooks to this machine."""
    async with serve(webhook_allow=("127.0.0.1",), webhook_speedup=100) as running:
        yield running


async def test_webhooks_create_test_list_and_delete(pollwire: Pollwire, service: Service) -> None:
    """Check that the printed secret verifies events, and that the list has the state but not the secret."""
    async with receiving() as site:
        made = await pollwire("webhooks", "create", site.url, "--event", "poll.closed", "--poll", "lunch")
        assert (made.exit_code, made.err) == (0, "")
        secret = made.out.strip()
        (webhook,) = (await pollwire("webhooks", "list", "--json")).json["items"]
        assert (webhook["events"], webhook["polls"]) == (["poll.closed"], ["lunch"])
        webhooks = await pollwire("webhooks", "list")
        assert webhooks.out.strip().split("\t") == [webhook["id"], "no deliveries", site.url]
        assert secret not in webhooks.out
        tried = await pollwire("webhooks", "test", webhook["id"])
        assert (tried.exit_code, "answered 204" in tried.out) == (0, True)
        site.deliveries[0].verified(secret)
        site.answering = lambda _: 500
        failed = await pollwire("webhooks", "test", webhook["id"])
        assert (failed.exit_code, failed.err) == (1, "Error: Delivery failed: answered 500.\n")
        assert (await pollwire("webhooks", "enable", webhook["id"])).exit_code == 0
        assert (
            await pollwire("webhooks", "delete", webhook["id"])
        ).out == f"Webhook {webhook['id']} deleted.\n"
        assert (await pollwire("webhooks", "list")).out == ""


async def test_webhooks_errors_print_one_sentence(pollwire: Pollwire, service: Service) -> None:
    """Check the message for an internal address, an unknown event and an unknown webhook."""
    inside = await pollwire("webhooks", "create", "https://10.0.0.1/")
    assert (inside.exit_code, "no public address" in inside.err) == (1, True)
    wrong = await pollwire("webhooks", "create", "http://127.0.0.1/", "--event", "poll.renamed")
    assert (wrong.exit_code, "one of poll.opened, poll.progress" in wrong.err) == (1, True)
    assert (await pollwire("webhooks", "delete", "a/b")).exit_code == 1
