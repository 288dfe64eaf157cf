"""Webhooks from end to end: a real service sends events to real receivers, which verify them."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from pollwire_server.domain.timestamps import format_timestamp
from standardwebhooks import WebhookVerificationError

from tests.api.conftest import Serve, Service
from tests.api.hooks import HOOKS, LOCAL, QUICK, hook
from tests.wait import until
from tests.webhook_receiver import Delivery, receiving


async def state(service: Service, made: dict[str, Any]) -> dict[str, Any]:
    """Return the state of a webhook."""
    found: dict[str, Any] = (await service.admin.get(f"{HOOKS}/{made['id']}")).json()
    return found


async def test_webhook_gets_signed_event_for_each_lifecycle_step(serve: Serve) -> None:
    """Check that each event arrives once, in order, signed, and with the totals of its time."""
    async with serve(**QUICK) as service, receiving() as site:
        made = await hook(service, site)
        poll = (await service.create_poll(results="always"))["id"]
        await until(lambda: site.types == ["poll.opened"])
        await service.vote(poll, "rice", await service.voter())
        await until(lambda: site.types == ["poll.opened", "poll.progress"])
        await service.act(poll, "close")
        await until(lambda: len(site.deliveries) == 3)
        opened, progress, closed = (delivery.verified(made["secret"]) for delivery in site.deliveries)
        assert opened["data"]["question"] == "Rice or yam?"
        assert progress["data"]["results"]["counts"] == {"rice": 1, "yam": 0}
        assert progress["data"]["phase"] == "open"
        assert closed["type"] == "poll.closed"
        assert closed["data"]["results"]["final"]
        assert closed["data"]["results"]["voters"] == 1
        assert len({delivery.event for delivery in site.deliveries}) == 3
        await until(lambda: _is_quiet(service, made))


async def _is_quiet(service: Service, made: dict[str, Any]) -> bool:
    now = await state(service, made)
    return now["waiting"] == 0 and now["failures"] == 0 and now["last_success_at"] is not None


@pytest.mark.parametrize("way", ["creation", "edit", "action", "clock"])
async def test_opened_event_is_sent_once(serve: Serve, way: str) -> None:
    async with serve(**QUICK) as service, receiving() as site:
        await hook(service, site)
        opens_at = {"creation": "2020-01-01T00:00:00Z", "clock": in_ms(300)}.get(way, "2100-01-01T00:00:00Z")
        poll = (await service.create_poll(opens_at=opens_at))["id"]
        if way == "edit":
            await service.admin.patch(f"/v1/admin/polls/{poll}", json={"opens_at": "2020-01-01T00:00:00Z"})
        elif way == "action":
            await service.act(poll, "open")
        await until(lambda: site.types == ["poll.opened"])
        await service.act(poll, "close")
        await until(lambda: len(site.deliveries) == 2)
        assert site.types == ["poll.opened", "poll.closed"]


def in_ms(after_ms: int) -> str:
    """Return a time in the future."""
    return format_timestamp(int(time.time() * 1000) + after_ms)


async def test_signature_of_changed_event_is_invalid(serve: Serve) -> None:
    """Check that the reference library rejects a changed body, id or timestamp."""
    async with serve(**QUICK) as service, receiving() as site:
        made = await hook(service, site)
        await service.create_poll()
        await until(lambda: site.deliveries)
        delivery = site.deliveries[0]
        delivery.verified(made["secret"])
        for name, value in (("webhook-id", "other-1"), ("webhook-timestamp", "1700000000")):
            with pytest.raises(WebhookVerificationError):
                delivery._replace(headers={**delivery.headers, name: value}).verified(made["secret"])
        changed = delivery.body.replace(b"poll.opened", b"poll.closed")
        with pytest.raises(WebhookVerificationError):
            delivery._replace(body=changed).verified(made["secret"])


async def test_progress_events_are_batched(serve: Serve) -> None:
    """Check that progress events are batched, never go back, and include the last change."""
    async with serve(**QUICK) as service, receiving() as site:
        await hook(service, site, events=["poll.progress"])
        poll = (await service.create_poll())["id"]
        for _ in range(30):
            await service.vote(poll, "rice", await service.voter())
        await until(lambda: site.deliveries and _voters(site.deliveries[-1]) == 30)
        assert len(site.deliveries) < 20
        voters = [_voters(delivery) for delivery in site.deliveries]
        assert voters == sorted(set(voters))
        assert set(site.types) == {"poll.progress"}


def _voters(delivery: Delivery) -> int:
    return int(delivery.document["data"]["results"]["voters"])


async def test_webhook_gets_only_selected_events_and_polls(serve: Serve) -> None:
    """Check that a webhook gets only its own events and polls, and nothing from before its creation."""
    async with serve(**QUICK) as service, receiving() as site, receiving() as every:
        before = (await service.create_poll())["id"]
        wanted = (await service.create_poll(id="wanted"))["id"]
        await hook(service, site, events=["poll.closed"], polls=[wanted])
        await hook(service, every)
        other = (await service.create_poll())["id"]
        for poll in (before, other, wanted):
            await service.act(poll, "close")
        await until(lambda: len(every.deliveries) == 4)
        await until(lambda: site.deliveries)
        events = [(delivery.type, delivery.document["data"]["poll"]) for delivery in site.deliveries]
        assert events == [("poll.closed", wanted)]
        assert sorted(every.types) == ["poll.closed"] * 3 + ["poll.opened"]


@pytest.mark.parametrize("mode", ["after_close", "after_vote", "operators"])
async def test_event_has_hidden_totals_for_operators_view_only(serve: Serve, mode: str) -> None:
    """Check that receivers get the public view, and the operators' view only if it is configured."""
    async with serve(**QUICK) as service, receiving() as public, receiving() as trusted:
        await hook(service, public)
        await hook(service, trusted, results="operators")
        poll = (await service.create_poll(results=mode))["id"]
        await service.vote(poll, "rice", await service.voter())
        await until(lambda: "poll.progress" in trusted.types)
        await service.act(poll, "close")
        await until(lambda: "poll.closed" in public.types and "poll.closed" in trusted.types)
        shown = {delivery.type: delivery.document["data"]["results"] for delivery in public.deliveries}
        assert "poll.progress" not in shown  # its time would reveal when a vote counted
        assert shown["poll.closed"].get("hidden", False) is (mode == "operators")
        assert all("voters" in delivery.document["data"]["results"] for delivery in trusted.deliveries)


