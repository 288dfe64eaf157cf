"""The client's address: the peer's, or what trusted proxies say, never what anybody else does."""

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

PROXIES = ("10.0.0.0/8", "2001:db8::/32", "unix")
PUBLIC, PROXY = "198.51.100.7", "10.0.0.1"


def seen(peer: str | None, **headers: str) -> ClientAddress:
    """The client of a request of ``peer`` with headers."""
    clients = ClientAddressResolver(PROXIES)
    named = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return clients.client(clients.peer(peer), named)


def packed(address: str) -> bytes:
    """An IPv4 address as clients have it."""
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
def test_addresses_are_read_from_the_right_over_trusted_proxies(
    peer: str | None, forwarded: str, client: str
) -> None:
    """The first address that is no trusted proxy's is the client's; what nobody trusted says is nothing."""
    assert seen(peer, x_forwarded_for=forwarded).address == packed(client)


@pytest.mark.parametrize("forwarded", ["unknown", "", "1.1.1.1, _hidden", "1.1.1.1, 999.1.1.1", "x" * 70])
def test_a_trusted_proxy_that_names_no_address_leaves_it_unknown(forwarded: str) -> None:
    """Nothing left of what cannot be read is believed."""
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
def test_the_standard_header_is_read_alike(forwarded: str, client: bytes) -> None:
    """``Forwarded`` says the same in other words; a quote left open hides nothing behind it."""
    assert seen(PROXY, forwarded=forwarded).address == client


def test_of_both_headers_the_one_that_proxies_write_counts() -> None:
    """A ``Forwarded`` that a client sent along does not outdo the proxy's own ``X-Forwarded-For``."""
    assert seen(PROXY, forwarded="for=1.1.1.1", x_forwarded_for=PUBLIC).address == packed(PUBLIC)


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
def test_a_trusted_proxy_says_whether_people_come_by_https(
    headers: dict[str, str], is_encrypted: bool
) -> None:
    """The nearest proxy's word counts, and nobody else's does."""
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
def test_a_network_is_what_one_customer_may_have(address: str, network: str) -> None:
    """A /24 of IPv4, a /64 of IPv6."""
    assert seen(address).network.hex() == network


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_header_whatever_makes_a_client_of_somebody_elses_choosing(left: str, forwarded: str) -> None:
    """Whatever a client writes to the left, the address that the proxy wrote stands; nothing raises."""
    headers = {b"x-forwarded-for": f"{left},{PUBLIC}".encode(), b"forwarded": forwarded.encode()}
    clients = ClientAddressResolver(PROXIES)
    assert clients.client(clients.peer(PROXY), headers).address == packed(PUBLIC)
    clients.client(clients.peer(PROXY), {b"forwarded": forwarded.encode()})


class Traffic:
    """Requests of peers nobody declared, at times of the test's own."""

    def __init__(self, trusted: tuple[str, ...] | None = None) -> None:
        self.now_s = 0.0
        self.clients = ClientAddressResolver(trusted, lambda: self.now_s)
        self.peer = self.clients.peer(PUBLIC)

    def come(self, count: int, *, forwarded: bool) -> ClientAddress:
        """The client of the last of so many requests."""
        headers = {b"x-forwarded-for": b"1.1.1.1"} if forwarded else {}
        return [self.clients.client(self.peer, headers) for _ in range(count)][-1]


def test_a_proxy_that_nobody_declared_is_told_of_and_shuts_nobody_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Where nearly all is forwarded, what is forwarded is limited no more; the log says so, once."""
    traffic = Traffic()
    with caplog.at_level(logging.CRITICAL):
        assert traffic.come(DETECTION_THRESHOLD - 1, forwarded=True).address == packed(PUBLIC)
        assert traffic.clients.note is None
        assert traffic.come(3, forwarded=True) == UNKNOWN
    assert traffic.come(1, forwarded=False).address == packed(PUBLIC), "who comes directly stays limited"
    assert "POLLWIRE_TRUSTED_PROXIES" in (traffic.clients.note or "")
    assert [record.getMessage() for record in caplog.records] == [traffic.clients.note]


def test_somebody_who_forges_headers_among_others_lifts_no_limit() -> None:
    """A tenth of plain requests is enough to show that there is no proxy before the service."""
    traffic = Traffic()
    traffic.come(DETECTION_THRESHOLD // 8, forwarded=False)
    assert traffic.come(DETECTION_THRESHOLD, forwarded=True).address == packed(PUBLIC)


def test_few_forged_headers_a_minute_lift_no_limit() -> None:
    """What came in another minute is not counted."""
    traffic = Traffic()
    for _ in range(4):
        assert traffic.come(DETECTION_THRESHOLD - 1, forwarded=True).address == packed(PUBLIC)
        traffic.now_s += WINDOW_S


def test_limits_come_back_when_the_proxy_is_gone() -> None:
    """A minute in which people come directly ends what an earlier one showed."""
    traffic = Traffic()
    assert traffic.come(DETECTION_THRESHOLD, forwarded=True) == UNKNOWN
    traffic.now_s += WINDOW_S
    traffic.come(50, forwarded=False)
    assert traffic.come(1, forwarded=True).address == packed(PUBLIC)
    assert traffic.clients.note is None


@pytest.mark.parametrize("trusted", [("none",), ("10.0.0.0/8",)])
def test_where_proxies_are_declared_no_other_lifts_a_limit(trusted: tuple[str, ...]) -> None:
    """An operator who said who may forward is warned of others, and limits stay."""
    traffic = Traffic(trusted)
    assert traffic.come(5 * DETECTION_THRESHOLD, forwarded=True).address == packed(PUBLIC)
    assert "count as one network" in (traffic.clients.note or "")
