"""One worker's place: who is started again there, and when that ends."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pollwire_server.server import EXIT_UNFIT, listening
from pollwire_server.settings import Settings
from pollwire_server.supervisor.data_folder import CannotStart
from pollwire_server.supervisor.workers import Worker, open_listeners


def interpreter(folder: Path, script: str) -> str:
    """A command that stands in the place of Python and does as ``script`` says."""
    file = folder / "python"
    file.write_text(f"#!/bin/sh\necho life >> {folder}/lives\n{script}\n")
    file.chmod(0o755)
    return str(file)


def lives_in(folder: Path) -> int:
    """How many processes were started."""
    return len((folder / "lives").read_text().splitlines())


@pytest.mark.parametrize(("status", "lives"), [(1, 5), (EXIT_UNFIT, 1)])
async def test_a_worker_that_never_serves_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, lives: int
) -> None:
    """A crash loop ends the service, visibly, after a few tries; an unfit store, after the first."""
    monkeypatch.setattr(sys, "executable", interpreter(tmp_path, f"exit {status}"))
    with listening("127.0.0.1", 0) as listener, pytest.raises(CannotStart):
        await Worker(1, listener, Settings(), "unix:///none").run(lambda: None)
    assert lives_in(tmp_path) == lives


def test_every_worker_has_a_listener_on_one_port() -> None:
    """Two workers listen on the same port, each on a socket of its own."""
    listeners = open_listeners(Settings(port=0, workers=2))
    try:
        assert len({listener.fileno() for listener in listeners}) == 2
        assert len({listener.getsockname() for listener in listeners}) == 1
    finally:
        for listener in listeners:
            listener.close()


def test_a_port_that_others_would_share_is_refused() -> None:
    """A listener that allows sharing is still in the way of a service that starts."""
    with listening("127.0.0.1", 0, shared=True) as stranger:
        port = stranger.getsockname()[1]
        with pytest.raises(CannotStart, match="something else listens there"):
            open_listeners(Settings(port=port, workers=2))
