"""TLS to one store: real handshakes, refused certificates, and the sentence for each."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pollwire_server.store import Store, open_store
from pollwire_server.store.transport.function_library import UnsupportedStore
from pollwire_server.store.votes.ballots import BallotInput, BallotStatus

from tests.cluster.nodes import Node, running
from tests.factories import a_voter
from tests.store.ballot_helpers import cast, made, tally_of
from tests.tls_relay import HOST, Authority, TlsRelay, tls_relay
from tests.valkey import Valkey


@pytest.fixture(scope="module")
def relay() -> Iterator[TlsRelay]:
    with tls_relay() as relay:
        yield relay


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def port(relay: TlsRelay, authority: Authority, valkey: Valkey) -> int:
    """Return the port of a store whose certificate is for ``localhost`` and its address."""
    return relay.listen(valkey.socket_path, authority.issue("store", "localhost", HOST))


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Store]:
    """Open the store and close it."""
    store = await open_store(url, namespace="tls")
    try:
        yield store
    finally:
        await store.close()


async def problem_of(url: str) -> str:
    """Return the reason why the store cannot be used. Fails if it can."""
    async with opened(url) as store:
        assert not store.connection.is_up
        assert store.connection.last_error is not None
        return store.connection.last_error


@pytest.mark.parametrize("host", ["localhost", HOST])
async def test_votes_and_notifications_pass_through_tls(
    relay: TlsRelay, authority: Authority, port: int, host: str
) -> None:
    before = relay.handshakes[port]
    async with opened(f"rediss://{host}:{port}?ssl_ca_certs={authority.path}") as store:
        record = await made(store, id=f"tls-{'ip' if host == HOST else 'name'}")
        assert await cast(store, record, BallotInput(a_voter(), "A")) == [BallotStatus.COUNTED]
        assert (await tally_of(store, record)).voters == 1
        subscription = store.connection.new_connection()
        await subscription.connect()
        await subscription.send_command("SUBSCRIBE", "tls")
        assert (await subscription.read_response())[0] == b"subscribe"
        await subscription.disconnect()
    assert relay.handshakes[port] >= before + 2


async def test_system_authorities_are_the_default_and_not_an_addition(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, authority: Authority, port: int
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    async with opened(f"rediss://localhost:{port}") as store:
        assert store.connection.is_up
    other = Authority(tmp_path, "Other authority")
    assert "certificate is rejected" in await problem_of(
        f"rediss://localhost:{port}?ssl_ca_certs={other.path}"
    )


async def test_certificate_of_unknown_authority_is_rejected(port: int) -> None:
    assert await problem_of(f"rediss://localhost:{port}") == (
        "The store's certificate is rejected: unable to get local issuer certificate."
    )


async def test_certificate_for_another_host_is_rejected(
    relay: TlsRelay, authority: Authority, valkey: Valkey
) -> None:
    port = relay.listen(valkey.socket_path, authority.issue("elsewhere", "store.example"))
    url = f"rediss://localhost:{port}?ssl_ca_certs={authority.path}"
    assert await problem_of(url) == (
        "The store's certificate is rejected: Hostname mismatch, certificate is not valid for 'localhost'."
    )
    assert "IP address mismatch" in await problem_of(url.replace("localhost", HOST))
    async with opened(f"{url}&ssl_check_hostname=false") as store:
        assert store.connection.is_up


async def test_expired_certificate_is_rejected(relay: TlsRelay, authority: Authority, valkey: Valkey) -> None:
    port = relay.listen(valkey.socket_path, authority.issue("expired", "localhost", days=-1))
    url = f"rediss://localhost:{port}?ssl_ca_certs={authority.path}"
    assert await problem_of(url) == "The store's certificate is rejected: certificate has expired."
    async with opened(f"rediss://localhost:{port}?ssl_cert_reqs=none") as store:
        assert store.connection.is_up


async def test_client_certificate_is_sent(relay: TlsRelay, authority: Authority, valkey: Valkey) -> None:
    port = relay.listen(
        valkey.socket_path, authority.issue("mutual", "localhost"), client_authority=authority.path
    )
    url = f"rediss://localhost:{port}?ssl_ca_certs={authority.path}"
    await problem_of(url)
    client = authority.issue("client", "client.example")
    async with opened(f"{url}&ssl_certfile={client}&ssl_keyfile={client}") as store:
        assert store.connection.is_up
    encrypted = authority.issue("encrypted", "client.example", password="s3cret")
    async with opened(f"{url}&ssl_certfile={encrypted}&ssl_password=s3cret") as store:
        assert store.connection.is_up


async def test_minimum_version_applies(relay: TlsRelay, authority: Authority, valkey: Valkey) -> None:
    certificate = authority.issue("old", "localhost")
    port = relay.listen(valkey.socket_path, certificate, newest=ssl.TLSVersion.TLSv1_2)
    url = f"rediss://localhost:{port}?ssl_ca_certs={authority.path}"
    async with opened(f"{url}&ssl_min_version=TLSv1.2") as store:
        assert store.connection.is_up
    await problem_of(f"{url}&ssl_min_version=TLSv1.3")


async def test_port_without_tls_is_named(authority: Authority) -> None:
    with running(Node) as plain:
        url = f"rediss://{plain.address}?ssl_ca_certs={authority.path}"
        assert await problem_of(url) == (
            "The store does not answer with TLS; the port may be one for redis:// without TLS."
        )


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("ssl_ca_certs={empty}", "'ssl_ca_certs', which names a file without certificates"),
        ("ssl_ca_certs={folder}", "'ssl_ca_certs', which names a file without certificates"),
        ("ssl_ca_certs={folder}/none", "'ssl_ca_certs', which names an unreadable file"),
        ("ssl_ca_path={empty}", "'ssl_ca_path', which must name a folder"),
        ("ssl_certfile={empty}", "'ssl_certfile', whose files must be a certificate and its key"),
        ("ssl_certfile={one}&ssl_keyfile={two}", r"a key \('ssl_keyfile'\) of another certificate"),
        ("ssl_certfile={encrypted}", "an encrypted key needs its 'ssl_password'"),
        ("ssl_certfile={encrypted}&ssl_password=wr0ng", "an encrypted key needs its 'ssl_password'"),
    ],
    ids=["no CA", "folder", "no file", "no folder", "no certificate", "other key", "no password", "password"],
)
async def test_unusable_file_fails_the_start(
    tmp_path: Path, authority: Authority, options: str, reason: str
) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    files = {
        "empty": empty,
        "folder": tmp_path,
        "one": authority.issue("one", "client.example"),
        "two": authority.issue("two", "client.example"),
        "encrypted": authority.issue("locked", "client.example", password="s3cret"),
    }
    with pytest.raises(UnsupportedStore, match=f"^The store's URL has .*{reason}") as failure:
        await open_store(f"rediss://localhost:1?{options.format(**files)}")
    assert "wr0ng" not in str(failure.value)
