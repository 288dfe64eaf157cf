"""The embedded store as a process: found, started, killed, orphaned, and in long paths."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from pollwire_server.store.embedded import server as embedded
from pollwire_server.store.embedded.child_process import ProcessIdentity, RestartPolicy
from pollwire_server.store.embedded.server import (
    EmbeddedStore,
    EmbeddedStoreError,
    find_server,
    socket_path_for,
)
from redis.asyncio import Redis

from tests.wait import until


@asynccontextmanager
async def running(data: Path) -> AsyncIterator[EmbeddedStore]:
    """Run a store on ``data``, with restarts."""
    store = EmbeddedStore(data, find_server())
    await store.start()
    watching = asyncio.create_task(store.watch())
    try:
        yield store
    finally:
        await store.stop()
        with suppress(EmbeddedStoreError):
            await watching


@asynccontextmanager
async def client_of(store: EmbeddedStore) -> AsyncIterator[Redis]:
    """Connect a client to the store."""
    client = Redis.from_url(store.url)
    try:
        yield client
    finally:
        await client.aclose()


def socket_of(store: EmbeddedStore) -> Path:
    """Return the path of the socket."""
    return Path(store.url.removeprefix("unix://"))


def mode_of(path: Path) -> int:
    """Return the permission bits."""
    return path.stat().st_mode & 0o777


def is_there(path: Path) -> bool:
    """Return True if the path exists, also as a broken link."""
    return os.path.lexists(path)


async def config(store: EmbeddedStore, name: str) -> str:
    """Return the value of an option of the running server."""
    async with client_of(store) as client:
        return str((await client.config_get(name))[name])


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("appendonly", "yes"),
        ("appendfsync", "always"),
        ("no-appendfsync-on-rewrite", "no"),
        ("save", ""),
        ("maxmemory-policy", "noeviction"),
        ("port", "0"),
    ],
)
async def test_store_options_are_durable_and_private(tmp_path: Path, option: str, value: str) -> None:
    async with running(tmp_path) as store:
        assert await config(store, option) == value


async def test_socket_is_private(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        assert mode_of(socket_of(store)) == 0o700
        assert mode_of(socket_of(store).parent) == 0o700


async def test_killed_store_restarts_with_its_data(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        first = store.pid
        assert first is not None
        async with client_of(store) as client:
            await client.set("k", "v")
        os.kill(first, signal.SIGKILL)
        await until(lambda: store.pid not in (None, first))
        await until(lambda: answers(store), within_s=2)
        async with client_of(store) as client:
            assert await client.get("k") == b"v"


async def answers(store: EmbeddedStore) -> bool:
    """Return True if the store answers."""
    with suppress(Exception):
        async with client_of(store) as client:
            return bool(await client.ping())
    return False


async def test_stopped_store_leaves_only_data(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        process = ProcessIdentity.of(store.pid or 0)
        socket = socket_of(store)
    assert process is not None
    assert not process.runs
    assert not is_there(socket)
    assert (tmp_path / "store" / "appendonlydir").is_dir()


async def test_long_data_folder_path_gets_short_socket_path(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a folder with a long name"] * 8)
    deep.mkdir(parents=True)
    async with running(deep) as store:
        socket = socket_of(store)
        assert await answers(store)
    assert len(os.fsencode(socket)) <= embedded.SOCKET_PATH_LIMIT
    assert not is_there(socket.parent)
    async with running(deep) as store:
        assert store.url == f"unix://{socket}"


def test_socket_folder_with_open_permissions_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user could have prepared it."""
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    private = socket_path_for(deep).parent
    try:
        private.chmod(0o755)
        with pytest.raises(EmbeddedStoreError, match="other users can access it"):
            socket_path_for(deep)
    finally:
        private.rmdir()


async def test_store_ends_with_killed_supervisor(tmp_path: Path) -> None:
    """On Linux the kernel ends it. Elsewhere the next start does."""
    process = await orphan(tmp_path)
    if sys.platform == "linux":
        await until(lambda: not process.runs, within_s=2)
    async with running(tmp_path) as store:
        assert not process.runs
        assert await answers(store)


