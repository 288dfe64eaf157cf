"""Client address of a request: the address of the peer, or the address that a trusted proxy reports.

Any client can send ``X-Forwarded-For``. The header is trusted only from peers that
``POLLWIRE_TRUSTED_PROXIES`` names, and only the part that such proxies wrote. Addresses are read from right
to left, because each proxy appends the address of its own peer. The first address that is not a trusted proxy
is the client. Addresses further left may be forged by the client.

``POLLWIRE_FORWARDED_HEADER`` names the header that the proxies write, ``X-Forwarded-For`` or ``Forwarded``
(RFC 7239). A proxy removes only the header that it writes itself, so the client may have written the other
one. Without the setting (``auto``) either is read. If a request has both, the address that the nearest proxy
wrote must be the same in both. Otherwise the request counts as one of the proxy itself.

Nothing that a client sends lifts a limit. Behind an undeclared proxy, the whole audience counts as one
network. The headers that it adds reveal it, and operators are warned. Clients without a known address share
the buckets of ``network_tags``.

Cost: the address of a peer is parsed once and cached by its text. Each request costs two header lookups.
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

from pollwire_server.settings import ForwardedHeader

log = logging.getLogger("pollwire.auth")

_UNIX: Final = "unix"
_NONE: Final = "none"
MAX_HOPS: Final = 32
DETECTION_THRESHOLD: Final = 200
"""Forwarded requests in a minute. Fewer may be a client with a forged header."""
WINDOW_S: Final = 60.0

_X_FOR: Final = b"x-forwarded-for"
_X_PROTO: Final = b"x-forwarded-proto"
_FORWARDED: Final = b"forwarded"
_HOP = re.compile(r"\[?(?P<bare>[0-9a-fA-F:.]+?)(?:\]?:\d{1,5}|\])?")

Address = IPv4Address | IPv6Address
Proxy = IPv4Network | IPv6Network


class ClientAddress(msgspec.Struct, frozen=True):
    """The client address of a request, as far as its source is trusted."""

    address: bytes = b""
    """Packed.

    For IPv6 the /64 only, because one customer has all of it. Empty means unknown.
    """
    is_loopback: bool = False
    """True if the client runs on this machine and no proxy forwarded its request."""
    is_encrypted: bool = False
    """True if a trusted proxy reports that the client uses https."""

    @property
    def network(self) -> bytes:
        """Return the IPv4 /24 or the IPv6 /64, packed. Empty if the address is unknown."""
        return self.address[:3] if len(self.address) == 4 else self.address


class Peer(msgspec.Struct, frozen=True):
    """The other end of a connection."""

    client: ClientAddress
    is_trusted: bool


UNKNOWN: Final = ClientAddress()
_SCOPE_KEY: Final = "pollwire_client"


def client_in(scope: Any) -> ClientAddress:  # Any: an ASGI scope, as each framework types its own
    """Return the address that ``ClientAddressResolver.attach_to_scope`` stored in the ASGI scope."""
    address: ClientAddress = scope[_SCOPE_KEY]
    return address


class ClientAddressResolver:
    """Resolver of client addresses.

    ``trusted`` is the setting of trusted proxies, ``header`` the one that they write.
    """

    def __init__(
        self,
        trusted: tuple[str, ...] | None = (),
        header: ForwardedHeader = "auto",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        networks = [item for item in trusted or () if item not in (_UNIX, _NONE)]
        self._header = header
        self._proxies: tuple[Proxy, ...] = tuple(ip_network(item, strict=False) for item in networks)
        self._trusts_unix = _UNIX in (trusted or ())
        self._detector = UndeclaredProxyDetector(clock)
        self.peer = lru_cache(4096)(self._peer)

    @property
    def proxy_warning(self) -> str | None:
        """Return a warning for operators while requests come through an undeclared proxy, or None."""
        return self._detector.proxy_warning

    def client(self, peer: Peer, headers: Mapping[bytes, bytes]) -> ClientAddress:
        """Return the client of a request from ``peer``. Repeated headers are joined with commas."""
        if peer.is_trusted:
            return self._forwarded(peer, headers)
        if _X_FOR in headers or _FORWARDED in headers:
            self._detector.count_forwarded()
            return _without_loopback(peer.client)
        self._detector.plain += 1
        return peer.client

    def attach_to_scope(self, scope: Any) -> None:  # Any: as above
        """Resolve the client of an ASGI request or handshake, and store it in the scope for ``client_in``."""
        peer = scope.get("client")
        headers: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name in (_X_FOR, _X_PROTO, _FORWARDED):
                headers[name] = headers[name] + b"," + value if name in headers else value
        scope[_SCOPE_KEY] = self.client(self.peer(None if peer is None else peer[0]), headers)

    def _peer(self, host: str | None) -> Peer:
        if not host:
            return Peer(UNKNOWN, self._trusts_unix)
        address = _address_of(host)
        return (
            Peer(UNKNOWN, False) if address is None else Peer(_client_of(address), self._is_trusted(address))
        )

    def _is_trusted(self, address: Address) -> bool:
        return any(address in proxy for proxy in self._proxies)

    def _forwarded(self, peer: Peer, headers: Mapping[bytes, bytes]) -> ClientAddress:
        """Return the client that a trusted peer reports."""
        has_x_for = self._header != _FORWARDED.decode() and _X_FOR in headers
        has_forwarded = self._header != _X_FOR.decode() and _FORWARDED in headers
        elements = list(_elements(headers[_FORWARDED].decode("latin-1"))) if has_forwarded else []
        hops = [element.get("for", "") for element in elements]
        if has_x_for:
            x_hops = headers[_X_FOR].decode("latin-1").split(",")
            if has_forwarded and not _is_same_hop(x_hops, hops):
                return _without_loopback(peer.client)
            hops = x_hops
        encrypted = _scheme(headers.get(_X_PROTO), elements) == "https"
        client = _without_loopback(self._last_untrusted(hops[-MAX_HOPS:]))
        return msgspec.structs.replace(client, is_encrypted=True) if encrypted else client

    def _last_untrusted(self, hops: list[str]) -> ClientAddress:
        """Return the first untrusted address from the right.

        Unknown if a trusted proxy reports no address.
        """
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
    """Detector of undeclared proxies. It only warns operators: any client can send the same headers."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.plain = 0
        """Requests in this window without forwarding headers."""
        self._clock = clock
        self._forwarded = 0
        self._window_start_s = clock()
        self._is_detected = self._is_logged = False

    @property
    def proxy_warning(self) -> str | None:
        """Return a sentence for operators while a proxy is detected, or None."""
        if not self._is_detected:
            return None
        return (
            "Requests come through a proxy that POLLWIRE_TRUSTED_PROXIES does not name: all its clients "
            "count as one network. Set it to the proxy's addresses, if there is a proxy."
        )

    def count_forwarded(self) -> None:
        """Count a request with forwarding headers from an untrusted peer."""
        self._forwarded += 1
        if self._clock() - self._window_start_s >= WINDOW_S:
            self._is_detected = self._is_detected and self._is_majority(1)
            self.plain, self._forwarded, self._window_start_s = 0, 1, self._clock()
        if not self._is_detected and self._is_majority(DETECTION_THRESHOLD):
            self._is_detected = True
            if not self._is_logged:  # once, because a client can cause it again each minute
                self._is_logged = True
                log.critical("%s", self.proxy_warning)

    def _is_majority(self, minimum: int) -> bool:
        return self._forwarded >= max(minimum, 9 * self.plain)


