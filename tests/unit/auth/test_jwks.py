"""Fetches of key sets: hosts that are not allowed, encoded responses, and pauses after failures."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Sequence
from itertools import pairwise

import pytest
from pollwire_server.auth.jwks import JwksCache

from tests.local_server import hosting

URL = "https://keys.example/keys"
KEYS = b'{"keys":[]}'
INSIDE = ["127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "10.0.0.1", "192.168.0.1", "fc00::1"]
INSIDE += ["169.254.169.254", "64:ff9b::7f00:1", "::127.0.0.1", "224.0.0.1"]


@pytest.mark.parametrize("address", INSIDE)
async def test_host_resolving_to_no_public_address_is_not_fetched(
    caplog: pytest.LogCaptureFixture, address: str
) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["1.1.1.1", address]

    refused = JwksCache(resolve=resolve)
    await refused.refresh(URL)
    assert not refused.has(URL)
    assert "no public address" in caplog.text


@pytest.mark.parametrize("address", INSIDE)
def test_url_of_no_public_address_is_rejected(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    assert JwksCache().fault_of(f"https://{host}/keys") is not None
    assert JwksCache([address]).fault_of(f"https://{host}/keys") is None


async def test_connection_goes_to_the_checked_address() -> None:
    """The second reply of a name server that rebinds must not be used."""
    heads: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{"keys":[]}')
        await writer.drain()

    replies = [["127.0.0.1"], ["192.0.2.1"]]

    async def resolve(host: str, port: int) -> Sequence[str]:
        return replies.pop(0)

    async with hosting(answer) as base:
        url = f"http://keys.example:{base.rpartition(':')[2]}/keys"
        cache = JwksCache(["keys.example"], resolve=resolve)
        await cache.refresh(url)
        assert cache.has(url)
    assert (len(replies), b"Host: keys.example:" in heads[0]) == (1, True)
    assert b"Accept-Encoding: identity" in heads[0]


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(KEYS)),
        ("gzip, gzip", gzip.compress(gzip.compress(KEYS))),
        ("deflate", zlib.compress(KEYS)),
        ("unknown", KEYS),
    ],
    ids=["gzip", "stacked", "deflate", "unknown"],
)
async def test_encoded_key_set_is_rejected_without_decoding(encoding: str, body: bytes) -> None:

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()

    async with hosting(answer) as base:
        cache = JwksCache(allows_loopback=True)
        await cache.refresh(f"{base}/keys")
        assert not cache.has(f"{base}/keys")


async def test_pauses_double_after_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    now, fetches = [1000.0], []

    async def resolve(host: str, port: int) -> Sequence[str]:
        fetches.append(now[0])
        raise OSError

    cache = JwksCache(resolve=resolve)
    monkeypatch.setattr("pollwire_server.auth.jwks.time.monotonic", lambda: now[0])
    while now[0] < 2000:
        await cache.refresh(URL)
        now[0] += 5
    pauses = [later - earlier for earlier, later in pairwise(fetches)]
    assert pauses == [10, 20, 40, 80, 160, 300, 300]