async def test_event_of_invisible_poll_has_no_question(serve: Serve) -> None:
    """Check that before ``visible_at`` the public view contains neither question nor totals."""
    async with serve(**QUICK) as service, receiving() as public, receiving() as trusted:
        await hook(service, public)
        await hook(service, trusted, results="operators")
        await service.create_poll(visible_at="2099-01-01T00:00:00Z")
        await until(lambda: public.deliveries and trusted.deliveries)
        assert public.deliveries[0].document["data"]["question"] is None
        assert public.deliveries[0].document["data"]["results"]["hidden"]
        assert trusted.deliveries[0].document["data"]["question"] == "Rice or yam?"


async def test_scheduled_opening_and_closing_are_sent_once(serve: Serve) -> None:
    """Check that with three workers and no clients each scheduled opening and closing is sent once."""
    ours = {**QUICK, "secret": "the secret of all three"}
    async with serve(**ours) as one, serve(**ours), serve(**ours), receiving() as site:
        made = await hook(one, site)
        now = await one.store.polls.now()
        hours = [format_timestamp(now + ahead) for ahead in (300, 600)]
        poll = (await one.create_poll(opens_at=hours[0], closes_at=hours[1]))["id"]
        await until(lambda: len(site.deliveries) >= 2)
        await one.act(poll, "reopen")
        await until(lambda: len(site.deliveries) >= 3)
        documents = [each.document for each in site.deliveries]
        assert [each["type"] for each in documents] == ["poll.opened", "poll.closed", "poll.opened"]
        assert [each["timestamp"] for each in documents[:2]] == hours
        assert (await state(one, made))["failures"] == 0


async def test_failed_event_is_retried_in_order(serve: Serve) -> None:
    """Check that failed events are retried with the same id, in the order of the poll."""
    async with serve(**QUICK) as service, receiving() as site:
        made = await hook(service, site)
        site.answering = lambda _: 500 if len(site.deliveries) < 2 else 200
        poll = (await service.create_poll())["id"]
        await service.act(poll, "close")
        await until(lambda: "poll.closed" in site.types, within_s=15)
        assert site.types == ["poll.opened"] * 2 + ["poll.closed"]
        assert site.deliveries[0].event == site.deliveries[1].event
        assert len({delivery.headers["webhook-signature"] for delivery in site.deliveries}) >= 2
        recent = (await service.admin.get(f"{HOOKS}/{made['id']}/deliveries")).json()["items"]
        await until(lambda: _is_quiet(service, made))
        assert [(each["status"], each["attempt"]) for each in recent[-2:]] == [(200, 2), (500, 1)]


async def test_response_410_disables_the_webhook(serve: Serve) -> None:
    """Check that 410 disables the webhook, and that a re-enabled webhook gets only new events."""
    async with serve(**QUICK) as service, receiving() as site:
        made = await hook(service, site)
        site.answering = lambda _: 410
        await service.create_poll()
        await until(lambda: _is_given_up(service, made))
        assert (await state(service, made))["disabled_reason"] == "answered 410"
        site.answering = lambda _: 204
        poll = (await service.create_poll())["id"]
        enabled = await service.admin.post(f"{HOOKS}/{made['id']}/enable")
        assert enabled.json()["status"] == "active"
        await service.act(poll, "close")
        await until(lambda: "poll.closed" in site.types)
        assert site.types.count("poll.opened") <= 2


