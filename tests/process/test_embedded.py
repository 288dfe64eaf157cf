"""The private store as a process of its own: found, started, killed, orphaned, and in deep folders."""

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
    """A watched store on ``data``, stopped with the block."""
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
    """A plain client of the store."""
    client = Redis.from_url(store.url)
    try:
        yield client
    finally:
        await client.aclose()


def socket_of(store: EmbeddedStore) -> Path:
    """The socket on which it listens."""
    return Path(store.url.removeprefix("unix://"))


def mode_of(path: Path) -> int:
    """Who may do what with it."""
    return path.stat().st_mode & 0o777


def is_there(path: Path) -> bool:
    """Whether anything has this name."""
    return os.path.lexists(path)


async def config(store: EmbeddedStore, name: str) -> str:
    """What the running server says of one of its options."""
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
async def test_the_store_is_durable_and_private(tmp_path: Path, option: str, value: str) -> None:
    """The server itself says that it fsyncs always, evicts nothing, and listens on no port."""
    async with running(tmp_path) as store:
        assert await config(store, option) == value


async def test_nobody_else_can_reach_the_socket(tmp_path: Path) -> None:
    """Folder and socket are their owner's alone."""
    async with running(tmp_path) as store:
        assert mode_of(socket_of(store)) == 0o700
        assert mode_of(socket_of(store).parent) == 0o700


async def test_what_was_written_survives_a_kill(tmp_path: Path) -> None:
    """A store killed right after an answer comes back by itself, at its old address, with all it knew."""
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
    """Whether the store answers just now."""
    with suppress(Exception):
        async with client_of(store) as client:
            return bool(await client.ping())
    return False


async def test_a_store_stopped_in_order_leaves_only_data(tmp_path: Path) -> None:
    """After a stop no process, no socket and no mark of one is left, and the data is."""
    async with running(tmp_path) as store:
        mark = ProcessIdentity.of(store.pid or 0)
        socket = socket_of(store)
    assert mark is not None
    assert not mark.runs
    assert not is_there(socket)
    assert (tmp_path / "store" / "appendonlydir").is_dir()


async def test_a_deep_data_folder_gets_a_short_socket(tmp_path: Path) -> None:
    """A path too long for a socket still gives a working store, with one socket at every start."""
    deep = tmp_path.joinpath(*["a folder with a long name"] * 8)
    deep.mkdir(parents=True)
    async with running(deep) as store:
        socket = socket_of(store)
        assert await answers(store)
    assert len(os.fsencode(socket)) <= embedded.SOCKET_PATH_LIMIT
    assert not is_there(socket.parent)
    async with running(deep) as store:
        assert store.url == f"unix://{socket}"


def test_a_short_socket_folder_that_others_can_enter_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user of the machine cannot prepare the folder in which our store will listen."""
    deep = tmp_path / ("d" * 120)
    private = socket_path_for(deep).parent
    try:
        private.chmod(0o755)
        with pytest.raises(EmbeddedStoreError, match="others can use it"):
            socket_path_for(deep)
    finally:
        private.rmdir()


async def test_the_store_dies_with_a_killed_supervisor(tmp_path: Path) -> None:
    """On Linux the kernel ends the store of a supervisor that was killed; elsewhere the next start does."""
    mark = await orphan(tmp_path)
    if sys.platform == "linux":
        await until(lambda: not mark.runs, within_s=2)
    async with running(tmp_path) as store:
        assert not mark.runs
        assert await answers(store)


async def orphan(data: Path) -> ProcessIdentity:
    """The mark of a store whose supervisor was killed."""
    script = (
        "import asyncio, pathlib, sys\n"
        "from pollwire_server.store.embedded import EmbeddedStore, find_server\n"
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
    mark = ProcessIdentity.of(int(await parent.stdout.readline()))
    assert mark is not None
    parent.kill()
    await parent.communicate()
    return mark


async def test_an_orphan_is_ended_before_the_next_start(tmp_path: Path) -> None:
    """A store that outlived its supervisor, where no kernel ends it, never shares its data with another."""
    first = EmbeddedStore(tmp_path, find_server())
    await first.start()  # never watched nor stopped: for the second, it is somebody else's leftover
    mark = ProcessIdentity.of(first.pid or 0)
    assert mark is not None
    async with running(tmp_path) as store:
        assert not mark.runs
        assert await answers(store)


async def test_a_recycled_process_id_is_never_killed(tmp_path: Path) -> None:
    """A stranger that has the id of a store of long ago survives our start."""
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


async def test_a_process_that_ignores_the_request_is_killed() -> None:
    """Ending a process by its mark does not wait for its goodwill."""
    stubborn = await asyncio.create_subprocess_exec(
        "sh", "-c", "trap '' TERM; echo on; while :; do sleep 0.1; done", stdout=subprocess.PIPE
    )
    assert stubborn.stdout is not None
    await stubborn.stdout.readline()
    mark = ProcessIdentity.of(stubborn.pid)
    assert mark is not None
    await mark.end(grace_s=0.1)
    await stubborn.communicate()
    assert stubborn.returncode == -signal.SIGKILL


async def test_damaged_data_is_one_clear_sentence(tmp_path: Path) -> None:
    """A store that cannot read its data ends the start with its own last words, not in a loop."""
    async with running(tmp_path) as store, client_of(store) as client:
        await client.set("k", "v")
    (tmp_path / "store" / "appendonlydir" / "appendonly.aof.manifest").write_text("nonsense\n")
    with pytest.raises(EmbeddedStoreError, match=r"did not start \(exit code 1\)"):
        await EmbeddedStore(tmp_path, find_server()).start()


def test_without_the_package_a_server_on_the_path_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first server on the PATH that is new enough is taken, and an old one is passed over."""
    packaged = find_server()
    monkeypatch.setattr(embedded, "_packaged_server", lambda: None)
    (tmp_path / "valkey-server").write_text("#!/bin/sh\necho 'Redis server v=6.2.1 sha=0'\n")
    (tmp_path / "valkey-server").chmod(0o755)
    shutil.copy(packaged, tmp_path / "redis-server")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    assert find_server() == tmp_path / "redis-server"


def test_no_server_at_all_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is nothing to run, the error says what to install and what was found instead."""
    monkeypatch.setattr(embedded, "_packaged_server", lambda: None)
    (tmp_path / "redis-server").write_text("#!/bin/sh\necho 'Redis server v=6.2.1 sha=0'\n")
    (tmp_path / "redis-server").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    with pytest.raises(EmbeddedStoreError, match=r"redis-server is version 6.*--redis URL"):
        find_server()


def test_what_never_serves_is_given_up() -> None:
    """A process that never gets to serve is started a few times and then no more."""
    restarts = RestartPolicy()
    pauses = [restarts.pause_after(served=False, lived_s=0.1) for _ in range(RestartPolicy.MOST_FAILURES)]
    assert pauses[0] == 0
    assert None not in pauses[:-1]
    assert pauses[-1] is None


def test_what_served_is_always_started_again() -> None:
    """A process that serves and dies, however often, comes back within a second; a steady one at once."""
    restarts = RestartPolicy()
    pauses = [restarts.pause_after(served=True, lived_s=0.1) for _ in range(50)]
    assert pauses[0] == 0
    assert all(pause is not None and pause <= 1 for pause in pauses)
    assert pauses[-1] is not None
    assert pauses[-1] > 0
    assert restarts.pause_after(served=True, lived_s=3600) == 0
