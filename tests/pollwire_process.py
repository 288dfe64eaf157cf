"""``pollwire up`` as a real process, with the operations that tests need."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from pathlib import Path

import httpx
from pollwire_server.store.embedded.child_process import ProcessIdentity

from tests.wait import until

ROOT = Path(__file__).parents[1]
STARTS_WITHIN_S = 30.0
POLL = {
    "id": "lunch",
    "kind": "single",
    "question": "Rice or yam?",
    "options": [{"id": "rice", "label": "Rice"}, {"id": "yam", "label": "Yam"}],
}


class Up:
    """One ``pollwire up``: its process, its output, and its child processes."""

    def __init__(self, data: Path, logs: Path, *flags: str, **environ: str) -> None:
        self.data = data
        self.cwd = ROOT
        self.python = Path(sys.executable)
        self._flags = flags
        self._environ = environ
        self._process: asyncio.subprocess.Process | None = None
        self._logs = logs

    async def start(self) -> Up:
        """Start the process without waiting for it."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("POLLWIRE_")}
        with self._log("out").open("wb") as out, self._log("err").open("wb") as err:
            self._process = await asyncio.create_subprocess_exec(
                self.python,
                "-P",
                "-c",
                "from pollwire.cli import main; main()",
                "up",
                "--port",
                "0",
                "--data",
                str(self.data),
                *self._flags,
                stdout=out,
                stderr=err,
                cwd=self.cwd,
                env=clean | {"PYTHONPATH": str(ROOT)} | self._environ,
                start_new_session=True,
            )
        return self

    def again_on(self, port: str) -> None:
        """Set the port of the next start."""
        self._flags = (*self._flags, "--port", port)

    async def ready(self) -> Up:
        """Wait until the process has reported that it is ready."""

        def has_line_or_ended() -> bool:
            return "Pollwire is ready at " in self.out + self.err or not self.runs

        await until(has_line_or_ended, STARTS_WITHIN_S)
        assert self.runs, f"it ended: {self.err}"
        return self

    @property
    def out(self) -> str:
        """Return the standard output so far."""
        return self._log("out").read_text()

    @property
    def err(self) -> str:
        """Return the standard error so far, which includes that of the workers."""
        return self._log("err").read_text()

    @property
    def url(self) -> str:
        """Return the URL that the process has reported."""
        return str(re.findall(r"Pollwire is ready at (http://[^\s,]+)", self.out + self.err)[0])

    @property
    def key(self) -> str:
        """Return the operator's API key: the configured one or the generated one."""
        if "POLLWIRE_ADMIN_KEY" in self._environ:
            return self._environ["POLLWIRE_ADMIN_KEY"]
        return (self.data / "admin-key").read_text().strip()

    @property
    def runs(self) -> bool:
        """Return True if the process is running."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        """Return the process id of the supervisor."""
        assert self._process is not None
        return self._process.pid

    @property
    def store(self) -> ProcessIdentity:
        """Return the identity of the running embedded store."""
        record = json.loads((self.data / "store" / "store.json").read_bytes())
        return ProcessIdentity(**record["process"])

    @property
    def workers(self) -> list[ProcessIdentity]:
        """Return the identities of the running workers."""
        record = json.loads((self.data / "service.json").read_bytes())
        return [ProcessIdentity(**identity) for identity in record["workers"]]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the supervisor."""
        assert self._process is not None
        self._process.send_signal(number)

    async def ended(self, within_s: float = 20.0) -> int:
        """Wait until the process has ended and return its exit status."""
        assert self._process is not None
        return await asyncio.wait_for(self._process.wait(), within_s)

    async def stop(self) -> int:
        """Stop the process gracefully."""
        self.signal(signal.SIGTERM)
        return await self.ended()

    async def kill(self) -> None:
        """Kill the process, its workers and its store."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            leftovers = [self.store, *self.workers]
            if self.runs:
                self.signal(signal.SIGKILL)
                await self.ended()
            for leftover in leftovers:
                await leftover.end(grace_s=0)
        if self.runs:
            self.signal(signal.SIGKILL)
            await self.ended()

    def client(self) -> httpx.AsyncClient:
        """Return an HTTP client with the operator's key and no open connections."""
        return httpx.AsyncClient(
            base_url=self.url, headers={"Authorization": f"Bearer {self.key}"}, timeout=5
        )

    @property
    def address(self) -> tuple[str, int]:
        """Return the host and port of ``url``."""
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        return host, int(port)

    async def make_poll(self) -> None:
        """Create the poll ``lunch``, which is open immediately."""
        async with self.client() as client:
            answer = await client.post("/v1/admin/polls", json=POLL)
        assert answer.status_code in (200, 201), answer.text

    async def new_voter(self) -> str:
        """Return the token of a new voter."""
        async with httpx.AsyncClient(base_url=self.url, timeout=5) as client:
            response = await client.post("/v1/voters")
        assert response.status_code == 201, response.text
        token: str = response.json()["token"]
        return token

    async def vote(self, choice: str = "rice", token: str | None = None) -> httpx.Response:
        """Vote on ``lunch``, as a new voter without a token. Return the last response."""
        async with httpx.AsyncClient(base_url=self.url, timeout=5) as client:
            if token is None:
                registered = await client.post("/v1/voters")
                if registered.status_code != 201:
                    return registered
                token = registered.json()["token"]
            return await client.post(
                "/v1/polls/lunch/votes", json={"choice": choice}, headers={"Authorization": f"Bearer {token}"}
            )

    async def voters(self) -> int:
        """Return the number of counted votes of ``lunch`` from a fresh read."""
        async with httpx.AsyncClient(base_url=self.url, timeout=5) as client:
            answer = await client.get("/v1/polls/lunch/results")
        assert answer.status_code == 200, answer.text
        counted: int = answer.json()["voters"]
        return counted

    def _log(self, name: str) -> Path:
        return self._logs / name
