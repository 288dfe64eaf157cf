"""What waits for a site: put once, claimed by one, in order within a poll, and given up visibly."""

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
    """One that no other test knows."""
    return secrets.token_hex(6)


async def put(
    store: Store, hook: str, *events: str, ordering_key: str = "lunch", kind: str = "poll.closed"
) -> None:
    """Events, by their ids, that wait in a ordering_key."""
    waiting = [(hook, QueuedEvent(ordering_key, event, kind, event.encode())) for event in events]
    assert all(await store.delivery_queue.enqueue(waiting))


async def claims(store: Store, hook: str, most: int = 9, lease_ms: int = LEASE_MS) -> list[ClaimedEvent]:
    """What may be told now."""
    return (await store.delivery_queue.claim({hook: most}, lease_ms))[hook].claims


async def ids(store: Store, hook: str) -> list[str]:
    """The ids of what may be told now."""
    return [claim.id for claim in await claims(store, hook)]


async def test_an_event_is_put_once(store: Store) -> None:
    """Handed on twice, also after it was told, an event waits once."""
    hook = webhook()
    await put(store, hook, "a", "a")
    (claim,) = await claims(store, hook)
    await store.delivery_queue.record_attempt(hook, claim, "delivered")
    await put(store, hook, "a")
    assert await claims(store, hook) == []


async def test_strands_keep_their_order_and_do_not_wait(store: Store) -> None:
    """Of one poll the next is told after the one before it; other polls go on meanwhile."""
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


async def test_progress_gives_way_to_newer_progress(store: Store) -> None:
    """Nobody has stale totals waiting: untried progress is replaced, all else stays."""
    hook = webhook()
    await put(store, hook, "opened", kind="poll.opened")
    await put(store, hook, "p1", "p2", "p3", kind="poll.progress")
    await put(store, hook, "closed")
    told = []
    while found := await claims(store, hook):
        told += [claim.id for claim in found]
        await store.delivery_queue.record_attempt(hook, found[0], "delivered")
    assert told == ["opened", "p3", "closed"]


async def test_claims_of_many_workers(store: Store) -> None:
    """Whoever asks at one time, each event is claimed by one."""
    hook = webhook()
    for ordering_key in range(20):
        await put(store, hook, f"e{ordering_key}", ordering_key=f"poll-{ordering_key}")
    found = await asyncio.gather(*(claims(store, hook, most=3) for _ in range(10)))
    taken = [claim.id for each in found for claim in each]
    assert len(taken) == len(set(taken)) == 20


async def test_a_worker_killed_between_claim_and_answer(store: Store, valkey: Valkey) -> None:
    """What a killed worker had claimed is another's once the lease has ended, as the second try."""
    hook = webhook()
    await put(store, hook, "a")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CLAIM_AND_DIE, valkey.url, store.connection.namespace, hook
    )
    assert await process.wait() == -signal.SIGKILL
    taken: list[ClaimedEvent] = []

    async def is_taken() -> bool:
        taken.extend(await claims(store, hook))
        return bool(taken)

    await until(is_taken)
    assert (taken[0].id, taken[0].tries) == ("a", 2)


async def test_a_late_answer_undoes_nothing(store: Store) -> None:
    """A worker whose lease ended cannot put off what another tells, and a late success still counts."""
    hook = webhook()
    await put(store, hook, "a", "b")
    (late,) = await claims(store, hook, lease_ms=0)
    (again,) = await claims(store, hook)
    await store.delivery_queue.record_attempt(hook, late, "failed", pause_ms=None, error="too late")
    assert (await store.delivery_queue.state(hook)).failures == 0
    await store.delivery_queue.record_attempt(hook, late, "delivered")
    await store.delivery_queue.record_attempt(hook, again, "failed", pause_ms=None, error="told already")
    assert (await store.delivery_queue.state(hook)).disabled_at is None
    assert await ids(store, hook) == ["b"]


async def test_what_is_released_was_not_tried(store: Store) -> None:
    """A worker that stops gives its claim back: it may be told at once, as the same try."""
    hook = webhook()
    await put(store, hook, "a")
    (claim,) = await claims(store, hook)
    await store.delivery_queue.record_attempt(hook, claim, "released")
    assert await claims(store, hook) == [claim]


async def _told_to_the_last(store: Store, hook: str, **before: Any) -> str:
    (claim,) = await claims(store, hook)
    return await store.delivery_queue.record_attempt(hook, claim, "failed", error="answered 500", **before)


async def test_the_last_try_gives_a_dead_site_up(store: Store) -> None:
    """Where nothing got through since the first try, the site is given up and takes nothing more."""
    hook = webhook()
    await put(store, hook, "a", "b")
    assert await _told_to_the_last(store, hook) == "answered 500"
    state = await store.delivery_queue.state(hook)
    assert (state.disabled_reason, state.waiting, state.dropped) == ("answered 500", 0, 2)
    await put(store, hook, "c")
    assert await claims(store, hook) == []
    await store.delivery_queue.enable(hook)
    await put(store, hook, "d")
    assert await ids(store, hook) == ["d"]


async def test_the_last_try_drops_an_event_that_a_site_cannot_bear(store: Store) -> None:
    """Where other events got through meanwhile, the one is dropped and its poll goes on."""
    hook = webhook()
    await put(store, hook, "a", "b", ordering_key="x")
    await put(store, hook, "c", ordering_key="y")
    bad, good = await claims(store, hook)
    await store.delivery_queue.record_attempt(hook, good, "delivered")
    assert await store.delivery_queue.record_attempt(hook, bad, "failed", error="answered 500") == ""
    assert (await store.delivery_queue.state(hook)).dropped == 1
    assert await ids(store, hook) == ["b"]


async def test_a_site_that_lets_too_much_pile_up(store: Store) -> None:
    """More than ten thousand events wait for nobody: the site is given up, and says why."""
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


async def test_a_forgotten_webhook_leaves_nothing(store: Store) -> None:
    """Of a deleted webhook nothing stays for long, whoever still puts events to it."""
    hook = webhook()
    await put(store, hook, "a")
    await store.delivery_queue.forget(hook)
    await put(store, hook, "b")
    keys = [key async for key in store.connection.client.scan_iter(f"*webhook:{hook}*")]
    assert [key.rpartition(b":")[2] for key in keys] == [b"state"]
    assert await store.connection.client.pttl(keys[0]) > 0
