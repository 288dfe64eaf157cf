"""URL guard against server-side request forgery: requests must not reach the service's own network.

The URL of a webhook or a key set makes this service send a request from inside its network. So the
guard resolves the host first and checks *every* address that it has. The connection goes to a checked
address, never to the host name. A name server that replies differently the second time ("DNS rebinding")
cannot bypass the check.

The kind of an address comes from the IANA registries (``is_global`` of ``ipaddress``). An IPv6 address that
embeds an IPv4 address, by mapping or translation, is checked as the embedded one. ``POLLWIRE_WEBHOOK_ALLOW``
and ``POLLWIRE_JWKS_ALLOW`` list hosts and networks that are allowed nevertheless, also without https.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

import httpx
import msgspec

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the addresses of a host and port, as text. Raises ``OSError`` if there are none."""

MAX_URL_LENGTH: Final = 2000
_NON_PUBLIC_NETWORKS: Final = tuple(
    ip_network(text)
    for text in (
        "168.63.129.16/32",  # a public number, but an internal service of a cloud (Azure)
        "192.0.0.0/24",  # protocol assignments, some are metadata services. Older Pythons know a part
        "192.88.99.0/24",  # relays of 6to4, deprecated (RFC 7526)
        "64:ff9b:1::/48",  # translation within one network (RFC 8215)
        "2001::/23",  # protocol assignments, Teredo among them
        "3fff::/20",  # documentation (RFC 9637)
        "5f00::/16",  # segment routing (RFC 9602)
    )
)
"""Added to the registries in ``ipaddress``, which differ between Python versions."""
_TRANSLATED: Final = (IPv6Network("64:ff9b::/96"), IPv6Network("::/96"))
"""IPv6 networks with an IPv4 address at the end: NAT64 (RFC 6052), IPv4-compatible (RFC 4291)."""


class ForbiddenAddress(Exception):
    """Error: the URL is not allowed. The message is a sentence for the operator."""


class AllowList(msgspec.Struct, frozen=True):
    """Hosts and networks that are allowed in addition to the public internet."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    setting: str = "POLLWIRE_WEBHOOK_ALLOW"
    """Name of the setting, for errors."""

    @classmethod
    def of(cls, items: Sequence[str], setting: str = "POLLWIRE_WEBHOOK_ALLOW") -> AllowList:
        """Create the list from the items of ``setting``: host names, addresses and networks."""
        hosts, networks = set(), []
        for item in items:
            try:
                networks.append(ip_network(item, strict=False))
            except ValueError:
                hosts.add(item.lower().rstrip("."))
        return cls(frozenset(hosts), tuple(networks), setting)

    def has_host(self, host: str) -> bool:
        """Return True if the host name is allowed."""
        return host.lower().rstrip(".") in self.hosts

    def has_address(self, address: Address) -> bool:
        """Return True if the address, or the IPv4 address embedded in it, is in an allowed network."""
        inner = _embedded_ipv4(address)
        return any(
            address in network or (inner is not None and inner in network) for network in self.networks
        )


def is_public(address: Address) -> bool:
    """Return True if the address is a unicast address that is reachable from the internet."""
    inner = _embedded_ipv4(address)
    if inner is not None:
        return is_public(inner)
    is_site_local = isinstance(address, IPv6Address) and address.is_site_local
    return (
        address.is_global
        and not (address.is_multicast or address.is_reserved or is_site_local)
        and not any(address in network for network in _NON_PUBLIC_NETWORKS)
    )


def _embedded_ipv4(address: Address) -> IPv4Address | None:
    """Return the IPv4 address that is embedded in an IPv6 address, or None."""
    if isinstance(address, IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if any(address in network for network in _TRANSLATED):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def url_of(text: str) -> httpx.URL:
    """Parse the URL with the library that sends the requests. Raises ``ForbiddenAddress``."""
    try:
        url = httpx.URL(text)
        port_is_fit = url.port is None or 0 < url.port < 65536
        has_host = bool(url.host)  # parses the host: an invalid international name raises here
        urlsplit(text)  # raises for an unclosed bracket, which httpx accepts
    except (httpx.InvalidURL, ValueError, UnicodeError):
        raise ForbiddenAddress("The url cannot be read as one.") from None
    if len(text) > MAX_URL_LENGTH or not text.isprintable() or any(sign.isspace() for sign in text):
        raise ForbiddenAddress(f"The url must be at most {MAX_URL_LENGTH} characters, and without blanks.")
    if url.scheme not in ("http", "https") or not has_host or not port_is_fit:
        raise ForbiddenAddress("The url must be a whole address that begins with https://.")
    if url.userinfo or url.fragment or "@" in url.netloc.decode("ascii", "replace"):
        raise ForbiddenAddress("The url must not have a user name, a password or a fragment.")
    return url


def host_of(url: httpx.URL) -> str:
    """Return the host as in DNS and certificates: in ASCII, an address without brackets."""
    return url.raw_host.decode("ascii")


async def resolved(host: str, port: int) -> Sequence[str]:
    """Return the addresses of the system resolver, without duplicates."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def addresses_of(url: httpx.URL, allowed: AllowList, resolve: Resolve) -> list[Address]:
    """Return the addresses of the host. Raises ``ForbiddenAddress`` if any of them is forbidden."""
    port, host = url.port or (443 if url.scheme == "https" else 80), host_of(url)
    try:
        found = [ip_address(text) for text in await resolve(host, port)]
    except (OSError, ValueError, UnicodeError):
        found = []
    if not found:
        raise ForbiddenAddress(f"The host {host} has no address.")
    by_name = allowed.has_host(host)
    is_allowed = [by_name or allowed.has_address(address) for address in found]
    for address, exempt in zip(found, is_allowed, strict=True):
        if not exempt and not is_public(address):
            raise ForbiddenAddress(
                f"The host {host} leads to {address}, which is no public address;"
                f" {allowed.setting} may name it."
            )
    if url.scheme == "http" and not all(is_allowed):
        raise ForbiddenAddress("The url must begin with https://.")
    return found
