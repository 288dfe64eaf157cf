"""``pollwire up`` as a process: what it starts and prints, and how it stops."""

from __future__ import annotations

import json
import signal
import socket
import sys
from pathlib import Path

import httpx
import pytest
from pollwire_server.admin.api_keys import ApiKeyAdmin
from pollwire_server.auth.api_keys import EVERY_SCOPE, Operator
from pollwire_server.store import open_store
from pollwire_server.store.embedded.child_process import ProcessIdentity

from tests.process.conftest import Start
from tests.valkey import Valkey
from tests.wait import until


def mode_of(path: Path) -> int:
    """Return the permission bits."""
    return path.stat().st_mode & 0o777


def arguments_and_environment(process: ProcessIdentity) -> str:
    """Return the arguments and the environment of a process."""
    return "".join(Path(f"/proc/{process.pid}/{name}").read_text() for name in ("cmdline", "environ"))


async def test_sigterm_stops_all_processes_with_exit_code_0(up: Start) -> None:
    service = await (await up("--workers", "2").start()).ready()
    async with service.client() as client:
        assert (await client.get("/readyz")).status_code == 200
    processes = [service.store, *service.workers]
    assert len(processes) == 3
    assert await service.stop() == 0
    assert not [process for process in processes if process.runs]
    assert not (service.data / "service.json").exists()


async def test_sigint_stops_service_without_traceback(up: Start) -> None:
    service = await (await up().start()).ready()
    service.signal(signal.SIGINT)
    assert await service.ended() == 0
    assert "Traceback" not in service.err


async def test_sigterm_during_start_stops_all_processes_with_exit_code_0(up: Start) -> None:
    service = await up().start()
    await until((service.data / "service.json").exists, within_s=20)
    processes = [service.store, *service.workers]
    assert await service.stop() == 0
    assert not [process for process in processes if process.runs]


async def test_working_directory_is_not_searched_for_modules(up: Start, tmp_path: Path) -> None:
    (tmp_path / "service").mkdir()
    (tmp_path / "service" / "__init__.py").write_text("raise SystemExit('a stranger')\n")
    service = up()
    service.cwd = tmp_path
    await (await service.start()).ready()
    assert await service.stop() == 0


async def test_data_folder_is_private(up: Start) -> None:
    service = await (await up().start()).ready()
    assert mode_of(service.data) == 0o700
    for name in ("secret", "admin-key", "service.json", "lock"):
        assert mode_of(service.data / name) == 0o600, name


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_secrets_are_not_in_arguments_or_environment_of_workers(up: Start) -> None:
    """Other users of the machine may read command lines."""
    key = "an-operators-key-of-this-test"
    service = await (await up(POLLWIRE_ADMIN_KEY=key).start()).ready()
    secret = (service.data / "secret").read_text().strip()
    for worker in service.workers:
        seen = arguments_and_environment(worker)
        assert "pollwire_server.server" in seen
        assert key not in seen
        assert secret not in seen


async def test_restart_keeps_polls_and_votes(up: Start) -> None:
    first = await (await up().start()).ready()
    await first.make_poll()
    assert (await first.vote()).status_code == 200
    await first.stop()
    second = await (await up().start()).ready()
    assert await second.voters() == 1


async def test_second_service_on_the_same_data_folder_is_rejected(up: Start) -> None:
    first = await (await up().start()).ready()
    second = await up().start()
    assert await second.ended() == 1
    assert second.err.count("\n") == 1
    assert "already runs" in second.err
    assert first.url in second.err
    async with first.client() as client:
        assert (await client.get("/readyz")).status_code == 200


async def test_port_in_use_is_rejected(up: Start, tmp_path: Path) -> None:
    """Although both services would be able to share it."""
    first = await (await up().start()).ready()
    port = first.url.rpartition(":")[2]
    second = await up("--port", port, data=tmp_path / "other").start()
    assert await second.ended() == 1
    assert "the port is already in use" in second.err


async def test_long_data_folder_path_works(up: Start, tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a rather long name of a folder"] * 6)
    service = await (await up(data=deep).start()).ready()
    await service.make_poll()
    assert (await service.vote()).status_code == 200
    await service.stop()


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"POLLWIRE_STREAM_HZ": "often"}, "POLLWIRE_STREAM_HZ must be a number"),
        ({"POLLWIRE_REDIS_URL": "redis://127.0.0.1:1"}, "With --redis, set POLLWIRE_SECRET"),
        ({"POLLWIRE_HOST": "203.0.113.1"}, "Cannot listen on 203.0.113.1"),
    ],
    ids=["number", "missing secret", "address"],
)
async def test_invalid_setting_prints_one_line(up: Start, environ: dict[str, str], message: str) -> None:
    service = await up(**environ).start()
    assert await service.ended() in (1, 2)
    assert message in service.err
    assert len([line for line in service.err.splitlines() if "Admin key created" not in line]) == 1


