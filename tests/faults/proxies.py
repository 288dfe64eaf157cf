"""nginx, Caddy and HAProxy as packaged by Debian, each in front of two nodes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import httpx
import pytest

from tests.wait import until

STARTS_WITHIN_S: Final = 20.0


def nginx(folder: Path, port: int, nodes: Sequence[str]) -> tuple[str, list[str]]:
    """Return configuration and arguments. nginx has no health checks: it tries the other node instead."""
    servers = "\n".join(f"server {node} max_fails=1 fail_timeout=1s;" for node in nodes)
    text = f"""
        daemon off; pid {folder}/pid; error_log {folder}/error.log;
        events {{ }}
        http {{
          access_log off;
          client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
          fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
          upstream pollwire {{ {servers} keepalive 16; }}
          server {{
            listen 127.0.0.1:{port};
            location / {{
              proxy_pass http://pollwire;
              proxy_http_version 1.1;
              proxy_set_header Host $host;
              proxy_set_header Connection "";
              proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            }}
          }}
        }}"""
    return text, ["nginx", "-c", f"{folder}/config", "-e", f"{folder}/error.log"]


def caddy(folder: Path, port: int, nodes: Sequence[str]) -> tuple[str, list[str]]:
    """Return configuration and arguments. Caddy reads ``/readyz``."""
    text = f"""
        {{
            admin off
            auto_https off
        }}
        http://127.0.0.1:{port} {{
            reverse_proxy {" ".join(nodes)} {{
                health_uri /readyz
                health_interval 500ms
                lb_try_duration 2s
            }}
        }}"""
    return text, ["caddy", "run", "--adapter", "caddyfile", "--config", f"{folder}/config"]


def haproxy(folder: Path, port: int, nodes: Sequence[str]) -> tuple[str, list[str]]:
    """Return configuration and arguments. HAProxy reads ``/readyz``."""
    servers = "\n".join(
        f"    server node{number} {node} check inter 500ms fall 1 rise 1"
        for number, node in enumerate(nodes, start=1)
    )
    text = f"""
defaults
    mode http
    timeout connect 1s
    timeout client 10s
    timeout server 10s
    option redispatch
    option httpchk
    http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host localhost
frontend public
    bind 127.0.0.1:{port}
    default_backend nodes
backend nodes
    balance roundrobin
{servers}
"""
    return text, ["haproxy", "-db", "-f", f"{folder}/config"]


Config = Callable[[Path, int, Sequence[str]], tuple[str, list[str]]]
PROXIES: Final[dict[str, Config]] = {"nginx": nginx, "caddy": caddy, "haproxy": haproxy}


class RunningProxy(NamedTuple):
    """A started proxy."""

    url: str
    folder: Path


def program_of(name: str) -> str:
    """Return the path of the program. Skip the test if it is not installed, except in CI."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        reason = f"{name} is not installed (apt-get install {name})"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@contextlib.asynccontextmanager
async def running_proxy(
    name: str, folder: Path, port: int, nodes: Sequence[str]
) -> AsyncIterator[RunningProxy]:
    """Run the proxy in front of the nodes, and wait until it serves."""
    await asyncio.to_thread(folder.mkdir)
    text, arguments = PROXIES[name](folder, port, nodes)
    await asyncio.to_thread((folder / "config").write_text, text)
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            program_of(name), *arguments[1:], stdout=log, stderr=log, env=os.environ | {"HOME": str(folder)}
        )
    url = f"http://127.0.0.1:{port}"
    try:
        async with httpx.AsyncClient(base_url=url, verify=False) as client:

            async def serves() -> bool:
                with contextlib.suppress(httpx.TransportError):
                    return (await client.get("/livez")).status_code == 200
                return False

            await until(serves, STARTS_WITHIN_S)
        yield RunningProxy(url, folder)
    finally:
        process.terminate()
        await process.wait()
