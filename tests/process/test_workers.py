"""Worker slots: restarts, and when the service gives up."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pollwire_server.server import EXIT_CONFIG, open_listener
from pollwire_server.settings import Settings
from pollwire_server.supervisor.data_folder import CannotStart
from pollwire_server.supervisor.workers import Worker, open_listeners


def interpreter(folder: Path, script: str) -> str:
    """Return a command that replaces Python and runs ``script``."""
    file = folder / "python"
    file.write_text(f"#!/bin/sh\necho start >> {folder}/starts\n{script}\n")
    file.chmod(0o755)
    return str(file)


def starts_in(folder: Path) -> int:
    """Return the number of started processes."""
    return len((folder / "starts").read_text().splitlines())


@pytest.mark.parametrize(
    ("status", "starts"), [(1, 5), (EXIT_CONFIG, 1)], ids=["crash", "configuration error"]
)
async def test_worker_crash_loop_stops_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, starts: int
) -> None:
    monkeypatch.setattr(sys, "executable", interpreter(tmp_path, f"exit {status}"))
    with open_listener("127.0.0.1", 0) as listener, pytest.raises(CannotStart):
        await Worker(1, listener, Settings(), "unix:///none").run(lambda: None)
    assert starts_in(tmp_path) == starts


def test_workers_have_separate_listeners_on_one_port() -> None:
    listeners = open_listeners(Settings(port=0, workers=2))
    try:
        assert len({listener.fileno() for listener in listeners}) == 2
        assert len({listener.getsockname() for listener in listeners}) == 1
    finally:
        for listener in listeners:
            listener.close()


def test_port_with_a_shared_listener_is_rejected() -> None:
    with open_listener("127.0.0.1", 0, shared=True) as other:
        port = other.getsockname()[1]
        with pytest.raises(CannotStart, match="the port is already in use"):
            open_listeners(Settings(port=port, workers=2))
