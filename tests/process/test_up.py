"""``pollwire up`` from the outside: what it starts, what it says, and how it ends."""

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
    """Who may do what with it."""
    return path.stat().st_mode & 0o777


def seen_of(process: ProcessIdentity) -> str:
    """What a process was told in arguments and environment."""
    return "".join(Path(f"/proc/{process.pid}/{name}").read_text() for name in ("cmdline", "environ"))


async def test_it_starts_serves_and_stops_with_zero(up: Start) -> None:
    """Started, it says where it is ready and is; SIGTERM ends every process of it, and the exit code is 0."""
    service = await (await up("--workers", "2").start()).ready()
    async with service.client() as client:
        assert (await client.get("/readyz")).status_code == 200
    processes = [service.store, *service.workers]
    assert len(processes) == 3
    assert await service.stop() == 0
    assert not [process for process in processes if process.runs]
    assert not (service.data / "service.json").exists()


async def test_ctrl_c_stops_it_the_same_way(up: Start) -> None:
    """SIGINT drains and exits 0, without a traceback."""
    service = await (await up().start()).ready()
    service.signal(signal.SIGINT)
    assert await service.ended() == 0
    assert "Traceback" not in service.err


async def test_a_stop_before_it_is_ready_is_a_stop(up: Start) -> None:
    """Told to end in the middle of its start, it ends with 0 and leaves no process."""
    service = await up().start()
    await until((service.data / "service.json").exists, within_s=20)
    processes = [service.store, *service.workers]
    assert await service.stop() == 0
    assert not [process for process in processes if process.runs]


async def test_it_runs_in_a_folder_that_has_a_service_of_its_own(up: Start, tmp_path: Path) -> None:
    """A package named ``service`` where the command is run is never taken for ours."""
    (tmp_path / "service").mkdir()
    (tmp_path / "service" / "__init__.py").write_text("raise SystemExit('a stranger')\n")
    service = up()
    service.cwd = tmp_path
    await (await service.start()).ready()
    assert await service.stop() == 0


async def test_the_data_folder_is_its_owners_alone(up: Start) -> None:
    """Folder, secret, key and record can be read by nobody else."""
    service = await (await up().start()).ready()
    assert mode_of(service.data) == 0o700
    for name in ("secret", "admin-key", "service.json", "lock"):
        assert mode_of(service.data / name) == 0o600, name


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_no_secret_is_in_an_argument_or_the_environment_of_a_worker(up: Start) -> None:
    """Other users of the machine may read command lines, so secrets travel by a pipe."""
    key = "an-operators-key-of-this-test"
    service = await (await up(POLLWIRE_ADMIN_KEY=key).start()).ready()
    secret = (service.data / "secret").read_text().strip()
    for worker in service.workers:
        seen = seen_of(worker)
        assert "pollwire_server.server" in seen
        assert key not in seen
        assert secret not in seen


async def test_the_key_is_shown_once_and_kept(up: Start) -> None:
    """The first start prints the operator's key; the second keeps it and does not print it again."""
    first = await (await up().start()).ready()
    key = first.key
    assert key in first.out
    await first.stop()
    second = await (await up().start()).ready()
    assert second.key == key
    assert key not in second.out


async def test_a_restart_keeps_polls_and_votes(up: Start) -> None:
    """What was counted before a stop is there after the next start."""
    first = await (await up().start()).ready()
    await first.make_poll()
    assert (await first.vote()).status_code == 200
    await first.stop()
    second = await (await up().start()).ready()
    assert await second.voters() == 1


async def test_a_second_service_on_the_same_folder_is_refused(up: Start) -> None:
    """The second start ends at once with one sentence that says where the first runs, unharmed."""
    first = await (await up().start()).ready()
    second = await up().start()
    assert await second.ended() == 1
    assert second.err.count("\n") == 1
    assert "already runs" in second.err
    assert first.url in second.err
    async with first.client() as client:
        assert (await client.get("/readyz")).status_code == 200


async def test_a_taken_port_is_refused(up: Start, tmp_path: Path) -> None:
    """A port on which another pollwire listens is refused, although both would be able to share it."""
    first = await (await up().start()).ready()
    port = first.url.rpartition(":")[2]
    second = await up("--port", port, data=tmp_path / "other").start()
    assert await second.ended() == 1
    assert "the port is already in use" in second.err