async def orphan(data: Path) -> ProcessIdentity:
    """Start a store, kill its supervisor and return the identity of the store's process."""
    script = (
        "import asyncio, pathlib, sys\n"
        "from pollwire_server.store.embedded.server import EmbeddedStore, find_server\n"
        "async def main():\n"
        "    store = EmbeddedStore(pathlib.Path(sys.argv[1]), find_server())\n"
        "    await store.start()\n"
        "    print(store.pid, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(data), stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    process = ProcessIdentity.of(int(await parent.stdout.readline()))
    assert process is not None
    parent.kill()
    await parent.communicate()
    return process


async def test_orphaned_store_is_ended_by_next_start(tmp_path: Path) -> None:
    first = EmbeddedStore(tmp_path, find_server())
    await first.start()  # never stopped, so the second store finds it as an orphan
    process = ProcessIdentity.of(first.pid or 0)
    assert process is not None
    async with running(tmp_path) as store:
        assert not process.runs
        assert await answers(store)


async def test_recycled_process_id_is_not_killed(tmp_path: Path) -> None:
    async with running(tmp_path):
        pass
    record = tmp_path / "store" / "store.json"
    stranger = await asyncio.create_subprocess_exec("sleep", "60")
    try:
        record.write_text(f'{{"socket": "", "process": {{"pid": {stranger.pid}, "started": "long ago"}}}}')
        async with running(tmp_path) as store:
            assert await answers(store)
        assert ProcessIdentity.of(stranger.pid) is not None
    finally:
        stranger.kill()
        await stranger.wait()


async def test_process_that_ignores_sigterm_is_killed() -> None:
    stubborn = await asyncio.create_subprocess_exec(
        "sh", "-c", "trap '' TERM; echo on; while :; do sleep 0.1; done", stdout=subprocess.PIPE
    )
    assert stubborn.stdout is not None
    await stubborn.stdout.readline()
    process = ProcessIdentity.of(stubborn.pid)
    assert process is not None
    await process.end(grace_s=0.1)
    await stubborn.communicate()
    assert stubborn.returncode == -signal.SIGKILL


async def test_damaged_data_raises_without_restarts(tmp_path: Path) -> None:
    async with running(tmp_path) as store, client_of(store) as client:
        await client.set("k", "v")
    (tmp_path / "store" / "appendonlydir" / "appendonly.aof.manifest").write_text("nonsense\n")
    with pytest.raises(EmbeddedStoreError, match=r"did not start \(exit code 1\)"):
        await EmbeddedStore(tmp_path, find_server()).start()


def test_find_server_takes_first_supported_version_on_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packaged = find_server()
    monkeypatch.setattr(embedded, "_packaged_server", lambda: None)
    (tmp_path / "valkey-server").write_text("#!/bin/sh\necho 'Redis server v=6.2.1 sha=0'\n")
    (tmp_path / "valkey-server").chmod(0o755)
    shutil.copy(packaged, tmp_path / "redis-server")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    assert find_server() == tmp_path / "redis-server"


def test_find_server_without_supported_version_explains_the_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_packaged_server", lambda: None)
    (tmp_path / "redis-server").write_text("#!/bin/sh\necho 'Redis server v=6.2.1 sha=0'\n")
    (tmp_path / "redis-server").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    with pytest.raises(EmbeddedStoreError, match=r"redis-server is version 6.*--redis URL"):
        find_server()


def test_restart_policy_gives_up_if_process_never_serves() -> None:
    restarts = RestartPolicy()
    pauses = [restarts.pause_after(served=False, lived_s=0.1) for _ in range(RestartPolicy.MAX_FAILURES)]
    assert pauses[0] == 0
    assert None not in pauses[:-1]
    assert pauses[-1] is None


def test_restart_policy_always_restarts_process_that_served() -> None:
    restarts = RestartPolicy()
    pauses = [restarts.pause_after(served=True, lived_s=0.1) for _ in range(50)]
    assert pauses[0] == 0
    assert all(pause is not None and pause <= 1 for pause in pauses)
    assert pauses[-1] is not None
    assert pauses[-1] > 0
    assert restarts.pause_after(served=True, lived_s=3600) == 0
