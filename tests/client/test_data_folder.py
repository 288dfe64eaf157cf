"""Content and permissions of a data folder."""

from __future__ import annotations

import stat
from pathlib import Path

from pollwire.cli.data_folder import CliDataFolder

HERE, THERE = "http://127.0.0.1:8000", "https://polls.example"


def test_tokens_are_stored_for_each_service(tmp_path: Path) -> None:
    """Check that the tokens of two services are stored separately and returned for their own service only."""
    folder = CliDataFolder(tmp_path / "new" / "folder")
    folder.keep_voter_token(HERE, "one")
    folder.keep_voter_token(THERE, "two")
    assert (folder.voter_token(HERE), folder.voter_token(THERE)) == ("one", "two")
    assert folder.voter_token("http://127.0.0.1:8001") is None


def test_tokens_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    """Check that only the owner can read the tokens and the created folder."""
    folder = CliDataFolder(tmp_path / "new")
    folder.keep_voter_token(HERE, "one")
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (folder.path, *folder.path.iterdir())]
    assert modes == [0o700, 0o600]


def test_unreadable_data_counts_as_absent(tmp_path: Path) -> None:
    """Check that an absent folder or broken files give no service, key or voter."""
    for name in ("service.json", "voter-tokens.json"):
        (tmp_path / name).write_text("[")
    (tmp_path / "admin-key").write_bytes(b"\xff")
    for path in (tmp_path, tmp_path / "absent"):
        folder = CliDataFolder(path)
        assert (folder.service_url(), folder.admin_key(), folder.voter_token(HERE)) == (None, None, None)


def test_data_folder_of_running_service_has_address_and_key(tmp_path: Path) -> None:
    """Check that the address and the key written by a running service are found."""
    (tmp_path / "service.json").write_text(f'{{"url": "{HERE}", "pid": 1}}')
    (tmp_path / "admin-key").write_text("secret\n")
    folder = CliDataFolder(tmp_path)
    assert (folder.service_url(), folder.admin_key()) == (HERE, "secret")
