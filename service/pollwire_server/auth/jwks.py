"""Cache of issuers' public keys (JWKS, RFC 7517): fetched ahead of time and refreshed within limits.

``run`` fetches the key set of every URL when it appears, and then every ``REFRESH_INTERVAL_S``, so a token is
verified without waiting. A key id that is missing from the set triggers one more fetch, at most one every
``MIN_INTERVAL_S`` for each URL. So a client cannot make the service call an issuer at will. If a set cannot
be fetched, the cached keys stay valid for ``MAX_AGE_S``: a short outage of the issuer does not stop voting,
and a revoked key expires in the end.

``outbound.http_client`` sends the requests, to public addresses and by https only, except for what
``POLLWIRE_JWKS_ALLOW`` and ``POLLWIRE_JWKS_LOOPBACK`` name. A response is limited to ``MAX_BYTES`` and
``FETCH_TIMEOUT_S``. An encoded one (gzip) is rejected. After each failure in turn the pause doubles, up to
``REFRESH_INTERVAL_S``.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from ipaddress import ip_address
from typing import Any, Final

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from pollwire_server.domain.decoding import decode_json, without_byte_order_mark
from pollwire_server.outbound.http_client import OutboundClient
from pollwire_server.outbound.url_guard import (
    Address,
    AllowList,
    ForbiddenAddress,
    Resolve,
    host_of,
    is_public,
    resolved,
    url_of,
)

log = logging.getLogger("pollwire.auth")

REFRESH_INTERVAL_S: Final = 300.0
MIN_INTERVAL_S: Final = 10.0
MAX_AGE_S: Final = 3600.0
FETCH_TIMEOUT_S: Final = 3.0
MAX_BYTES: Final = 64 * 1024
MAX_KEYS: Final = 32
LOOPBACK: Final = ("localhost", "127.0.0.0/8", "::1")
"""Allowed with ``POLLWIRE_JWKS_LOOPBACK``."""
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
        self.failures = 0
        """Failed fetches since the last success."""
        self.fetching: asyncio.Task[None] | None = None


class JwksCache:
    """The key sets of all issuers with a JWKS URL. Belongs to one event loop."""

    def __init__(
        self, allowed: Sequence[str] = (), *, allows_loopback: bool = False, resolve: Resolve = resolved
    ) -> None:
        self._allowed = AllowList.of(
            (*allowed, *(LOOPBACK if allows_loopback else ())), "POLLWIRE_JWKS_ALLOW"
        )
        self._client = OutboundClient(self._allowed, FETCH_TIMEOUT_S, MAX_BYTES, resolve)
        self._key_sets: dict[str, _CachedKeySet] = {}

    def fault_of(self, url: str) -> str | None:
        """Return the reason why ``url`` is not allowed, or None."""
        return fault_of_url(url, self._allowed)

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
            if time.monotonic() - key_set.tried_s < _pause_s(key_set.failures):
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
            key_set.keys = keys_in(await self._read(url))
            key_set.fetched_s, key_set.failures = time.monotonic(), 0
        except ForbiddenAddress as error:
            key_set.failures += 1
            log.warning("Keys of an issuer could not be fetched: %s", error)
        except (httpx.HTTPError, TimeoutError, OSError, ValueError) as error:
            key_set.failures += 1
            reason = type(error).__name__
            log.warning("Keys of %s could not be fetched: %s", host_of(url_of(url)), reason)

    async def _read(self, url: str) -> bytes:
        response = await self._client.request("GET", url, {"Accept": "application/json"})
        if response.status != httpx.codes.OK:
            raise ValueError(f"status {response.status}")
        if response.encoding.strip().lower() not in ("", "identity"):
            raise ValueError("encoded")
        if response.body is None:
            raise ValueError("too long")
        return response.body


def _pause_s(failures: int) -> float:
    """Return the minimum time between two fetches after this number of failures in turn."""
    return min(REFRESH_INTERVAL_S, MIN_INTERVAL_S * 2.0 ** min(max(0, failures - 1), 16))


def fault_of_url(text: str, allowed: AllowList) -> str | None:
    """Return the reason why ``text`` is not a valid JWKS URL, or None. Host names are resolved by fetches."""
    try:
        url = url_of(text)
    except ForbiddenAddress as error:
        return str(error).replace("The url", "jwks_url")
    host = host_of(url)
    address = _literal_address(host)
    is_allowed = allowed.has_host(host) or (address is not None and allowed.has_address(address))
    if _is_localhost(host) and not is_allowed:
        return "jwks_url points to this machine. Set POLLWIRE_JWKS_LOOPBACK=1 to allow that."
    if address is not None and not is_allowed and not is_public(address):
        return f"jwks_url points to {address}, which is no public address. POLLWIRE_JWKS_ALLOW may name it."
    may_use_http = is_allowed or (address is None and bool(allowed.networks))
    return None if url.scheme == "https" or may_use_http else "jwks_url must begin with https://."


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


def _is_localhost(host: str) -> bool:
    name = host.lower().rstrip(".")
    return name == "localhost" or name.endswith(".localhost")


def _literal_address(host: str) -> Address | None:
    """Return the address that the host is, in every form that resolvers accept, or None for a name."""
    try:
        return ip_address(socket.inet_aton(host.rstrip(".")))  # also 127.1, 0x7f000001 and 2130706433
    except (OSError, UnicodeError):
        try:
            return ip_address(host.partition("%")[0])
        except ValueError:
            return None