async def _is_given_up(service: Service, made: dict[str, Any]) -> bool:
    return bool((await state(service, made))["status"] == "disabled")


async def test_webhook_without_success_is_disabled_after_last_retry(serve: Serve) -> None:
    """Check that a webhook is disabled after the last retry of an event without any success in between."""
    async with serve(webhook_allow=LOCAL, webhook_speedup=200_000) as service, receiving() as site:
        made = await hook(service, site, events=["poll.opened"])
        site.answering = lambda _: 503
        await service.create_poll()
        await until(lambda: _is_given_up(service, made), within_s=15)
        disabled = await state(service, made)
        assert (disabled["failures"], disabled["waiting"], disabled["dropped"]) == (10, 0, 1)
        assert disabled["last_error"] == disabled["disabled_reason"] == "answered 503"
        assert len(site.deliveries) == 10


async def test_slow_receiver_does_not_delay_others(serve: Serve) -> None:
    """Check that a receiver that never responds does not delay the others."""
    async with serve(**QUICK) as service, receiving() as slow, receiving() as quick:
        never = asyncio.Event()

        async def wait(_: Delivery) -> int:
            await never.wait()
            return 204

        slow.answering = wait
        await hook(service, slow)
        await hook(service, quick)
        for _ in range(10):
            await service.create_poll()
        await until(lambda: len(quick.deliveries) == 10)
        assert len(slow.deliveries) < 10
        never.set()


async def test_redirect_is_a_failure_and_not_followed(serve: Serve) -> None:
    """Check that a redirect is a failure, and that its target gets no request."""
    async with serve(**QUICK) as service, receiving() as site, receiving() as elsewhere:
        made = await hook(service, site)
        site.answering = lambda _: (
            f"HTTP/1.1 307 Go\r\nlocation: {elsewhere.url}\r\ncontent-length: 0\r\n\r\n"
        )
        tried = (await service.admin.post(f"{HOOKS}/{made['id']}/test")).json()
        assert (tried["delivered"], tried["status"]) == (False, 307)
        assert elsewhere.deliveries == []


async def test_test_event_is_sent_and_listed(serve: Serve) -> None:
    """Check that an operator can send a test event, gets its outcome, and sees it in the deliveries."""
    async with serve(**QUICK) as service, receiving() as site:
        made = await hook(service, site)
        tried = (await service.admin.post(f"{HOOKS}/{made['id']}/test")).json()
        assert (tried["delivered"], tried["status"], tried["type"]) == (True, 204, "webhook.test")
        assert site.deliveries[0].verified(made["secret"])["data"] == {"by": "admin"}
        attempts = (await service.admin.get(f"{HOOKS}/{made['id']}/deliveries?limit=5")).json()
        assert attempts == {"items": [tried], "next": None}


async def test_long_response_is_truncated(serve: Serve) -> None:
    """Check that a very long response is cut, and that its status counts."""
    async with serve(**QUICK) as service, receiving() as site:
        made = await hook(service, site)
        site.answering = lambda _: "HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n" + "x" * 200_000
        tried = (await service.admin.post(f"{HOOKS}/{made['id']}/test")).json()
        assert tried["delivered"]


async def test_webhook_secret_is_returned_on_creation_only(serve: Serve) -> None:
    """Check that lists and the store have no secret as plain text, and that lists have the creator."""
    async with serve(**QUICK) as service, receiving() as site:
        made = await hook(service, site, polls=["a"], events=["poll.closed"])
        (webhook,) = (await service.admin.get(HOOKS)).json()["items"]
        assert webhook == {name: value for name, value in made.items() if name != "secret"}
        assert (webhook["created_by"], webhook["status"], webhook["polls"]) == ("admin", "active", ["a"])
        stored = await service.store.webhooks.read_fresh(0)
        assert made["secret"].removeprefix("whsec_").encode() not in stored[made["id"]]


async def test_changed_service_secret_disables_webhooks(serve: Serve) -> None:
    """Check that a changed service secret disables a webhook with the reason, and a rotated one does not."""
    async with receiving() as site:
        async with serve(**QUICK, secret="the-first-of-two-secrets") as service:
            made = await hook(service, site)
        async with serve(**QUICK, secret="a-newer-secret-of-ours,the-first-of-two-secrets") as service:
            await service.create_poll()
            await until(lambda: site.deliveries)
            site.deliveries[0].verified(made["secret"])
        async with serve(**QUICK, secret="quite-another-secret") as service:
            await service.create_poll()
            await until(lambda: _is_given_up(service, made))
            assert "POLLWIRE_SECRET" in (await state(service, made))["disabled_reason"]


