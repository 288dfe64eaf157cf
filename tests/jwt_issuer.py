"""External JWT issuer: its keys, its tokens, and a server for its JWK Set."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.local_server import hosting

ISSUER, AUDIENCE = "https://news.example", "polls"


def generate_key(algorithm: str) -> Any:  # Any: a key of PyJWT
    """Return a new key for an algorithm."""
    if algorithm == "HS256":
        return "a shared secret of more than thirty-two bytes"
    return Ed25519PrivateKey.generate() if algorithm == "EdDSA" else generate_private_key(65537, 2048)


def public_pem(key: Any) -> str:
    """Return the public part of a key as PEM, or a shared secret unchanged."""
    if isinstance(key, str):
        return key
    pem: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem.decode()


def token(key: Any, algorithm: str, *, kid: str | None = None, **claims: object) -> str:
    """Return a token of ``ada``, valid for a minute. ``claims`` override; None removes a claim."""
    all_claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "exp": int(time.time()) + 60, **claims}
    given = {name: value for name, value in all_claims.items() if value is not None}
    return jwt.encode(given, key, algorithm, headers={"kid": kid} if kid else None)


def jwk(key: Any, algorithm: str, kid: str) -> dict[str, Any]:
    """Return the public part of a key as a JWK."""
    maker: Any = jwt.get_algorithm_by_name(algorithm)
    return {**json.loads(maker.to_jwk(key.public_key())), "kid": kid, "use": "sig", "alg": algorithm}


@dataclass
class Publisher:
    """Server of a JWK Set, and the number of requests that it received."""

    url: str
    keys: list[dict[str, Any]] = field(default_factory=list)
    padding: str = ""
    status: str = "200 OK"
    asked: int = 0


@asynccontextmanager
async def publishing() -> AsyncIterator[Publisher]:
    """Serve a JWK Set on this machine while the block runs."""
    publisher = Publisher("")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        publisher.asked += 1
        body = json.dumps({"keys": publisher.keys, "padding": publisher.padding}).encode()
        head = f"HTTP/1.1 {publisher.status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()

    async with hosting(answer) as url:
        publisher.url = f"{url}/keys"
        yield publisher
