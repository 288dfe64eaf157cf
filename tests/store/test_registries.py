"""Rosters: known by heart, read again when they change, and not believed for long without the store."""

from __future__ import annotations

import asyncio

import pytest
from pollwire_server.domain.errors import StoreUnavailable
from pollwire_server.store import Store, open_store
from pollwire_server.store.registries import REFRESH_INTERVAL_S

from tests.valkey import Valkey
from tests.wait import until


async def test_a_change_is_read_by_whoever_asks_anew(store: Store) -> None:
    """What was put is among the members read afterwards, and what was struck off is not."""
    roster = store.api_keys
    assert await roster.fresh() == {}
    await roster.put("a", b"1")
    assert await roster.fresh() == {"a": b"1"}
    assert await roster.remove("a")
    assert not await roster.remove("a")
    assert await roster.fresh() == {}


async def test_others_hear_of_a_change(store: Store, valkey: Valkey) -> None:
    """Another process has the new members long before it would look by itself."""
    other = await open_store(valkey.url, store.connection.namespace)
    tasks = [asyncio.create_task(other.notifications.run()), asyncio.create_task(other.api_keys.run())]
    await other.notifications.subscribed()
    await until(other.api_keys.is_fresh)
    await store.api_keys.put("a", b"1")
    await until(lambda: "a" in other.api_keys.members, within_s=REFRESH_INTERVAL_S / 2)
    await _end(tasks, other)


async def test_a_lost_notice_is_made_up_for(store: Store, valkey: Valkey) -> None:
    """Who hears nothing looks for itself."""
    deaf = await open_store(valkey.url, store.connection.namespace)
    task = asyncio.create_task(deaf.api_keys.run())
    await until(deaf.api_keys.is_fresh)
    await store.api_keys.put("a", b"1")
    await until(lambda: "a" in deaf.api_keys.members, within_s=2 * REFRESH_INTERVAL_S)
    await _end([task], deaf)


async def test_without_the_store_nothing_is_believed_for_long(own_valkey: Valkey) -> None:
    """What was read a moment ago counts; asked for something newer, a roster says that the store is away."""
    store = await open_store(own_valkey.url)
    await store.api_keys.put("a", b"1")
    assert await store.api_keys.fresh() == {"a": b"1"}
    own_valkey.kill()
    assert await store.api_keys.fresh() == {"a": b"1"}
    with pytest.raises(StoreUnavailable):
        await store.api_keys.fresh(0)
    assert store.api_keys.is_fresh()
    assert not store.api_keys.is_fresh(0)
    await store.close()


async def test_uses_are_noted_once_a_minute(store: Store) -> None:
    """The first use is written down, and no other while it stands for the minute."""
    uses = store.api_key_uses
    uses.touch("a")
    await uses.flush()
    first = await uses.all()
    assert set(first) == {"a"}
    uses.touch("a")
    await uses.flush()
    assert await uses.all() == first
    await uses.forget("a")
    assert await uses.all() == {}


async def _end(tasks: list[asyncio.Task[None]], store: Store) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await store.close()
