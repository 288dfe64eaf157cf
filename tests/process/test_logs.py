"""Log output of ``pollwire up``: format, level and secrets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.pollwire_process import Up
from tests.process.conftest import Start


def json_lines(service: Up) -> list[dict[str, Any]]:
    """Return all output as JSON objects. Fails for any other line."""
    return [json.loads(line) for line in (service.out + service.err).splitlines()]


async def test_json_format_holds_for_all_output_of_a_first_start(up: Start) -> None:
    service = await (await up("--demo", POLLWIRE_LOG_FORMAT="json").start()).ready()
    assert await service.stop() == 0
    messages = [line["message"] for line in json_lines(service)]
    assert any(message.startswith("Pollwire is ready at http") for message in messages)
    assert f"Admin key created and stored in {service.data / 'admin-key'}" in messages
    assert service.out == ""


@pytest.mark.parametrize("log_format", ["text", "json"])
async def test_admin_key_is_in_no_output(up: Start, log_format: str) -> None:
    first = await (await up(POLLWIRE_LOG_FORMAT=log_format).start()).ready()
    key = (first.data / "admin-key").read_text().strip()
    await first.stop()
    second = await (await up(POLLWIRE_LOG_FORMAT=log_format).start()).ready()
    await second.stop()
    assert key == second.key
    for service in (first, second):
        assert key not in service.out + service.err
    assert "Admin key created" not in second.err


@pytest.mark.parametrize(
    ("flags", "environ", "status"),
    [
        ((), {"POLLWIRE_STREAM_HZ": "often"}, 2),
        ((), {"POLLWIRE_REDIS_URL": "redis://127.0.0.1:1"}, 1),
        ((), {"POLLWIRE_HOST": "203.0.113.1"}, 1),
        (("--colour", "red"), {}, 2),
        (("--workers",), {}, 2),
        ((), {"POLLWIRE_LOG_FORMAT": "JSON"}, 2),
    ],
    ids=["setting", "missing secret", "address", "unknown option", "no argument", "format"],
)
async def test_json_format_holds_for_the_error_of_a_failed_start(
    up: Start, flags: tuple[str, ...], environ: dict[str, str], status: int
) -> None:
    service = await up(*flags, **{"POLLWIRE_LOG_FORMAT": "json"} | environ).start()
    assert await service.ended() == status
    assert json_lines(service)[-1]["level"] == "critical"


async def test_json_format_holds_for_damaged_data(up: Start, tmp_path: Path) -> None:
    data = tmp_path / "d" / "store" / "appendonlydir"
    data.mkdir(parents=True)
    (data / "appendonly.aof.manifest").write_text("damaged")
    service = await up(POLLWIRE_LOG_FORMAT="json").start()
    assert await service.ended() == 1
    assert json_lines(service)[-1]["level"] == "critical"


@pytest.mark.parametrize(
    ("level", "expected"),
    [("debug", True), ("info", True), ("warning", False), ("error", False)],
)
async def test_log_level_selects_lines(up: Start, level: str, expected: bool) -> None:
    service = await (await up(POLLWIRE_LOG_LEVEL=level).start()).ready()
    assert await service.stop() == 0
    assert (" INFO " in service.err) is expected
