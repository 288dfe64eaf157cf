"""Where a request comes from: the peer's address, or what a trusted proxy says of it, and nothing else.

Anybody can write ``X-Forwarded-For``. It is believed only from peers that ``POLLWIRE_TRUSTED_PROXIES`` names,
and only as far as such proxies wrote it: addresses are read from the right, where the nearest proxy has put
its own peer, and the first that is no trusted proxy is the client. What stands further left the client may
have written itself. ``Forwarded`` (RFC 7239) is read where there is no ``X-Forwarded-For``; of both, the
latter, which nearly every proxy writes and few strip the former.

A proxy that was not declared makes a whole audience look like one network, and a limit would shut it out. It
shows by what it adds: where nearly every request of a minute was forwarded by peers that are not trusted,
forwarded requests are limited no more, and the log and ``/readyz`` say so. An attacker who reaches the
service directly could bring that about as well, so it can be ruled out: with ``POLLWIRE_TRUSTED_PROXIES``
set, be it to ``none``, limits stay.

Cost: a peer's address is read once a connection and remembered by its text; a request costs two looks into
its headers.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final

import msgspec

log = logging.getLogger("pollwire.clients")

_UNIX: Final = "unix"
_NONE: Final = "none"
MOST_HOPS: Final = 32
SHOWS_FROM: Final = 200
"""Forwarded requests in a minute; fewer are somebody trying something."""
WINDOW_S: Final = 60.0

_X_FOR: Final = b"x-forwarded-for"
_X_PROTO: Final = b"x-forwarded-proto"
_FORWARDED: Final = b"forwarded"
_HOP = re.compile(r"\[?(?P<bare>[0-9a-fA-F:.]+?)(?:\]?:\d{1,5}|\])?")

Address = IPv4Address | IPv6Address
Proxy = IPv4Network | IPv6Network


class ClientAddress(msgspec.Struct, frozen=True):
    """Where a request comes from, as far as that is believed."""

    address: bytes = b""
    """Packed; of IPv6 the /64 alone, all of which is one customer's. Empty: not known, and not limited."""
    is_loopback: bool = False
    is_encrypted: bool = False
    """Whether a trusted proxy says that people reach it by https."""

    @property
    def network(self) -> bytes:
        """The IPv4 /24 or the IPv6 /64, packed; empty where the address is not known."""
        return self.address[:3] if len(self.address) == 4 else self.address


class Peer(msgspec.Struct, frozen=True):
    """The other end of a connection."""

    client: ClientAddress
    is_trusted: bool


UNKNOWN: Final = ClientAddress()
_IN_SCOPE: Final = "pollwire_client"


def client_in(scope: Any) -> ClientAddress:  # Any: an ASGI scope, as each framework types its own
    """The client that ``Clients.mark`` has found out."""
    found: ClientAddress = scope[_IN_SCOPE]
    return found


