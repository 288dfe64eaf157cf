"""The durability check of an external store: its settings are read, and weak ones reported."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pollwire_server.store import Store, open_store
from pollwire_server.store.durability_check import DurabilityMonitor

from tests.api.conftest import serving
from tests.valkey import Valkey
from tests.wait import until


@pytest.fixture
async def given(own_valkey: Valkey) -> AsyncIterator[Store]:
    """Open a store on a server whose settings only this test changes."""
    store = await open_store(own_valkey.url)
    yield store
    await store.close()


async def test_embedded_settings_have_no_weakness(given: Store) -> None:
    assert await given.durability_monitor.check() == ()


@pytest.mark.parametrize(
    ("setting", "value", "reported"),
    [
        ("maxmemory-policy", "allkeys-lru", "may evict votes"),
        ("appendonly", "no", "all answered votes since its last snapshot"),
        ("appendfsync", "everysec", "up to one second of answered votes"),
        ("appendfsync", "no", "the last half minute of answered votes"),
    ],
)
async def test_weak_setting_is_reported(given: Store, setting: str, value: str, reported: str) -> None:
    await given.connection.client.config_set(setting, value)
    (note,) = await given.durability_monitor.check()
    assert reported in note
    assert f"set {setting}" in note


async def test_forbidden_config_get_is_reported(given: Store) -> None:
    await given.connection.client.execute_command("ACL", "SETUSER", "default", "-config")
    (note,) = await given.durability_monitor.check()
    assert "does not allow CONFIG GET" in note
    assert given.connection.is_up


class Elsewhere:
    """A connection to servers with the given clock offsets in seconds, and the given version."""

    def __init__(self, store: Store, *, clocks: list[float], version: str) -> None:
        self._store, self._clocks, self._version = store, clocks, version

    async def on_all_masters(self, *words: str) -> Any:
        """Call the real connection, and replace the replies to TIME and INFO."""
        if words[0] == "TIME":
            real = await self._store.connection.on_all_masters("TIME")
            return {place: (real[0] + late, real[1]) for place, late in enumerate(self._clocks)}
        if words[0] == "INFO":
            return {"redis_version": self._version}
        return await self._store.connection.on_all_masters(*words)


@pytest.mark.parametrize(
    ("clocks", "version", "reported"),
    [
        ([0], "8.1.0", []),
        ([3600], "8.1.0", ["and of this machine"]),
        ([-3600], "8.1.0", ["and of this machine"]),
        ([0, 4], "8.1.0", ["clocks of the store's servers"]),
        ([0], "7.0.15", ["Redis 7.0.15"]),
        ([0], "7.2.4", []),
    ],
)
async def test_clock_skew_and_old_version_are_reported(
    given: Store, clocks: list[float], version: str, reported: list[str]
) -> None:
    elsewhere: Any = Elsewhere(given, clocks=clocks, version=version)
    notes = await DurabilityMonitor(elsewhere).check()
    assert len(notes) == len(reported)
    assert all(part in note for part, note in zip(reported, notes, strict=True))


async def test_weakness_is_shown_by_readyz_and_logged_once(
    given: Store, own_valkey: Valkey, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "pollwire.store")
    await given.connection.client.config_set("appendfsync", "everysec")
    async with serving(given, own_valkey.url) as service:

        async def notes() -> list[str]:
            body: dict[str, list[str]] = (await service.admin.get("/readyz")).json()
            return body.get("notes", [])

        await until(notes)
        assert "appendfsync everysec" in (await notes())[0]
        ready = await service.http.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (200, "ready")
        own_valkey.restart()  # restores the settings of its start: fsync always

        async def is_fixed() -> bool:
            return not await notes()

        await until(is_fixed, within_s=20)
    assert sum("appendfsync everysec" in record.getMessage() for record in caplog.records) == 1
