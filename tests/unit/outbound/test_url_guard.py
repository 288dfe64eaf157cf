"""Allowed addresses of outbound requests. Internal addresses are rejected in every notation."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

import pytest
from pollwire_server.admin.webhooks.http_sender import WebhookSender
from pollwire_server.outbound.url_guard import (
    AllowList,
    ForbiddenAddress,
    Resolve,
    addresses_of,
    is_public,
    url_of,
)

from tests.webhook_receiver import receiving

INSIDE = {
    "unspecified": "0.0.0.0",
    "this network": "0.1.2.3",
    "private 10": "10.0.0.1",
    "private 172": "172.16.0.1",
    "private 192": "192.168.0.1",
    "shared (carriers)": "100.64.0.1",
    "loopback": "127.0.0.1",
    "loopback elsewhere": "127.8.9.10",
    "link-local": "169.254.0.1",
    "metadata": "169.254.169.254",
    "metadata (shared)": "100.100.100.200",
    "a cloud's own": "168.63.129.16",
    "protocols": "192.0.0.192",
    "documentation": "203.0.113.7",
    "benchmarks": "198.18.0.1",
    "multicast": "224.0.0.1",
    "global multicast": "233.252.1.1",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "unspecified v6": "::",
    "loopback v6": "::1",
    "link-local v6": "fe80::1",
    "link-local with a zone": "fe80::1%2",
    "unique local": "fd00:ec2::254",
    "site-local": "fec0::1",
    "multicast v6": "ff02::1",
    "documentation v6": "2001:db8::1",
    "mapped": "::ffff:127.0.0.1",
    "mapped private": "::ffff:10.1.1.1",
    "compatible": "::7f00:1",
    "translated": "64:ff9b::a00:1",
    "6to4": "2002:7f00:1::",
    "translated within": "64:ff9b:1::a00:1",
    "segment routing": "5f00::1",
    "documentation, newer": "3fff::1",
    "teredo": "2001:0:53aa:64c:0:0:f5ff:fffe",
}
OUTSIDE = ["93.184.215.14", "1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]


def resolver(*answers: Sequence[str]) -> tuple[list[tuple[str, int]], Resolve]:
    """Return the list of lookups, and a resolver that gives each answer once and then repeats the last."""
    asked: list[tuple[str, int]] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append((host, port))
        return answers[min(len(asked), len(answers)) - 1]

    return asked, resolve


@pytest.mark.parametrize("text", INSIDE.values(), ids=INSIDE.keys())
def test_internal_address_is_not_public(text: str) -> None:
    """Private, special-purpose and translated addresses are internal."""
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", OUTSIDE)
def test_internet_address_is_public(text: str) -> None:
    """IPv4 addresses inside IPv6 addresses count too."""
    assert is_public(ip_address(text))


async def test_host_with_one_internal_address_is_rejected() -> None:
    """The order of the addresses does not matter."""
    for found in (["1.1.1.1", "10.0.0.1"], ["10.0.0.1", "1.1.1.1"], ["::1", "1.1.1.1"]):
        _, resolve = resolver(found)
        with pytest.raises(ForbiddenAddress, match="no public address"):
            await addresses_of(url_of("https://example.org/"), AllowList(), resolve)


@pytest.mark.parametrize(
    ("items", "host", "found", "is_let_in"),
    [
        (["10.0.0.0/8"], "intern.example", "10.1.2.3", True),
        (["10.0.0.0/8"], "intern.example", "192.168.1.1", False),
        (["10.0.0.0/8"], "intern.example", "::ffff:10.1.2.3", True),
        (["::1"], "intern.example", "::1", True),
        (["intern.example"], "INTERN.example.", "192.168.1.1", True),
        (["intern.example"], "other.example", "192.168.1.1", False),
        (["intern.example"], "intern.example.evil.example", "192.168.1.1", False),
    ],
)
async def test_allowed_hosts_and_networks_are_accepted(
    items: list[str], host: str, found: str, is_let_in: bool
) -> None:
    """Allowed hosts and networks may use plain HTTP. No other host is accepted."""
    _, resolve = resolver([found])
    for scheme in ("http", "https"):
        asked = addresses_of(url_of(f"{scheme}://{host}/"), AllowList.of(items), resolve)
        if is_let_in:
            assert await asked == [ip_address(found)]
        else:
            with pytest.raises(ForbiddenAddress):
                await asked


async def test_plain_http_to_public_host_is_rejected() -> None:
    _, resolve = resolver(["1.1.1.1"])
    with pytest.raises(ForbiddenAddress, match="https"):
        await addresses_of(url_of("http://example.org/"), AllowList(), resolve)


async def test_host_that_changes_to_internal_address_gets_no_request() -> None:
    """The host is public when the webhook is checked, and internal when the event is sent."""
    async with receiving() as site:
        port = site.url.partition("127.0.0.1:")[2]
        asked, resolve = resolver(["1.1.1.1"], ["127.0.0.1"])
        sender = WebhookSender(AllowList(), 2.0, resolve)
        url = f"https://moving.example:{port}"
        await sender.check_url(url)
        sent = await sender.send(url, "whsec_c2VjcmV0", "a-1", b"{}")
        await sender.close()
        assert sent.status is None
        assert "127.0.0.1" in sent.error
        assert len(asked) == 2
        assert site.deliveries == []


async def test_connection_uses_the_checked_address() -> None:
    """The name is resolved once for each attempt. The Host header still has the name."""
    async with receiving() as site:
        port = site.url.partition("127.0.0.1:")[2]
        asked, resolve = resolver(["127.0.0.1"], ["192.0.2.1"])
        sender = WebhookSender(AllowList.of(["127.0.0.1"]), 2.0, resolve)
        sent = await sender.send(f"http://moving.example:{port}", "whsec_c2VjcmV0", "a-1", b"{}")
        await sender.close()
        assert (sent.status, len(asked)) == (204, 1)
        assert site.deliveries[0].headers["host"] == f"moving.example:{port.partition('/')[0]}"


async def test_host_without_addresses_fails_with_a_message() -> None:
    """The sender returns an error and raises no exception."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        raise OSError(f"{host}:{port} is not known")

    sender = WebhookSender(AllowList(), 2.0, resolve)
    sent = await sender.send("https://nowhere.example/", "whsec_c2VjcmV0", "a-1", b"{}")
    assert (sent.status, sent.error) == (None, "The host nowhere.example has no address.")


async def test_silent_receiver_times_out() -> None:
    """The receiver accepts the request and never responds."""
    async with receiving() as site:

        async def never(_: object) -> int:
            await site.ended.wait()
            return 204

        site.answering = never
        sender = WebhookSender(AllowList.of(["127.0.0.1"]), 0.2)
        sent = await sender.send(site.url, "whsec_c2VjcmV0", "a-1", b"{}")
        await sender.close()
        assert (sent.status, sent.error) == (None, "no answer within 0.2 s")


@pytest.mark.parametrize("text", ["https://xn--/", "https://xn--a-/x", "https://[::1", "https://0177.0.0.1/"])
def test_invalid_host_fails_with_a_message(text: str) -> None:
    """Invalid international names are rejected and raise no other exception."""
    with pytest.raises(ForbiddenAddress, match="cannot be read as one"):
        url_of(text)
