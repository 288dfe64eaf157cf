"""TLS in front of a real store, because the packaged Valkey has none: certificates and a relay."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST: Final = "127.0.0.1"
_TLS_HANDSHAKE: Final = b"\x16"
"""First byte of a TLS client: the record type of a handshake (RFC 8446, 5.1)."""
_DAY: Final = datetime.timedelta(days=1)
Upstream = str | tuple[str, int]
"""The server behind a relay: the path of its socket, or host and port."""


class Authority:
    """A certificate authority with files in ``folder``."""

    def __init__(self, folder: Path, name: str = "Test authority") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._certificate = (
            _builder(self._subject, self._subject, self._key.public_key(), days=1)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self.path: Final = folder / "authority.pem"
        self.path.write_bytes(_pem(self._certificate))

    def issue(self, name: str, *names: str, days: int = 1, password: str = "") -> Path:
        """Return a file with a certificate for ``names`` and its key. Negative ``days`` are in the past."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = (
            _builder(subject, self._subject, key.public_key(), days)
            .add_extension(x509.SubjectAlternativeName(list(map(_general_name, names))), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
            .sign(self._key, hashes.SHA256())
        )
        path = self._folder / f"{name}.pem"
        path.write_bytes(_pem(certificate) + _key_pem(key, password))
        return path


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key)
    start, end = sorted((now - _DAY, now + days * _DAY + _DAY / 2 * (1 if days > 0 else -1)))
    return builder.serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(end)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    with contextlib.suppress(ValueError):
        return x509.IPAddress(ipaddress.ip_address(name))
    return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey, password: str) -> bytes:
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        encryption = serialization.BestAvailableEncryption(password.encode())
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


class TlsRelay:
    """Relays between TLS clients and servers without TLS, in a thread of its own.

    A client without TLS is relayed as it is, so that Sentinels, which have no TLS either, can use the same
    port. ``handshakes`` counts the TLS clients of each port.
    """

    def __init__(self) -> None:
        self.handshakes: dict[int, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def listen(
        self,
        upstream: Upstream,
        certificate: Path,
        *,
        client_authority: Path | None = None,
        newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
    ) -> int:
        """Return the port of a new relay. With ``client_authority``, clients need a certificate of it."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=client_authority)
        context.load_cert_chain(certificate)
        context.maximum_version = newest
        if client_authority is not None:
            context.verify_mode = ssl.CERT_REQUIRED
        listener = socket.create_server((HOST, 0))
        listener.setblocking(False)
        port: int = listener.getsockname()[1]
        self.handshakes[port] = 0
        asyncio.run_coroutine_threadsafe(self._start(listener, context, upstream), self._loop).result(5)
        return port

    def close(self) -> None:
        """End all connections and the thread."""
        asyncio.run_coroutine_threadsafe(self._cancel_all(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self, listener: socket.socket, context: ssl.SSLContext, upstream: Upstream) -> None:
        self._spawn(self._accept(listener, context, upstream))

    def _spawn(self, coroutine: Coroutine[object, object, None]) -> None:
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _cancel_all(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, listener: socket.socket, context: ssl.SSLContext, upstream: Upstream) -> None:
        with listener:
            while True:
                client, _ = await self._loop.sock_accept(listener)
                self._spawn(self._serve(client, context, upstream))

    async def _serve(self, client: socket.socket, context: ssl.SSLContext, upstream: Upstream) -> None:
        with contextlib.suppress(OSError, ssl.SSLError, asyncio.IncompleteReadError):
            is_tls = await self._peek(client) == _TLS_HANDSHAKE
            port = client.getsockname()[1]
            reader = asyncio.StreamReader()
            transport, _ = await self._loop.connect_accepted_socket(
                lambda: asyncio.StreamReaderProtocol(reader), client, ssl=context if is_tls else None
            )
            protocol = transport.get_protocol()
            writer = asyncio.StreamWriter(transport, protocol, reader, self._loop)
            self.handshakes[port] += is_tls
            await _relay(reader, writer, upstream)

    async def _peek(self, client: socket.socket) -> bytes:
        """Wait for the first byte and return it without reading it."""
        readable = asyncio.Event()
        client.setblocking(False)
        self._loop.add_reader(client, readable.set)
        try:
            await readable.wait()
        finally:
            self._loop.remove_reader(client)
        return client.recv(1, socket.MSG_PEEK)


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, upstream: Upstream) -> None:
    if isinstance(upstream, str):
        replies, requests = await asyncio.open_unix_connection(upstream)
    else:
        replies, requests = await asyncio.open_connection(*upstream)
    try:
        _, pending = await asyncio.wait(
            [
                asyncio.ensure_future(_copy(reader, requests)),
                asyncio.ensure_future(_copy(replies, writer)),
            ],
            return_when=asyncio.FIRST_COMPLETED,
        )
        for task in pending:
            task.cancel()
    finally:
        requests.close()
        writer.close()


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()


@contextmanager
def tls_relay() -> Iterator[TlsRelay]:
    """Yield a relay that ends with the block."""
    relay = TlsRelay()
    try:
        yield relay
    finally:
        relay.close()
