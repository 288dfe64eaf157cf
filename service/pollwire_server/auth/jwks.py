"""Cache of issuers' public keys (JWKS, RFC 7517): fetched ahead of time and refreshed within limits.

``run`` fetches the key set of every URL when it appears, and then every ``REFRESH_INTERVAL_S``, so a token is
verified without waiting. A key id that is missing from the set triggers one more fetch, at most one every
``MIN_INTERVAL_S`` for each URL. So a client cannot make the service call an issuer at will. If a set cannot
be fetched, the cached keys stay valid for ``MAX_AGE_S``: a short outage of the issuer does not stop voting,
and a revoked key expires in the end.

A response is limited to ``MAX_BYTES`` and ``FETCH_TIMEOUT_S``, and redirects are not followed. Only https is
allowed, except for loopback addresses if the operator of the service enables them.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from pollwire_server.domain.decoding import decode_json, without_byte_order_mark

log = logging.getLogger("pollwire.auth")

REFRESH_INTERVAL_S: Final = 300.0
MIN_INTERVAL_S: Final = 10.0
MAX_AGE_S: Final = 3600.0
FETCH_TIMEOUT_S: Final = 3.0
MAX_BYTES: Final = 64 * 1024
MAX_KEYS: Final = 32
MIN_RSA_BITS: Final = 2048
"""RFC 7518, section 3.3."""

PublicKey = Ed25519PublicKey | RSAPublicKey
_CHECK_INTERVAL_S: Final = 1.0
_TYPE: Final[Mapping[str, type[Ed25519PublicKey] | type[RSAPublicKey]]] = {
    "EdDSA": Ed25519PublicKey,
    "RS256": RSAPublicKey,
}


class _CachedKeySet:
    """The key set of one URL, and the state of its fetches."""

    def __init__(self) -> None:
        self.keys: tuple[tuple[str | None, PublicKey], ...] = ()
        self.fetched_s = self.tried_s = float("-inf")
        self.fetching: asyncio.Task[None] | None = None


class JwksCache:
    """The key sets of all issuers with a JWKS URL. Belongs to one event loop."""

    def __init__(self, *, allows_loopback: bool = False) -> None:
        self._allows_loopback = allows_loopback
        self._key_sets: dict[str, _CachedKeySet] = {}

    def fault_of(self, url: str) -> str | None:
        """Return the reason why ``url`` is not allowed, or None."""
        return fault_of_address(url, allows_loopback=self._allows_loopback)

    def key_of(self, url: str, algorithm: str, key_id: str | None) -> PublicKey | None:
        """Return the cached key with this id, or the only key if there is no id.

        None if there is no such key.
        """
        key_set = self._key_sets.get(url)
        if key_set is None or time.monotonic() - key_set.fetched_s > MAX_AGE_S:
            return None
        matching = [(own, key) for own, key in key_set.keys if isinstance(key, _TYPE[algorithm])]
        if key_id is None:
            return matching[0][1] if len(matching) == 1 else None
        return next((key for own, key in matching if own == key_id), None)

    def has(self, url: str) -> bool:
        """Return True if the keys of ``url`` are cached and not too old."""
        key_set = self._key_sets.get(url)
        return key_set is not None and time.monotonic() - key_set.fetched_s <= MAX_AGE_S

    async def refresh(self, url: str) -> None:
        """Fetch the keys of ``url``, unless the last attempt is recent.

        Concurrent callers share one fetch.
        """
        key_set = self._key_sets.setdefault(url, _CachedKeySet())
        if key_set.fetching is None or key_set.fetching.done():
            if time.monotonic() - key_set.tried_s < MIN_INTERVAL_S:
                return
            key_set.tried_s = time.monotonic()
            key_set.fetching = asyncio.create_task(self._fetch(url, key_set), name="fetch keys")
        await asyncio.shield(key_set.fetching)

    async def run(self, addresses: Callable[[], Iterable[str]]) -> None:
        """Refresh the key sets of ``addresses()`` until cancelled, and drop all others."""
        while True:
            wanted = set(addresses())
            for url in self._key_sets.keys() - wanted:
                del self._key_sets[url]
            due = [url for url in wanted if self._is_due(url)]
            await asyncio.gather(*(self.refresh(url) for url in due))
            await asyncio.sleep(_CHECK_INTERVAL_S)

    def _is_due(self, url: str) -> bool:
        key_set = self._key_sets.get(url)
        return key_set is None or time.monotonic() - key_set.fetched_s > REFRESH_INTERVAL_S

    async def _fetch(self, url: str, key_set: _CachedKeySet) -> None:
        """Fetch the key set.

        A failure keeps the old one and is logged without the path or query of the URL.
        """
        try:
            async with asyncio.timeout(FETCH_TIMEOUT_S):
                if fault := self.fault_of(url):
                    raise ValueError(fault)
                if not self._allows_loopback and await _resolves_to_loopback(url):
                    raise ValueError("the host resolves to this machine")
                key_set.keys = keys_in(await _read(url))
            key_set.fetched_s = time.monotonic()
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError, ValueError) as error:
            reason = type(error).__name__
            log.warning("Keys of %s could not be fetched: %s", urlsplit(url).hostname, reason)


def fault_of_address(url: str, *, allows_loopback: bool) -> str | None:
    """Return the reason why ``url`` is not a valid JWKS URL, or None."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "jwks_url is not a valid URL."
    if not host or parts.username or parts.password or parts.fragment or any(sign <= " " for sign in url):
        return "jwks_url must be an https URL without a user name or a fragment."
    if _is_loopback(host):
        fault = "jwks_url points to this machine. Set POLLWIRE_JWKS_LOOPBACK=1 to allow that."
        return None if allows_loopback and parts.scheme in ("http", "https") else fault
    return None if parts.scheme == "https" else "jwks_url must begin with https://."


