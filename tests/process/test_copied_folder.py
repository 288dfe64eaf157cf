"""Copies of a live data folder, whose files name the processes and the address of the original."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pollwire.cli.data_folder import CliDataFolder
from pollwire_server.store.embedded.child_process import FolderMark

from tests.pollwire_process import Up
from tests.process.conftest import Start


def copy_all(source: Path, target: Path) -> None:
    """Copy the whole folder, as ``cp -r`` does; sockets cannot be copied."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("s"))


def copy_store(source: Path, target: Path) -> None:
    """Copy the store's folder only, as the documented backup does."""
    copy_all(source / "store", target / "store")


def copy_metadata(source: Path, target: Path) -> None:
    """Copy the folder with times and modes, as ``cp -a`` does, and the service's file once more."""
    copy_all(source, target)
    shutil.copy2(source / "service.json", target / "service.json")


@pytest.mark.parametrize("copy", [copy_all, copy_store, copy_metadata])
async def test_start_on_a_copy_leaves_the_original_alone(
    up: Start, tmp_path: Path, copy: Callable[[Path, Path], None]
) -> None:
    original = await (await up().start()).ready()
    await original.make_poll()
    assert (await original.vote()).status_code == 200
    processes = [original.store, *original.workers]
    copy(original.data, tmp_path / "copy")
    second = await (await up(data=tmp_path / "copy").start()).ready()
    assert await second.voters() == 1
    assert all(process.runs for process in processes)
    assert (await original.vote()).status_code == 200
    assert await second.voters() == 1
    for name in ("ended", "exited", "earlier run"):
        assert name not in original.err + second.err


async def test_command_line_ignores_the_address_in_a_copy(up: Start, tmp_path: Path) -> None:
    original: Up = await (await up().start()).ready()
    copy_all(original.data, tmp_path / "copy")
    assert CliDataFolder(original.data).service_url() == original.url
    assert CliDataFolder(tmp_path / "copy").service_url() is None


def test_mark_names_a_folder_after_a_move_but_not_its_copy(tmp_path: Path) -> None:
    folder, moved = tmp_path / "a", tmp_path / "b"
    folder.mkdir()
    mark = FolderMark.of(folder)
    folder.rename(moved)
    assert mark.names(moved)
    shutil.copytree(moved, folder)
    assert not mark.names(folder)