@lru_cache(4096)
def _client_of(address: Address) -> ClientAddress:
    packed = address.packed if isinstance(address, IPv4Address) else address.packed[:8]
    return ClientAddress(packed, address.is_loopback)


def _without_loopback(client: ClientAddress) -> ClientAddress:
    """Return the client as one of another machine: a proxy forwarded its request."""
    return msgspec.structs.replace(client, is_loopback=False) if client.is_loopback else client


def _is_same_hop(hops: list[str], others: list[str]) -> bool:
    """Return True if both lists of hops end with the same address."""
    address = _hop_address(hops[-1].strip())
    return address is not None and bool(others) and address == _hop_address(others[-1].strip())


def _address_of(text: str) -> Address | None:
    """Parse an address. An IPv4-mapped IPv6 address becomes IPv4. A zone (``%eth0``) is ignored."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def _hop_address(hop: str) -> Address | None:
    """Parse a hop: an address with or without port, and IPv6 with or without brackets."""
    if (plain := _address_of(hop)) is not None:
        return plain
    match = _HOP.fullmatch(hop)
    return None if match is None else _address_of(match["bare"])


def _elements(text: str) -> Iterable[dict[str, str]]:
    """Return the elements of ``Forwarded`` (RFC 7239, section 4), with lower-case names.

    The header is split at every comma, even within quotes, because addresses contain no commas. Otherwise a
    quote that a client opened would hide the element that the proxy appended.
    """
    for element in filter(None, text.split(",")):
        pairs = (pair.partition("=") for pair in element.split(";"))
        yield {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}


def _scheme(forwarded_proto: bytes | None, elements: list[dict[str, str]]) -> str:
    """Return the scheme that the nearest proxy received the request with."""
    if forwarded_proto is not None:
        return forwarded_proto.decode("latin-1").rpartition(",")[2].strip().lower()
    return elements[-1].get("proto", "").lower() if elements else ""
