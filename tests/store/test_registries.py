"""Cached registries: refreshed after changes, and not used for long while the store is unavailable."""

from __future__ import annotations

import asyncio

import pytest
from pollwire_server.domain.errors import StoreUnavailable
from pollwire_server.store import Store, open_store
from pollwire_server.store.registries import REFRESH_INTERVAL_S

from tests.valkey import Valkey
from tests.wait import until


async def test_registry_change_is_visible_to_fresh_read(store: Store) -> None:
    registry = store.api_keys
    assert await registry.read_fresh() == {}
    await registry.put("a", b"1")
    assert await registry.read_fresh() == {"a": b"1"}
    assert await registry.remove("a")
    assert not await registry.remove("a")
    assert await registry.read_fresh() == {}


async def test_registry_change_reaches_other_workers(store: Store, valkey: Valkey) -> None:
    other = await open_store(valkey.url, store.connection.namespace)
    tasks = [asyncio.create_task(other.notifications.run()), asyncio.create_task(other.api_keys.run())]
    await other.notifications.subscribed()
    await until(other.api_keys.is_fresh)
    await store.api_keys.put("a", b"1")
    await until(lambda: "a" in other.api_keys.members, within_s=REFRESH_INTERVAL_S / 2)
    await cancel_all(tasks, other)


async def test_registry_refresh_replaces_lost_notification(store: Store, valkey: Valkey) -> None:
    deaf = await open_store(valkey.url, store.connection.namespace)
    task = asyncio.create_task(deaf.api_keys.run())
    await until(deaf.api_keys.is_fresh)
    await store.api_keys.put("a", b"1")
    await until(lambda: "a" in deaf.api_keys.members, within_s=2 * REFRESH_INTERVAL_S)
    await cancel_all([task], deaf)


async def test_cached_members_expire_without_store(own_valkey: Valkey) -> None:
    store = await open_store(own_valkey.url)
    await store.api_keys.put("a", b"1")
    assert await store.api_keys.read_fresh() == {"a": b"1"}
    own_valkey.kill()
    assert await store.api_keys.read_fresh() == {"a": b"1"}
    with pytest.raises(StoreUnavailable):
        await store.api_keys.read_fresh(0)
    assert store.api_keys.is_fresh()
    assert not store.api_keys.is_fresh(0)
    await store.close()


async def test_last_use_is_written_once_a_minute(store: Store) -> None:
    uses = store.api_key_uses
    uses.touch("a")
    await uses.flush()
    first = await uses.all()
    assert set(first) == {"a"}
    uses.touch("a")
    await uses.flush()
    assert await uses.all() == first
    await uses.discard("a")
    assert await uses.all() == {}


async def cancel_all(tasks: list[asyncio.Task[None]], store: Store) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await store.close()