async def test_a_deep_data_folder_works(up: Start, tmp_path: Path) -> None:
    """However long the folder's path is, votes count."""
    deep = tmp_path.joinpath(*["a rather long name of a folder"] * 6)
    service = await (await up(data=deep).start()).ready()
    await service.make_poll()
    assert (await service.vote()).status_code == 200
    await service.stop()


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"POLLWIRE_STREAM_HZ": "often"}, "POLLWIRE_STREAM_HZ must be a number"),
        ({"POLLWIRE_REDIS_URL": "redis://127.0.0.1:1"}, "With --redis, set POLLWIRE_SECRET"),
        ({"POLLWIRE_HOST": "203.0.113.1"}, "Cannot listen on 203.0.113.1"),
    ],
)
async def test_a_bad_setting_is_one_clear_sentence(up: Start, environ: dict[str, str], told: str) -> None:
    """Whatever is set wrongly ends the start at once, with a sentence and no traceback."""
    service = await up(**environ).start()
    assert await service.ended() in (1, 2)
    assert told in service.err
    assert service.err.count("\n") == 1


async def test_a_data_folder_that_cannot_be_is_told(up: Start, tmp_path: Path) -> None:
    """A file in the place of the folder is one sentence."""
    (tmp_path / "file").write_text("")
    service = await up(data=tmp_path / "file" / "d").start()
    assert await service.ended() == 1
    assert "cannot be used" in service.err


async def test_a_shared_store_serves_without_a_private_one(up: Start, valkey: Valkey) -> None:
    """With ``--redis`` nothing of the store is started or kept here, and the key is the one that was set."""
    environ = {"POLLWIRE_SECRET": "s" * 32, "POLLWIRE_ADMIN_KEY": "k" * 32}
    service = await (await up("--redis", valkey.url, **environ).start()).ready()
    async with service.client() as client:
        assert (await client.get("/v1/admin/polls")).status_code == 200
    assert sorted(path.name for path in service.data.iterdir()) == ["lock", "service.json"]
    assert await service.stop() == 0
    assert ProcessIdentity.of(valkey.pid) is not None


async def test_a_shared_store_without_any_key_is_refused(up: Start, own_valkey: Valkey) -> None:
    """Nobody could run a poll there, and it is told before anything serves; a key in the store is enough."""
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
    key = {"Authorization": f"Bearer {made['key']}"}
    async with httpx.AsyncClient(base_url=url) as client:
        assert (await client.get("/v1/admin/polls", headers=key)).status_code == 200
        assert (await client.post("/v1/admin/polls", headers=key)).status_code == 403
    assert await service.stop() == 0


async def test_a_shared_store_needs_no_data_folder(up: Start, valkey: Valkey, tmp_path: Path) -> None:
    """With ``--redis`` a folder that cannot be written is a warning: the service serves."""
    (tmp_path / "file").write_text("")
    environ = {"POLLWIRE_SECRET": "s" * 32, "POLLWIRE_ADMIN_KEY": "k" * 32}
    service = await up("--redis", valkey.url, data=tmp_path / "file" / "d", **environ).start()
    await service.ready()
    assert "cannot be used" in service.err
    assert await service.stop() == 0


async def test_a_shared_store_that_is_away_is_waited_for(up: Start, own_valkey: Valkey) -> None:
    """Without its store the service answers 503 and is not ready; once the store is there, it is."""
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


async def test_the_demo_polls_are_made_once(up: Start) -> None:
    """``--demo`` makes the closed poll and the open one, and a second start leaves them as they are."""
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


async def test_logs_can_be_read_by_machines(up: Start) -> None:
    """With ``POLLWIRE_LOG_FORMAT=json`` every line of every process's log is a JSON object."""
    service = await (await up("--workers", "2", POLLWIRE_LOG_FORMAT="json").start()).ready()
    assert await service.stop() == 0
    lines = [json.loads(line) for line in service.err.splitlines()]
    assert {"server", "supervisor"} <= {line["logger"] for line in lines}