async def test_unusable_data_folder_is_reported(up: Start, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    service = await up(data=tmp_path / "file" / "d").start()
    assert await service.ended() == 1
    assert "cannot be used" in service.err


async def test_shared_store_starts_no_embedded_store(up: Start, valkey: Valkey) -> None:
    environ = {"POLLWIRE_SECRET": "s" * 32, "POLLWIRE_ADMIN_KEY": "k" * 32}
    service = await (await up("--redis", valkey.url, **environ).start()).ready()
    async with service.client() as client:
        assert (await client.get("/v1/admin/polls")).status_code == 200
    assert sorted(path.name for path in service.data.iterdir()) == ["lock", "service.json"]
    assert await service.stop() == 0
    assert ProcessIdentity.of(valkey.pid) is not None


async def test_shared_store_without_any_api_key_is_rejected(up: Start, own_valkey: Valkey) -> None:
    """A key in the store is enough."""
    service = await up("--redis", own_valkey.url, POLLWIRE_SECRET="s" * 32).start()
    assert await service.ended() == 1
    assert "With --redis, set POLLWIRE_ADMIN_KEY" in service.err
    assert "ready (process" not in service.err
    store = await open_store(own_valkey.url)
    made = await ApiKeyAdmin(store).create(
        {"name": "night desk", "scopes": ["polls:read"]}, Operator("admin", EVERY_SCOPE)
    )
    await store.close()
    service = await (await up("--redis", own_valkey.url, POLLWIRE_SECRET="s" * 32).start()).ready()
    url = json.loads((service.data / "service.json").read_bytes())["url"]
    key = {"Authorization": f"Bearer {made.key}"}
    async with httpx.AsyncClient(base_url=url) as client:
        assert (await client.get("/v1/admin/polls", headers=key)).status_code == 200
        assert (await client.post("/v1/admin/polls", headers=key)).status_code == 403
    assert await service.stop() == 0


async def test_shared_store_works_without_data_folder(up: Start, valkey: Valkey, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    environ = {"POLLWIRE_SECRET": "s" * 32, "POLLWIRE_ADMIN_KEY": "k" * 32}
    service = await up("--redis", valkey.url, data=tmp_path / "file" / "d", **environ).start()
    await service.ready()
    assert "cannot be used" in service.err
    assert await service.stop() == 0


async def test_start_waits_for_unreachable_shared_store(up: Start, own_valkey: Valkey) -> None:
    own_valkey.kill()
    environ = {"POLLWIRE_SECRET": "s" * 32, "POLLWIRE_ADMIN_KEY": "k" * 32}
    service = await up("--redis", own_valkey.url, **environ).start()
    await until(lambda: "ready (process" in service.err, within_s=20)
    assert "Pollwire is ready" not in service.out
    url = json.loads((service.data / "service.json").read_bytes())["url"]
    with socket.create_connection(url.removeprefix("http://").split(":")) as plain:
        plain.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert plain.recv(64).startswith(b"HTTP/1.1 503")
    own_valkey.start()
    await service.ready()


async def test_demo_polls_are_created_once(up: Start) -> None:
    first = await (await up("--demo").start()).ready()
    async with first.client() as client:
        past = (await client.get("/v1/polls/ghana-2024")).json()
        live = (await client.get("/v1/polls/ghana-2024-live")).json()
    assert (past["phase"], live["phase"]) == ("closed", "open")
    assert past["question"] == live["question"]
    assert (past["opens_at"], past["closes_at"]) == ("2024-07-02T00:00:00.000Z", "2024-11-01T00:00:00.000Z")
    await first.stop()
    second = await (await up("--demo").start()).ready()
    async with second.client() as client:
        assert (await client.get("/v1/polls/ghana-2024-live")).json() == live


async def test_json_log_format_applies_to_all_processes(up: Start) -> None:
    service = await (await up("--workers", "2", POLLWIRE_LOG_FORMAT="json").start()).ready()
    assert await service.stop() == 0
    lines = [json.loads(line) for line in service.err.splitlines()]
    assert {"server", "supervisor"} <= {line["logger"] for line in lines}
