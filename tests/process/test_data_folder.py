"""Ownership and permissions of the data folder, which the service trusts."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from pollwire_server.settings import Settings
from pollwire_server.supervisor.data_folder import CannotStart, DataFolder, RunningService


def open_folder(path: Path) -> Settings:
    """Lock the folder as a start does, and return the settings with its secret and admin key."""
    settings = Settings(data_dir=path)
    with DataFolder(settings) as folder:
        return folder.complete(settings)


def let_others_write(path: Path) -> None:
    path.chmod(0o777)


def let_group_write(path: Path) -> None:
    path.chmod(0o770)


def give_away(path: Path) -> None:
    os.chown(path, 65534, 65534)


def let_others_read_key(path: Path) -> None:
    (path / "admin-key").chmod(0o644)


def link_secret(path: Path) -> None:
    (path / "secret").rename(path.parent / "secret")
    (path / "secret").symlink_to(path.parent / "secret")


def link_store(path: Path) -> None:
    (path.parent / "elsewhere").mkdir(mode=0o755)
    (path / "store").symlink_to(path.parent / "elsewhere")


needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")


@pytest.mark.parametrize(
    "spoil",
    [
        let_others_write,
        let_group_write,
        pytest.param(give_away, marks=needs_root),
        let_others_read_key,
        link_secret,
        link_store,
    ],
    ids=lambda spoil: spoil.__name__,
)
def test_folder_that_others_can_change_is_rejected(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    """Check that planted keys and secrets are not used, and that nothing of the folder is changed."""
    path = tmp_path / "data"
    open_folder(path)
    spoil(path)
    with pytest.raises(CannotStart, match=r"others can|another user"):
        open_folder(path)
    assert (tmp_path / "elsewhere").exists() is (spoil is link_store)


def test_shared_store_continues_without_a_folder_of_others(tmp_path: Path) -> None:
    """Check that such a folder gets no file, as it does if it is read-only."""
    let_others_write(tmp_path)
    with DataFolder(Settings(data_dir=tmp_path, redis_url="redis://store")) as folder:
        folder.write_service_file(RunningService(url="http://127.0.0.1:1", supervisor=1))
    assert not (tmp_path / "service.json").exists()


def test_folder_of_the_own_user_is_used_again(tmp_path: Path) -> None:
    """Check a new folder, and one that the operator made with the usual permissions."""
    path = tmp_path / "data"
    path.mkdir(mode=0o755)
    first = open_folder(path)
    assert (first.secret, first.admin_key) == ((again := open_folder(path)).secret, again.admin_key)
    assert (path / "admin-key").stat().st_mode & 0o777 == 0o600