async def test_deleted_webhook_gets_no_events(serve: Serve) -> None:
    """Check that a deleted webhook gets no events, is not listed, and that its routes are 404."""
    async with serve(**QUICK) as service, receiving() as site, receiving() as other:
        made = await hook(service, site)
        await hook(service, other)
        assert (await service.admin.delete(f"{HOOKS}/{made['id']}")).status_code == 204
        await service.create_poll()
        await until(lambda: other.deliveries)
        assert site.deliveries == []
        for path in ("", "/deliveries"):
            assert (await service.admin.get(f"{HOOKS}/{made['id']}{path}")).status_code == 404
        for act in ("test", "enable"):
            assert (await service.admin.post(f"{HOOKS}/{made['id']}/{act}")).status_code == 404
        assert (await service.admin.delete(f"{HOOKS}/{made['id']}")).status_code == 404


async def test_pending_events_of_deleted_poll_are_sent(serve: Serve) -> None:
    """Check that a deleted poll's pending events are still sent, and that its outbox key is then removed."""
    async with serve(**QUICK) as service, receiving() as site:
        await hook(service, site)
        poll = (await service.create_poll())["id"]
        await service.act(poll, "close")
        await service.admin.request("DELETE", f"/v1/admin/polls/{poll}", json={"confirm": poll})
        await until(lambda: site.types == ["poll.opened", "poll.closed"])
        left = f"{service.store.connection.namespace}:{{p:{poll}}}:outbox"
        await until(lambda: _is_absent(service, left))


async def _is_absent(service: Service, key: str) -> bool:
    return not await service.store.connection.client.exists(key)


BAD_URLS = {
    "no url": "hook",
    "no host": "https://",
    "other scheme": "ftp://example.org/",
    "login": "https://me:secret@example.org/",
    "user": "https://me@example.org/",
    "fragment": "https://example.org/#a",
    "blank": "https://example.org/a b",
    "loopback": "https://127.0.0.1/",
    "by name": "https://localhost/",
    "as a number": "https://2130706433/",
    "short": "https://127.1/",
    "hex": "https://0x7f.0.0.1/",
    "v6": "https://[::1]/",
    "mapped": "https://[::ffff:10.0.0.1]/",
    "private": "https://192.168.1.1/",
    "metadata": "https://169.254.169.254/latest",
    "plain": "http://93.184.215.14/",
    "port": "https://93.184.215.14:99999/",
    "control": "https://exam\tple.org/",
}


@pytest.mark.parametrize("url", BAD_URLS.values(), ids=BAD_URLS.keys())
async def test_create_webhook_with_forbidden_address_returns_422(service: Service, url: str) -> None:
    """Check that an invalid or internal address is 422 at ``url`` on creation."""
    answer = await service.admin.post(HOOKS, json={"url": url})
    assert (answer.status_code, answer.json().get("field")) == (422, "url"), answer.text
    assert (await service.admin.get(HOOKS)).json()["items"] == []


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"events": []}, "events"),
        ({"events": ["poll.renamed"]}, "events[0]"),
        ({"polls": ["No Such Form"]}, "polls[0]"),
        ({"polls": []}, "polls"),
        ({"results": "everybody"}, "results"),
        ({"url": 7}, "url"),
        ({"secret": "mine"}, "secret"),
    ],
)
async def test_create_invalid_webhook_returns_422_with_the_field(
    serve: Serve, fields: dict[str, object], field: str
) -> None:
    """Check that 422 has the invalid field."""
    async with serve(**QUICK) as service:
        answer = await service.admin.post(HOOKS, json={"url": "http://127.0.0.1/", **fields})
        assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text


async def test_webhooks_require_scopes(serve: Serve) -> None:
    """Check that webhooks need the scope webhooks:write, and the operators' view results:read as well."""
    async with serve(**QUICK) as service, receiving() as site:
        keys: dict[str, dict[str, str]] = {}
        for scope in ("keys:write", "webhooks:write"):
            made = await service.admin.post("/v1/admin/keys", json={"name": scope, "scopes": [scope]})
            keys[scope] = {"Authorization": f"Bearer {made.json()['key']}"}
        assert (await service.http.get(HOOKS)).status_code == 401
        assert (await service.http.get(HOOKS, headers=keys["keys:write"])).status_code == 403
        body = {"url": site.url, "results": "operators"}
        refused = await service.http.post(HOOKS, json=body, headers=keys["webhooks:write"])
        assert (refused.status_code, refused.json()["scope"]) == (403, "results:read")
        assert (await service.http.get(HOOKS, headers=keys["webhooks:write"])).status_code == 200
