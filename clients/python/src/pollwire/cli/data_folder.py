"""What a data folder tells the command line: which service runs from it, with which key, and as which voter.

``service.json`` (``{"url": ...}``) and ``admin-key`` are written by ``pollwire
up``; ``voter-tokens.json`` is ours: one token per service, readable by its
owner alone, since whoever holds it votes as that voter.
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
    """The folder at ``path``, which need not exist; whatever cannot be read counts as absent."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def service_url(self) -> str | None:
        """Where the service that runs from this folder listens."""
        url = self._object_in(SERVICE_FILE).get("url")
        return url if isinstance(url, str) else None

    def admin_key(self) -> str | None:
        """The key that the service of this folder made for its operator."""
        try:
            return (self.path / KEY_FILE).read_text(encoding="utf-8").strip() or None
        except (OSError, UnicodeDecodeError):
            return None

    def voter_token(self, url: str) -> str | None:
        """The token under which this folder's owner votes at the service ``url``."""
        token = self._object_in(TOKENS_FILE).get(url)
        return token if isinstance(token, str) else None

    def keep_voter_token(self, url: str, token: str) -> None:
        """Keeps the token for next time. Raises ``OSError`` where the folder cannot be written."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        tokens = self._object_in(TOKENS_FILE) | {url: token}
        _replace(self.path / TOKENS_FILE, json.dumps(tokens, indent=1) + "\n")

    def _object_in(self, name: str) -> dict[str, Any]:  # Any: JSON, of which each caller checks what it takes
        try:
            document = json.loads((self.path / name).read_bytes())
        except (OSError, ValueError):
            return {}
        return document if isinstance(document, dict) else {}


def _replace(file: Path, text: str) -> None:
    """The whole new text or the old one, whatever happens; 0600 from its first moment (mkstemp)."""
    descriptor, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(text)
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
