"""Client addresses behind trusted, untrusted and undeclared proxies."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pollwire_server.auth.client_address import (
    DETECTION_THRESHOLD,
    UNKNOWN,
    WINDOW_S,
    ClientAddress,
    ClientAddressResolver,
)
from pollwire_server.settings import ForwardedHeader

PROXIES = ("10.0.0.0/8", "2001:db8::/32", "unix")
PUBLIC, PROXY = "198.51.100.7", "10.0.0.1"


def seen(peer: str | None, **headers: str) -> ClientAddress:
    """Return the client of a request from ``peer`` with headers."""
    clients = ClientAddressResolver(PROXIES)
    named = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return clients.client(clients.peer(peer), named)


def packed(address: str) -> bytes:
    """Pack an IPv4 address."""
    return bytes(int(part) for part in address.split("."))


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        (PROXY, "198.51.100.7", "198.51.100.7"),
        (PROXY, "1.1.1.1, 198.51.100.7", "198.51.100.7"),
        (PROXY, "1.1.1.1, 198.51.100.7, 10.9.9.9", "198.51.100.7"),
        (PROXY, "198.51.100.7:4711", "198.51.100.7"),
        (PROXY, "10.1.1.1, 10.2.2.2", "10.1.1.1"),
        (PROXY, 'spoof"; , , 198.51.100.7', "198.51.100.7"),
        (PROXY, "::ffff:198.51.100.7", "198.51.100.7"),
        (None, "198.51.100.7", "198.51.100.7"),
        ("2001:db8::1", "198.51.100.7", "198.51.100.7"),
        ("::ffff:10.0.0.1", "198.51.100.7", "198.51.100.7"),
        (PUBLIC, "1.1.1.1", PUBLIC),
        ("192.0.2.1", "1.1.1.1, 10.0.0.1", "192.0.2.1"),
    ],
)
def test_client_is_last_untrusted_address(peer: str | None, forwarded: str, client: str) -> None:
    assert seen(peer, x_forwarded_for=forwarded).address == packed(client)


@pytest.mark.parametrize("forwarded", ["unknown", "", "1.1.1.1, _hidden", "1.1.1.1, 999.1.1.1", "x" * 70])
def test_unreadable_forwarded_address_is_unknown(forwarded: str) -> None:
    assert seen(PROXY, x_forwarded_for=forwarded) == UNKNOWN


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("for=198.51.100.7", packed("198.51.100.7")),
        ('For="198.51.100.7:80";proto=http, for=10.1.1.1', packed("198.51.100.7")),
        ('for="[2001:db9:1:2:3::4]:4711"', bytes.fromhex("20010db900010002")),
        ('for="1.1.1.1, for=198.51.100.7', packed("198.51.100.7")),
        ("by=10.0.0.2", b""),
    ],
)
def test_forwarded_header_is_parsed(forwarded: str, client: bytes) -> None:
    assert seen(PROXY, forwarded=forwarded).address == client


@pytest.mark.parametrize(
    ("forwarded", "x_forwarded_for", "client"),
    [
        ("for=198.51.100.7", PUBLIC, PUBLIC),
        ("for=1.1.1.1, for=198.51.100.7:80", f"2.2.2.2,{PUBLIC}", PUBLIC),
        ("for=198.51.100.7", "1.1.1.1", PROXY),
        ("for=1.1.1.1", PUBLIC, PROXY),
        ("for=_hidden", PUBLIC, PROXY),
        ("", PUBLIC, PROXY),
        ("for=_a", "_a", PROXY),
    ],
)
def test_headers_that_disagree_count_as_the_proxy(forwarded: str, x_forwarded_for: str, client: str) -> None:
    found = seen(PROXY, forwarded=forwarded, x_forwarded_for=x_forwarded_for)
    assert found.address == packed(client)


@pytest.mark.parametrize(
    ("header", "client"), [("x-forwarded-for", "1.1.1.1"), ("forwarded", PUBLIC), ("auto", PROXY)]
)
def test_named_header_is_the_only_one_read(header: ForwardedHeader, client: str) -> None:
    clients = ClientAddressResolver(PROXIES, header)
    headers = {b"x-forwarded-for": b"1.1.1.1", b"forwarded": f"for={PUBLIC}".encode()}
    assert clients.client(clients.peer(PROXY), headers).address == packed(client)


def test_forwarded_client_is_not_of_this_machine() -> None:
    clients = ClientAddressResolver()
    peer = clients.peer("127.0.0.1")
    assert clients.client(peer, {}).is_loopback
    assert not clients.client(peer, {b"x-forwarded-for": b""}).is_loopback
    assert not seen(PROXY, x_forwarded_for="127.0.0.1").is_loopback


@pytest.mark.parametrize(
    ("headers", "is_encrypted"),
    [
        ({"x_forwarded_proto": "https"}, True),
        ({"x_forwarded_proto": "https, http"}, False),
        ({"x_forwarded_proto": "http"}, False),
        ({"forwarded": "for=1.1.1.1;proto=HTTPS"}, True),
        ({}, False),
    ],
)
def test_trusted_proxy_reports_https(headers: dict[str, str], is_encrypted: bool) -> None:
    assert seen(PROXY, **headers).is_encrypted is is_encrypted
    assert not seen(PUBLIC, **headers).is_encrypted


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.51.100.7", "c63364"),
        ("2001:db9:1:2:3:4:5:6", "20010db900010002"),
        ("2001:db9:1:2::1", "20010db900010002"),
        ("fe80::1%eth0", "fe80000000000000"),
    ],
)
def test_network_is_ipv4_24_or_ipv6_64(address: str, network: str) -> None:
    assert seen(address).network.hex() == network


@given(st.text(max_size=60), st.text(max_size=60))
def test_client_cannot_forge_its_address(left: str, forwarded: str) -> None:
    x_for = {b"x-forwarded-for": f"{left},{PUBLIC}".encode()}
    clients = ClientAddressResolver(PROXIES)
    peer = clients.peer(PROXY)
    assert clients.client(peer, x_for).address == packed(PUBLIC)
    both = clients.client(peer, x_for | {b"forwarded": forwarded.encode()})
    assert both.address in (packed(PUBLIC), packed(PROXY))
    clients.client(peer, {b"forwarded": forwarded.encode()})


class Traffic:
    """Simulated requests of an undeclared peer, with a fake clock."""

    def __init__(self, trusted: tuple[str, ...] | None = None) -> None:
        self.now_s = 0.0
        self.clients = ClientAddressResolver(trusted, clock=lambda: self.now_s)
        self.peer = self.clients.peer(PUBLIC)

    def come(self, count: int, *, forwarded: bool) -> ClientAddress:
        """Send ``count`` requests and return the client of the last one."""
        headers = {b"x-forwarded-for": b"1.1.1.1"} if forwarded else {}
        return [self.clients.client(self.peer, headers) for _ in range(count)][-1]


@pytest.mark.parametrize("trusted", [None, ("none",), ("10.0.0.0/8",)])
def test_forged_headers_keep_the_peers_address_and_are_logged_once(
    caplog: pytest.LogCaptureFixture, trusted: tuple[str, ...] | None
) -> None:
    traffic = Traffic(trusted)
    with caplog.at_level(logging.CRITICAL):
        for _ in range(3):
            assert traffic.come(5 * DETECTION_THRESHOLD, forwarded=True).address == packed(PUBLIC)
            assert traffic.come(1, forwarded=False).address == packed(PUBLIC)
            assert "count as one network" in (traffic.clients.proxy_warning or "")
            traffic.now_s += WINDOW_S
            traffic.come(DETECTION_THRESHOLD, forwarded=False)
            traffic.come(1, forwarded=True)
    assert len(caplog.records) == 1


def test_forged_headers_among_direct_requests_cause_no_warning() -> None:
    traffic = Traffic()
    traffic.come(DETECTION_THRESHOLD // 8, forwarded=False)
    traffic.come(DETECTION_THRESHOLD, forwarded=True)
    assert traffic.clients.proxy_warning is None


def test_warning_ends_without_the_proxy() -> None:
    traffic = Traffic()
    traffic.come(DETECTION_THRESHOLD, forwarded=True)
    assert traffic.clients.proxy_warning is not None
    traffic.now_s += WINDOW_S
    traffic.come(50, forwarded=False)
    traffic.come(1, forwarded=True)
    assert traffic.clients.proxy_warning is None
