"""The delivery queue: events are queued once, claimed by one worker, in order for each poll."""

from __future__ import annotations

import asyncio
import secrets
import signal
import sys
from typing import Any

from pollwire_server.store import Store
from pollwire_server.store.webhooks.delivery_queue import ClaimedEvent, QueuedEvent

from tests.valkey import Valkey
from tests.wait import until

LEASE_MS = 60_000
CLAIM_AND_DIE = """
import asyncio, os, signal, sys
from pollwire_server.store import open_store

async def main(url, namespace, webhook):
    store = await open_store(url, namespace)
    found = await store.delivery_queue.claim({webhook: 9}, 300)
    assert len(found[webhook].claims) == 1
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main(*sys.argv[1:]))
"""


def webhook() -> str:
    """Return a new webhook id."""
    return secrets.token_hex(6)


async def put(
    store: Store, hook: str, *events: str, ordering_key: str = "lunch", kind: str = "poll.closed"
) -> None:
    """Queue events, by their ids, under an ordering key."""
    waiting = [(hook, QueuedEvent(ordering_key, event, kind, event.encode())) for event in events]
    assert all(await store.delivery_queue.enqueue(waiting))


async def claims(store: Store, hook: str, most: int = 9, lease_ms: int = LEASE_MS) -> list[ClaimedEvent]:
    """Claim the events that are due."""
    return (await store.delivery_queue.claim({hook: most}, lease_ms))[hook].claims


async def ids(store: Store, hook: str) -> list[str]:
    """Claim the events that are due, and return their ids."""
    return [claim.id for claim in await claims(store, hook)]


async def test_enqueue_twice_delivers_event_once(store: Store) -> None:
    hook = webhook()
    await put(store, hook, "a", "a")
    (claim,) = await claims(store, hook)
    await store.delivery_queue.record_attempt(hook, claim, "delivered")
    await put(store, hook, "a")
    assert await claims(store, hook) == []


async def test_ordering_keys_keep_order_and_are_independent(store: Store) -> None:
    hook = webhook()
    await put(store, hook, "a1", "a2", ordering_key="a")
    await put(store, hook, "b1", ordering_key="b")
    first, other = await claims(store, hook)
    assert (first.id, other.id) == ("a1", "b1")
    assert await claims(store, hook) == []
    await store.delivery_queue.record_attempt(hook, first, "failed", pause_ms=LEASE_MS, error="answered 500")
    assert await claims(store, hook) == []
    await store.delivery_queue.record_attempt(hook, other, "delivered")
    assert (await store.delivery_queue.state(hook)).waiting == 2


async def test_untried_progress_event_is_replaced_by_newer_one(store: Store) -> None:
    hook = webhook()
    await put(store, hook, "opened", kind="poll.opened")
    await put(store, hook, "p1", "p2", "p3", kind="poll.progress")
    await put(store, hook, "closed")
    delivered = []
    while found := await claims(store, hook):
        delivered += [claim.id for claim in found]
        await store.delivery_queue.record_attempt(hook, found[0], "delivered")
    assert delivered == ["opened", "p3", "closed"]


async def test_concurrent_claims_never_share_an_event(store: Store) -> None:
    hook = webhook()
    for ordering_key in range(20):
        await put(store, hook, f"e{ordering_key}", ordering_key=f"poll-{ordering_key}")
    found = await asyncio.gather(*(claims(store, hook, most=3) for _ in range(10)))
    claimed = [claim.id for each in found for claim in each]
    assert len(claimed) == len(set(claimed)) == 20


async def test_claim_of_killed_worker_expires_with_its_lease(store: Store, valkey: Valkey) -> None:
    hook = webhook()
    await put(store, hook, "a")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CLAIM_AND_DIE, valkey.url, store.connection.namespace, hook
    )
    assert await process.wait() == -signal.SIGKILL
    claimed: list[ClaimedEvent] = []

    async def is_taken() -> bool:
        claimed.extend(await claims(store, hook))
        return bool(claimed)

    await until(is_taken)
    assert (claimed[0].id, claimed[0].tries) == ("a", 2)


async def test_late_attempt_result_is_ignored(store: Store) -> None:
    hook = webhook()
    await put(store, hook, "a", "b")
    (late,) = await claims(store, hook, lease_ms=0)
    (again,) = await claims(store, hook)
    await store.delivery_queue.record_attempt(hook, late, "failed", pause_ms=None, error="too late")
    assert (await store.delivery_queue.state(hook)).failures == 0
    await store.delivery_queue.record_attempt(hook, late, "delivered")
    await store.delivery_queue.record_attempt(hook, again, "failed", pause_ms=None, error="lease expired")
    assert (await store.delivery_queue.state(hook)).disabled_at is None
    assert await ids(store, hook) == ["b"]


async def test_released_claim_counts_no_attempt(store: Store) -> None:
    hook = webhook()
    await put(store, hook, "a")
    (claim,) = await claims(store, hook)
    await store.delivery_queue.record_attempt(hook, claim, "released")
    assert await claims(store, hook) == [claim]


async def _deliver_all(store: Store, hook: str, **before: Any) -> str:
    (claim,) = await claims(store, hook)
    return await store.delivery_queue.record_attempt(hook, claim, "failed", error="answered 500", **before)


async def test_last_failed_attempt_disables_dead_webhook(store: Store) -> None:
    hook = webhook()
    await put(store, hook, "a", "b")
    assert await _deliver_all(store, hook) == "answered 500"
    state = await store.delivery_queue.state(hook)
    assert (state.disabled_reason, state.waiting, state.dropped) == ("answered 500", 0, 2)
    await put(store, hook, "c")
    assert await claims(store, hook) == []
    await store.delivery_queue.enable(hook)
    await put(store, hook, "d")
    assert await ids(store, hook) == ["d"]


async def test_last_failed_attempt_drops_event_of_live_webhook(store: Store) -> None:
    hook = webhook()
    await put(store, hook, "a", "b", ordering_key="x")
    await put(store, hook, "c", ordering_key="y")
    bad, good = await claims(store, hook)
    await store.delivery_queue.record_attempt(hook, good, "delivered")
    assert await store.delivery_queue.record_attempt(hook, bad, "failed", error="answered 500") == ""
    assert (await store.delivery_queue.state(hook)).dropped == 1
    assert await ids(store, hook) == ["b"]


async def test_webhook_with_full_queue_is_disabled(store: Store) -> None:
    hook = webhook()
    for start in range(0, 10_000, 1_000):
        waiting = [
            (hook, QueuedEvent(f"p{n}", f"e{n}", "poll.closed", b"{}")) for n in range(start, start + 1_000)
        ]
        assert all(await store.delivery_queue.enqueue(waiting))
    assert (await store.delivery_queue.state(hook)).waiting == 10_000
    await put(store, hook, "one more")
    state = await store.delivery_queue.state(hook)
    assert (state.disabled_reason, state.waiting) == ("too many events wait", 0)


async def test_forgotten_webhook_leaves_no_keys(store: Store) -> None:
    hook = webhook()
    await put(store, hook, "a")
    await store.delivery_queue.discard(hook)
    await put(store, hook, "b")
    keys = [key async for key in store.connection.client.scan_iter(f"*webhook:{hook}*")]
    assert [key.rpartition(b":")[2] for key in keys] == [b"state"]
    assert await store.connection.client.pttl(keys[0]) > 0
