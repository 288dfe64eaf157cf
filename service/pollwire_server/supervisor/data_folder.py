"""The data folder: locked by one service at a time, and the few small files in it that the supervisor keeps.

``lock``, ``secret``, ``admin-key``, and ``service.json`` while a service runs, all for their owner's eyes
alone; the private store has a folder of its own beside them.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from pollwire_server.auth.api_keys import KEY_PREFIX
from pollwire_server.settings import Settings
from pollwire_server.store.embedded.child_process import ProcessIdentity

log = logging.getLogger("pollwire.supervisor")


class CannotStart(Exception):
    """The service does not start, or cannot go on; the message is a sentence for the operator."""


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """``service.json``: which service runs from this folder. The command line reads ``url``."""

    url: str
    supervisor: int
    workers: tuple[ProcessIdentity, ...] = ()


class DataFolder:
    """The data folder, locked: one service at a time; and the few small files in it that are ours."""

    def __init__(self, settings: Settings) -> None:
        self.path = settings.data_dir.absolute()
        self._shown = settings.data_dir
        self._is_shared = settings.redis_url is not None
        self._service = self.path / "service.json"
        self._lock = -1

    def __enter__(self) -> DataFolder:
        """Make and lock it. Raises ``CannotStart``."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            return self._without(error)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise CannotStart(self._taken()) from None
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_usable:
            os.close(self._lock)  # and with it the lock

    @property
    def _is_usable(self) -> bool:
        return self._lock >= 0

    def _without(self, error: OSError) -> DataFolder:
        """With a shared store nothing has to be kept here (a container's file system may be read only)."""
        told = f"The data folder {self._shown} cannot be used: {error.strerror}."
        if not self._is_shared:
            raise CannotStart(told) from None
        log.warning("%s The command line will need --url.", told)
        return self

    def complete(self, settings: Settings) -> Settings:
        """The settings with what the folder keeps: its own secret and operator's key, unless some are set.

        Raises ``CannotStart`` where a shared store leaves no room for a secret: each node would make its
        own. Whether operators have keys there, only the store knows.
        """
        if settings.redis_url is None:
            return msgspec.structs.replace(
                settings,
                secret=settings.secret or self._kept("secret", lambda: secrets.token_urlsafe(32)),
                admin_key=settings.admin_key or self._kept_key(),
            )
        if not settings.secret:
            use = "it signs voters' tokens, alike on every node"
            raise CannotStart(f"With --redis, set POLLWIRE_SECRET (or POLLWIRE_SECRET_FILE): {use}.")
        return settings

    def remember(self, running: Running | None) -> None:
        """Tell others which service runs; None: none any more."""
        if not self._is_usable:
            return
        if running is None:
            self._service.unlink(missing_ok=True)
        else:
            _write_private(self._service, msgspec.json.encode(running))

    def last_run(self) -> Running | None:
        """What ran here and did not stop in order."""
        try:
            return msgspec.json.decode(self._service.read_bytes(), type=Running)
        except (OSError, msgspec.DecodeError):
            return None

    def _taken(self) -> str:
        running = self.last_run()
        at = f" at {running.url} (process {running.supervisor})" if running else ""
        told = f"A service already runs on the data folder {self._shown}{at}"
        return f"{told}; stop it, or name another folder with --data."

    def _kept(self, name: str, make: Callable[[], str]) -> str:
        file = self.path / name
        try:
            if text := file.read_text(encoding="ascii").strip():
                return text
        except FileNotFoundError:
            pass
        except (OSError, UnicodeDecodeError) as error:
            raise CannotStart(f"{self._shown / name} cannot be read: {error}.") from None
        text = make()
        _write_private(file, text.encode() + b"\n")
        return text

    def _kept_key(self) -> str:
        def make() -> str:
            key = KEY_PREFIX + secrets.token_urlsafe(24)
            say(f"Your operator's key, shown this once and kept in {self._shown / 'admin-key'}:\n  {key}")
            return key

        return self._kept("admin-key", make)


def say(text: str) -> None:
    """Tell whoever typed the command, on standard output and at once."""
    with contextlib.suppress(OSError):  # nobody reads it any more; the service runs all the same
        print(text, flush=True)  # noqa: T201


def _write_private(file: Path, content: bytes) -> None:
    """The whole new content or the old, whatever happens; 0600 from its first moment (mkstemp)."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "wb") as output:
            output.write(content)
            output.flush()
            os.fsync(output.fileno())
        os.replace(name, file)
    except OSError:
        os.unlink(name)
        raise
