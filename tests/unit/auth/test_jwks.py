"""Hosts that must not be asked for keys."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pollwire_server.auth import jwks as key_sets
from pollwire_server.auth.jwks import JwksCache

URL = "https://keys.example/keys"


@pytest.mark.parametrize("here", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1", "0.0.0.0"])
async def test_host_resolving_to_loopback_is_not_fetched(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, here: str
) -> None:
    read: list[str] = []

    async def resolved(*_: Any) -> list[tuple[Any, ...]]:  # Any: of the loop's own signature
        return [(2, 1, 6, "", ("198.51.100.7", 443)), (2, 1, 6, "", (here, 443))]

    async def noted(url: str) -> bytes:
        read.append(url)
        return b'{"keys": []}'

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolved, raising=False)
    monkeypatch.setattr(key_sets, "_read", noted)
    refused, allowed = JwksCache(), JwksCache(allows_loopback=True)
    await refused.refresh(URL)
    assert (read, refused.has(URL)) == ([], False)
    assert "could not be fetched" in caplog.text
    await allowed.refresh(URL)
    assert (read, allowed.has(URL)) == ([URL], True)