def keys_in(document: bytes) -> tuple[tuple[str | None, PublicKey], ...]:
    """Return the signature keys of a JWK set with their ids, without unusable keys. Raises ``ValueError``."""
    found = decode_json(without_byte_order_mark(document))  # its DecodeError is a ValueError
    listed = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(listed, list):
        raise ValueError("not a key set")
    keys = (_key_in(item) for item in listed[:MAX_KEYS])
    return tuple(key for key in keys if key is not None)


def is_strong(key: object) -> bool:
    """Return True if the key is strong enough to verify signatures."""
    return isinstance(key, Ed25519PublicKey) or (
        isinstance(key, RSAPublicKey) and key.key_size >= MIN_RSA_BITS
    )


def _key_in(item: Any) -> tuple[str | None, PublicKey] | None:  # Any: unvalidated JSON
    algorithm = {"RSA": "RS256", "OKP": "EdDSA"}.get(item.get("kty", "")) if isinstance(item, dict) else None
    if algorithm is None or item.get("use", "sig") != "sig" or item.get("alg", algorithm) != algorithm:
        return None
    if "d" in item:  # a published private key is compromised
        return None
    try:
        key = jwt.PyJWK(item, algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    key_id = item.get("kid")
    return (key_id if isinstance(key_id, str) else None, key) if is_strong(key) else None


async def _read(url: str) -> bytes:
    body = b""
    async with (
        httpx.AsyncClient(timeout=FETCH_TIMEOUT_S, follow_redirects=False) as client,
        client.stream("GET", url, headers={"Accept": "application/json"}) as response,
    ):
        if response.status_code != httpx.codes.OK:
            raise ValueError(f"status {response.status_code}")
        async for part in response.aiter_bytes(8192):
            body += part
            if len(body) > MAX_BYTES:
                raise ValueError("too long")
    return body


async def _resolves_to_loopback(url: str) -> bool:
    """Return True if the host name resolves to an address of this machine."""
    parts = urlsplit(url)
    found = await asyncio.get_running_loop().getaddrinfo(parts.hostname, parts.port or 443)
    return any(_is_loopback(str(entry[4][0])) for entry in found)


def _is_loopback(host: str) -> bool:
    name = host.rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(socket.inet_aton(name))  # also 127.1, 0x7f000001 and 2130706433
    except (OSError, UnicodeError):
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
    inner = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return any(one.is_loopback or one.is_unspecified for one in (address, inner) if one is not None)
