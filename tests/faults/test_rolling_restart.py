"""Rolling restart of two nodes behind the proxies of Debian: no request fails."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections import Counter
from pathlib import Path

import httpx
import pytest

from tests.cluster.nodes import free_ports
from tests.faults.proxies import PROXIES, RunningProxy, running_proxy
from tests.pollwire_process import Up
from tests.process.conftest import Start, up
from tests.valkey import Valkey
from tests.wait import until

__all__ = ["up"]

ENVIRON = {
    "POLLWIRE_SECRET": "s" * 32,
    "POLLWIRE_ADMIN_KEY": "k" * 32,
    "POLLWIRE_TRUSTED_PROXIES": "127.0.0.1",
    "POLLWIRE_LIMIT_VOTERS": "off",
    "POLLWIRE_LIMIT_VOTES": "off",
    "POLLWIRE_DRAIN_S": "3",
}
VOTERS = 8


class Traffic:
    """Voters who vote and read through the proxy until they are stopped."""

    def __init__(self, url: str) -> None:
        self.outcomes: Counter[str] = Counter()
        self.counted = 0
        self._url = url
        self._stopped = asyncio.Event()
        self._tasks = [asyncio.create_task(self._run()) for _ in range(VOTERS)]

    async def stop(self) -> None:
        """Let every voter finish its request."""
        self._stopped.set()
        await asyncio.gather(*self._tasks)

    async def _run(self) -> None:
        async with httpx.AsyncClient(base_url=self._url, timeout=10, verify=False) as client:
            while not self._stopped.is_set():
                voter = await self._send(client, "POST", "/v1/voters")
                client.cookies.clear()
                if voter is None:
                    continue
                headers = {"Authorization": f"Bearer {voter.json()['token']}"}
                vote = await self._send(
                    client, "POST", "/v1/polls/lunch/votes", json={"choice": "rice"}, headers=headers
                )
                self.counted += vote is not None
                await self._send(client, "GET", "/v1/polls/lunch/results")

    async def _send(
        self, client: httpx.AsyncClient, method: str, path: str, **content: object
    ) -> httpx.Response | None:
        """Return the response, or None if the request failed."""
        try:
            response = await client.request(method, path, **content)  # type: ignore[arg-type]
        except httpx.TransportError as error:
            self.outcomes[f"{method} {type(error).__name__}"] += 1
            return None
        self.outcomes["ok" if response.is_success else f"{method} {response.status_code}"] += 1
        return response if response.is_success else None


async def restart(node: Up, port: str) -> None:
    """Stop a node as an operator does, and start it again on its port."""
    node.signal(signal.SIGTERM)
    assert await node.ended(within_s=40) == 0
    assert "gracefully" not in node.err
    node.again_on(port)
    await (await node.start()).ready()


async def until_balanced(proxy: RunningProxy, nodes: list[Up], traffic: Traffic) -> None:
    """Wait until the proxy sends requests to every node again."""
    for node in nodes:
        async with httpx.AsyncClient(base_url=node.url, verify=False) as client:

            async def ready(client: httpx.AsyncClient = client) -> bool:
                with contextlib.suppress(httpx.TransportError):
                    return (await client.get("/readyz")).status_code == 200
                return False

            await until(ready, within_s=20)
    seen = traffic.outcomes.total()
    await until(lambda: traffic.outcomes.total() > seen + 200, within_s=60)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", PROXIES)
async def test_rolling_restart_of_two_nodes_fails_no_request(
    up: Start, own_valkey: Valkey, tmp_path: Path, name: str
) -> None:
    nodes = [up("--redis", own_valkey.url, data=tmp_path / f"node{number}", **ENVIRON) for number in (1, 2)]
    for node in nodes:
        await (await node.start()).ready()
    await nodes[0].make_poll()
    ports = [node.url.rpartition(":")[2] for node in nodes]
    (port,) = free_ports(1)
    async with running_proxy(name, tmp_path / name, port, [f"127.0.0.1:{one}" for one in ports]) as proxy:
        traffic = Traffic(proxy.url)
        await until(lambda: traffic.counted > 50, within_s=60)
        for node, own_port in zip(nodes, ports, strict=True):
            await restart(node, own_port)
            await until_balanced(proxy, nodes, traffic)
        await traffic.stop()
    print(f"{name}: {traffic.outcomes.total()} requests, {traffic.outcomes}")  # noqa: T201  # for the report
    assert set(traffic.outcomes) == {"ok"}, traffic.outcomes
    assert await nodes[0].voters() == traffic.counted
