"""The data folder: a lock that admits one service at a time, and the supervisor's files.

The files are ``lock``, ``secret``, ``admin-key``, and ``service.json`` while a service runs. Only their owner
can read them. The embedded store has a subfolder of its own.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import secrets
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from pollwire_server.auth.api_keys import KEY_PREFIX
from pollwire_server.settings import Settings
from pollwire_server.store.embedded.child_process import FolderMark, ProcessIdentity

log = logging.getLogger("pollwire.supervisor")

_PRIVATE_NAMES = ("secret", "admin-key", "service.json", "store")
"""Files and folders that the service trusts. Another user could plant one with known keys."""
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_ACCESSIBLE_BY_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class CannotStart(Exception):
    """Raised if the service cannot start or cannot continue. The message is for the operator."""


class RunningService(msgspec.Struct, frozen=True, kw_only=True):
    """The content of ``service.json``: the service that runs on this folder.

    The command line reads ``url``.
    """

    url: str
    supervisor: int
    workers: tuple[ProcessIdentity, ...] = ()
    folder: FolderMark | None = None
    """The folder of the service. Set by ``write_service_file``."""


class DataFolder:
    """The locked data folder and its files. Use as a context manager."""

    def __init__(self, settings: Settings) -> None:
        self.path = settings.data_dir.absolute()
        self._display_path = settings.data_dir
        self._is_shared_store = settings.redis_url is not None
        self._service = self.path / "service.json"
        self._lock = -1

    def __enter__(self) -> DataFolder:
        """Create and lock the folder. Raises ``CannotStart``."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            problem = f"The data folder {self._display_path} cannot be used: {error.strerror}."
            return self._continue_without_folder(problem)
        if problem := self._find_access_by_others():
            os.close(self._lock)
            self._lock = -1
            return self._continue_without_folder(problem)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise CannotStart(self._already_running()) from None
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_usable:
            os.close(self._lock)  # which releases the lock

    def _find_access_by_others(self) -> str:
        """Return the problem if others may have planted or read the files, else an empty text."""
        found = self.path.stat()
        if found.st_uid != os.getuid() or found.st_mode & _WRITABLE_BY_OTHERS:
            return (
                f"The data folder {self._display_path} belongs to another user, or others can write to it. "
                "Choose another one with --data, or run chmod go-w and chown on it if you trust its files."
            )
        problems = (self._find_access_to_file(name) for name in _PRIVATE_NAMES)
        return next(filter(None, problems), "")

    def _find_access_to_file(self, name: str) -> str:
        try:
            found = (self.path / name).lstat()
        except FileNotFoundError:
            return ""
        open_to_others = _ACCESSIBLE_BY_OTHERS if stat.S_ISREG(found.st_mode) else _WRITABLE_BY_OTHERS
        if stat.S_ISLNK(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & open_to_others:
            return (
                f"{self._display_path / name} is a link, belongs to another user, or others can access it. "
                "If you trust it, run chown and chmod go-rwx on it; otherwise remove it."
            )
        return ""

    @property
    def _is_usable(self) -> bool:
        return self._lock >= 0

    def _continue_without_folder(self, problem: str) -> DataFolder:
        """Continue if the store is shared, since then a read-only file system is enough. Else raise."""
        if not self._is_shared_store:
            raise CannotStart(problem) from None
        log.warning("%s The command line will need --url.", problem)
        return self

    def complete(self, settings: Settings) -> Settings:
        """Return the settings, completed by the secret and the admin key that this folder stores.

        Raises ``CannotStart`` if the store is shared and no secret is set, because each node would create its
        own. Whether a shared store has API keys is checked later, in the store.
        """
        if settings.redis_url is None:
            return msgspec.structs.replace(
                settings,
                secret=settings.secret or self._read_or_create("secret", lambda: secrets.token_urlsafe(32)),
                admin_key=settings.admin_key or self._read_or_create_admin_key(),
            )
        if not settings.secret:
            reason = "it signs voter tokens and must be the same on every node"
            raise CannotStart(f"With --redis, set POLLWIRE_SECRET (or POLLWIRE_SECRET_FILE): {reason}.")
        return settings

    def write_service_file(self, running: RunningService | None) -> None:
        """Write ``service.json``, or delete it if ``running`` is None."""
        if not self._is_usable:
            return
        if running is None:
            self._service.unlink(missing_ok=True)
        else:
            marked = msgspec.structs.replace(running, folder=FolderMark.of(self.path))
            _write_private(self._service, msgspec.json.encode(marked))

    def read_service_file(self) -> RunningService | None:
        """Return the service that runs on this folder, or that ended without a shutdown.

        The file of a copied folder names the service of the original, and is ignored.
        """
        try:
            running = msgspec.json.decode(self._service.read_bytes(), type=RunningService)
            return running if running.folder is not None and running.folder.names(self.path) else None
        except (OSError, msgspec.DecodeError):
            return None

    def _already_running(self) -> str:
        running = self.read_service_file()
        at = f" at {running.url} (process {running.supervisor})" if running else ""
        return (
            f"A service already runs on the data folder {self._display_path}{at}. "
            "Stop it, or choose another folder with --data."
        )

    def _read_or_create(self, name: str, create: Callable[[], str]) -> str:
        file = self.path / name
        try:
            if text := file.read_text(encoding="ascii").strip():
                return text
        except FileNotFoundError:
            pass
        except (OSError, UnicodeDecodeError) as error:
            raise CannotStart(f"{self._display_path / name} cannot be read: {error}.") from None
        text = create()
        _write_private(file, text.encode() + b"\n")
        return text

    def _read_or_create_admin_key(self) -> str:
        def create() -> str:
            log.info("Admin key created and stored in %s", self._display_path / "admin-key")
            return KEY_PREFIX + secrets.token_urlsafe(24)

        return self._read_or_create("admin-key", create)


def print_line(text: str) -> None:
    """Print to standard output and flush. Errors are ignored."""
    with contextlib.suppress(OSError):  # the service runs on if standard output is closed
        print(text, flush=True)  # noqa: T201


def _write_private(file: Path, content: bytes) -> None:
    """Replace the file atomically.

    It is created with mode 0600 (mkstemp), so that no other user can read it.
    """
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
