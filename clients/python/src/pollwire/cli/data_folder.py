"""Data folder of the command line: the service that runs from it, its key, and the voter's tokens.

``pollwire up`` writes ``service.json`` (``{"url", "folder": {"device", "inode"}}``) and ``admin-key``. This
module writes ``voter-tokens.json``, with one token for each service. Only the owner
can read that file, because a token allows anyone to vote as that voter.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any, Final

SERVICE_FILE: Final = "service.json"
KEY_FILE: Final = "admin-key"
TOKENS_FILE: Final = "voter-tokens.json"


class CliDataFolder:
    """Data folder at ``path``, which need not exist. Files that cannot be read count as absent."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def service_url(self) -> str | None:
        """Return the URL of the service that runs from this folder.

        A copy of a folder also has the file, but it names the service of the original, so it is ignored.
        """
        document = self._object_in(SERVICE_FILE)
        url = document.get("url")
        return url if isinstance(url, str) and self._is_mark_of_this_folder(document.get("folder")) else None

    def _is_mark_of_this_folder(self, mark: object) -> bool:
        if mark is None:  # written by a release without marks
            return True
        status = self.path.stat()
        return isinstance(mark, dict) and (mark.get("device"), mark.get("inode")) == (
            status.st_dev,
            status.st_ino,
        )

    def admin_key(self) -> str | None:
        """Return the API key that the service of this folder created for its operator."""
        try:
            return (self.path / KEY_FILE).read_text(encoding="utf-8").strip() or None
        except (OSError, UnicodeDecodeError):
            return None

    def voter_token(self, url: str) -> str | None:
        """Return the voter token for the service at ``url``."""
        token = self._object_in(TOKENS_FILE).get(url)
        return token if isinstance(token, str) else None

    def keep_voter_token(self, url: str, token: str) -> None:
        """Store the voter token. Raises ``OSError`` if the folder cannot be written."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        tokens = self._object_in(TOKENS_FILE) | {url: token}
        _replace(self.path / TOKENS_FILE, json.dumps(tokens, indent=1) + "\n")

    def _object_in(self, name: str) -> dict[str, Any]:  # Any: JSON; each caller checks its values
        try:
            document = json.loads((self.path / name).read_bytes())
        except (OSError, ValueError):
            return {}
        return document if isinstance(document, dict) else {}


def _replace(file: Path, text: str) -> None:
    """Replace the content of a file atomically. Its mode is 0600 from the start (mkstemp)."""
    descriptor, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(text)
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
