"""The public keys of sites that publish them (RFC 7517): fetched ahead, held, and renewed within bounds.

How. ``run`` fetches the set of every address it is given and again every
``AGAIN_AFTER_S``, so that a token is checked without waiting. A key id that
the set does not have makes one more fetch, at most one in ``FLOOR_S`` for an
address, so that nobody can make this service call a site at will. A set that
cannot be fetched any more is believed for ``BELIEVED_S``: a site's short
outage stops nobody from voting, and a key it took back is gone in the end.

A site's answer is read up to ``MOST_BYTES`` and for ``FETCH_WITHIN_S``; it may
not send us elsewhere. Only https is spoken, save with this machine where the
operator of the service allows that.
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
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

log = logging.getLogger("pollwire.identity")

AGAIN_AFTER_S: Final = 300.0
FLOOR_S: Final = 10.0
BELIEVED_S: Final = 3600.0
FETCH_WITHIN_S: Final = 3.0
MOST_BYTES: Final = 64 * 1024
MOST_KEYS: Final = 32
SHORTEST_RSA_BITS: Final = 2048
"""RFC 7518, section 3.3."""

PublicKey = Ed25519PublicKey | RSAPublicKey
_LOOK_EVERY_S: Final = 1.0
_TYPE: Final[Mapping[str, type[Ed25519PublicKey] | type[RSAPublicKey]]] = {
    "EdDSA": Ed25519PublicKey,
    "RS256": RSAPublicKey,
}


class _CachedKeySet:
    """One address, with what it said last."""

    def __init__(self) -> None:
        self.keys: tuple[tuple[str | None, PublicKey], ...] = ()
        self.fetched_s = self.tried_s = float("-inf")
        self.fetching: asyncio.Task[None] | None = None


class JwksCache:
    """The key sets of the addresses that tokens are checked with. For one event loop."""

    def __init__(self, *, allows_loopback: bool = False) -> None:
        self._allows_loopback = allows_loopback
        self._held: dict[str, _CachedKeySet] = {}

    def fault_of(self, url: str) -> str | None:
        """Why no keys are fetched from ``url``; None where they are."""
        return fault_of_address(url, allows_loopback=self._allows_loopback)

    def key_of(self, url: str, algorithm: str, key_id: str | None) -> PublicKey | None:
        """The key of this id, of those at hand; without an id the only one there is. None: none."""
        held = self._held.get(url)
        if held is None or time.monotonic() - held.fetched_s > BELIEVED_S:
            return None
        fit = [(own, key) for own, key in held.keys if isinstance(key, _TYPE[algorithm])]
        if key_id is None:
            return fit[0][1] if len(fit) == 1 else None
        return next((key for own, key in fit if own == key_id), None)

    def has(self, url: str) -> bool:
        """Whether the address has told its keys, not too long ago."""
        held = self._held.get(url)
        return held is not None and time.monotonic() - held.fetched_s <= BELIEVED_S

    async def refresh(self, url: str) -> None:
        """Fetch the address's keys, unless that was tried within ``FLOOR_S``; callers share one fetch."""
        held = self._held.setdefault(url, _CachedKeySet())
        if held.fetching is None or held.fetching.done():
            if time.monotonic() - held.tried_s < FLOOR_S:
                return
            held.tried_s = time.monotonic()
            held.fetching = asyncio.create_task(self._fetch(url, held), name="fetch keys")
        await asyncio.shield(held.fetching)

    async def run(self, addresses: Callable[[], Iterable[str]]) -> None:
        """Keep the sets of the addresses at hand until cancelled, and let go of others."""
        while True:
            wanted = set(addresses())
            for url in self._held.keys() - wanted:
                del self._held[url]
            due = [url for url in wanted if self._is_due(url)]
            await asyncio.gather(*(self.refresh(url) for url in due))
            await asyncio.sleep(_LOOK_EVERY_S)

    def _is_due(self, url: str) -> bool:
        held = self._held.get(url)
        return held is None or time.monotonic() - held.fetched_s > AGAIN_AFTER_S

    async def _fetch(self, url: str, held: _CachedKeySet) -> None:
        """What goes wrong leaves the old set standing, and is logged without the address's path or query."""
        try:
            async with asyncio.timeout(FETCH_WITHIN_S):
                if fault := self.fault_of(url):
                    raise ValueError(fault)
                if not self._allows_loopback and await _resolves_to_loopback(url):
                    raise ValueError("the name leads to this machine")
                held.keys = keys_in(await _read(url))
            held.fetched_s = time.monotonic()
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError, ValueError) as error:
            reason = type(error).__name__
            log.warning("The keys of %s could not be fetched: %s", urlsplit(url).hostname, reason)


def fault_of_address(url: str, *, allows_loopback: bool) -> str | None:
    """Why ``url`` is no address to fetch keys from; None where it is."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "jwks_url is no URL."
    if not host or parts.username or parts.password or parts.fragment or any(sign <= " " for sign in url):
        return "jwks_url must be an https address without a user name or a fragment."
    if _is_loopback(host):
        told = "jwks_url leads to the service's own machine; POLLWIRE_JWKS_LOOPBACK=1 allows that."
        return None if allows_loopback and parts.scheme in ("http", "https") else told
    return None if parts.scheme == "https" else "jwks_url must begin with https://."


def keys_in(document: bytes) -> tuple[tuple[str | None, PublicKey], ...]:
    """The public keys for signatures in a JWK set, by their ids; others are passed over. ``ValueError``."""
    found = msgspec.json.decode(document)  # its DecodeError is a ValueError
    listed = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(listed, list):
        raise ValueError("no key set")
    keys = (_key_in(item) for item in listed[:MOST_KEYS])
    return tuple(key for key in keys if key is not None)


def is_strong(key: object) -> bool:
    """Whether a key may be trusted with signatures."""
    return isinstance(key, Ed25519PublicKey) or (
        isinstance(key, RSAPublicKey) and key.key_size >= SHORTEST_RSA_BITS
    )


def _key_in(item: Any) -> tuple[str | None, PublicKey] | None:  # Any: what a site wrote
    algorithm = {"RSA": "RS256", "OKP": "EdDSA"}.get(item.get("kty", "")) if isinstance(item, dict) else None
    if algorithm is None or item.get("use", "sig") != "sig" or item.get("alg", algorithm) != algorithm:
        return None
    if "d" in item:  # a private key that was published is everybody's
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
        httpx.AsyncClient(timeout=FETCH_WITHIN_S, follow_redirects=False) as client,
        client.stream("GET", url, headers={"Accept": "application/json"}) as answer,
    ):
        if answer.status_code != httpx.codes.OK:
            raise ValueError(f"status {answer.status_code}")
        async for part in answer.aiter_bytes(8192):
            body += part
            if len(body) > MOST_BYTES:
                raise ValueError("too long")
    return body


async def _resolves_to_loopback(url: str) -> bool:
    """Whether the host's name, by this machine's resolver, has an address of this very machine."""
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