class ClientAddressResolver:
    """Tells where requests come from; ``trusted`` as in the settings, None where they say nothing."""

    def __init__(
        self, trusted: tuple[str, ...] | None = (), clock: Callable[[], float] = time.monotonic
    ) -> None:
        named = [item for item in trusted or () if item not in (_UNIX, _NONE)]
        self._proxies: tuple[Proxy, ...] = tuple(ip_network(item, strict=False) for item in named)
        self._trusts_unix = _UNIX in (trusted or ())
        self._undeclared = UndeclaredProxyDetector(clock, may_lift=trusted is None)
        self.peer = lru_cache(4096)(self._peer)

    @property
    def note(self) -> str | None:
        """What operators should know: network limits are off, and why."""
        return self._undeclared.note

    def client(self, peer: Peer, headers: Mapping[bytes, bytes]) -> ClientAddress:
        """The client of a request that ``peer`` sent; several lines of one name joined with commas."""
        if peer.is_trusted:
            return self._forwarded(headers)
        if _X_FOR in headers or _FORWARDED in headers:
            return UNKNOWN if self._undeclared.forwarded() else peer.client
        self._undeclared.plain += 1
        return peer.client

    def attach_to_scope(self, scope: Any) -> None:  # Any: as above
        """Finds out whose a request or handshake is that came the ordinary way, for ``client_in``."""
        peer = scope.get("client")
        headers: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name in (_X_FOR, _X_PROTO, _FORWARDED):
                headers[name] = headers[name] + b"," + value if name in headers else value
        scope[_IN_SCOPE] = self.client(self.peer(None if peer is None else peer[0]), headers)

    def _peer(self, host: str | None) -> Peer:
        if not host:
            return Peer(UNKNOWN, self._trusts_unix)
        address = _address_of(host)
        return (
            Peer(UNKNOWN, False) if address is None else Peer(_client_of(address), self._is_trusted(address))
        )

    def _is_trusted(self, address: Address) -> bool:
        return any(address in proxy for proxy in self._proxies)

    def _forwarded(self, headers: Mapping[bytes, bytes]) -> ClientAddress:
        """What a trusted peer says of its client, and of the proxies between."""
        elements = list(_elements(headers.get(_FORWARDED, b"").decode("latin-1")))
        if _X_FOR in headers:
            hops = headers[_X_FOR].decode("latin-1").split(",")
        else:
            hops = [element.get("for", "") for element in elements]
        encrypted = _protocol(headers.get(_X_PROTO), elements) == "https"
        client = self._last_untrusted(hops[-MOST_HOPS:])
        return msgspec.structs.replace(client, is_encrypted=True) if encrypted else client

    def _last_untrusted(self, hops: list[str]) -> ClientAddress:
        """From the right, the first that is no trusted proxy; unknown where a trusted one names none."""
        nearest = UNKNOWN
        for hop in reversed(hops):
            address = _hop_address(hop.strip())
            if address is None:
                return UNKNOWN
            nearest = _client_of(address)
            if not self._is_trusted(address):
                break
        return nearest


class UndeclaredProxyDetector:
    """Whether requests are forwarded by proxies that nobody declared; ``may_lift``: which lifts limits."""

    def __init__(self, clock: Callable[[], float], *, may_lift: bool) -> None:
        self.plain = 0
        """Requests of this window that nobody forwarded."""
        self._clock = clock
        self._may_lift = may_lift
        self._forwarded = 0
        self._began_s = clock()
        self._shows = False

    @property
    def note(self) -> str | None:
        """A sentence for operators while a proxy shows."""
        if not self._shows:
            return None
        then = "network limits are off" if self._may_lift else "all its clients count as one network"
        return (
            f"Requests come through a proxy that POLLWIRE_TRUSTED_PROXIES does not name: {then}. "
            "Set it to the proxy's addresses (or to none, if there is no proxy)."
        )

    def forwarded(self) -> bool:
        """One more from a peer that is not trusted; whether its address is to be taken for unknown."""
        self._forwarded += 1
        if self._clock() - self._began_s >= WINDOW_S:
            self._shows = self._shows and self._is_rule(1)
            self.plain, self._forwarded, self._began_s = 0, 1, self._clock()
        if not self._shows and self._is_rule(SHOWS_FROM):
            self._shows = True
            log.critical("%s", self.note)
        return self._shows and self._may_lift

    def _is_rule(self, least: int) -> bool:
        return self._forwarded >= max(least, 9 * self.plain)


@lru_cache(4096)
def _client_of(address: Address) -> ClientAddress:
    packed = address.packed if isinstance(address, IPv4Address) else address.packed[:8]
    return ClientAddress(packed, address.is_loopback)


def _address_of(text: str) -> Address | None:
    """IPv4 that came over an IPv6 socket is IPv4; a zone (``%eth0``) says nothing to us."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def _hop_address(hop: str) -> Address | None:
    """The address of a hop: with or without a port, and IPv6 with or without brackets."""
    if (plain := _address_of(hop)) is not None:
        return plain
    written = _HOP.fullmatch(hop)
    return None if written is None else _address_of(written["bare"])


def _elements(text: str) -> Iterable[dict[str, str]]:
    """The elements of ``Forwarded`` (RFC 7239, section 4), names in lower case.

    Cut at every comma, also within quotes, where addresses have none: else a quote that a client opened would
    swallow what the proxy wrote behind it.
    """
    for element in filter(None, text.split(",")):
        pairs = (pair.partition("=") for pair in element.split(";"))
        yield {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}


def _protocol(told: bytes | None, elements: list[dict[str, str]]) -> str:
    """The scheme that the nearest proxy was asked by."""
    if told is not None:
        return told.decode("latin-1").rpartition(",")[2].strip().lower()
    return elements[-1].get("proto", "").lower() if elements else ""
