"""Voters of external issuers: verification of JWTs (RFC 7519) from issuers that operators have registered.

An issuer has one algorithm, and its key is used with no other, so a public key is never accepted as a shared
secret (RFC 8725, section 3.1). ``iss``, ``aud``, ``exp`` and ``sub`` must be present and valid; PyJWT checks
them.

``iss`` and ``sub`` identify a voter. Neither reaches the store or a ticket. They become 16 bytes under a key
that the store creates once for all issuers. So an issuer can be deleted and registered again, and no voter
can vote twice. ``voter_ids`` derives the voter id of one poll from these bytes, as it does from the id of a
voter token.

Verification does not wait: the registry caches the issuers, and ``jwks`` caches their keys. If it fails, the
caller awaits ``load_issuer_keys``, which reads missing data, and tries again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from enum import StrEnum
from hashlib import blake2b
from typing import Any, Final

import jwt
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from pollwire_server.auth.jwks import JwksCache, PublicKey, is_strong
from pollwire_server.auth.tickets import Ticket
from pollwire_server.domain.errors import Overloaded, StoreUnavailable, VoterTokenInvalid
from pollwire_server.store.registries import CachedRegistry

LEEWAY_S: Final = 30
"""Tolerance for clocks that are not exactly synchronized."""
MAX_TOKEN_LENGTH: Final = 8192
MAX_SUBJECT_LENGTH: Final = 255
"""The limit of OpenID Connect Core, section 2, for ``sub``."""
MIN_SECRET_BYTES: Final = 32
"""RFC 7518, section 3.2."""
PREPARE_TIMEOUT_S: Final = 0.6
"""A vote has less than a second in total. A slower fetch continues, and the voter receives a 503."""

_REQUIRED: Final = ["iss", "aud", "exp", "sub"]
_PERSON: Final = b"signed voter"


class Algorithm(StrEnum):
    """The signature algorithm of an issuer."""

    HS256 = "HS256"
    EDDSA = "EdDSA"
    RS256 = "RS256"


class StoredIssuer(msgspec.Struct, frozen=True, omit_defaults=True):
    """The record of an issuer in the store. ``created_at`` is in milliseconds, ``voters_key`` in hex."""

    issuer: str
    algorithm: Algorithm
    audience: str
    created_at: int
    voters_key: str
    key: str | None = None
    jwks_url: str | None = None


def issuer_id(issuer: str) -> str:
    """Return the id of an issuer in paths. ``iss`` itself may be a URL."""
    return blake2b(issuer.encode(), digest_size=6, person=b"issuer").hexdigest()


def key_from(algorithm: Algorithm, text: str) -> bytes | PublicKey:
    """Parse the key of an issuer: a shared secret, or a public key in PEM. Raises ``ValueError``."""
    if algorithm is Algorithm.HS256:
        if len(text.encode()) < MIN_SECRET_BYTES:
            raise ValueError(f"An HS256 key must have at least {MIN_SECRET_BYTES} bytes.")
        if "-----BEGIN" in text:
            raise ValueError("An HS256 key must be a shared secret, not a PEM.")
        return text.encode()
    try:
        key = load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError(f"An {algorithm} key must be a public key in PEM.") from None
    kinds = {Algorithm.EDDSA: "Ed25519PublicKey", Algorithm.RS256: "RSAPublicKey"}
    if not is_strong(key) or not type(key).__name__.endswith(kinds[algorithm]):
        raise ValueError(f"This is not an {algorithm} key (Ed25519, or RSA with at least 2048 bits).")
    return key  # type: ignore[return-value]  # is_strong checks the type


class _LoadedIssuer:
    """A registered issuer with its parsed key."""

    def __init__(self, record: StoredIssuer) -> None:
        self.record = record
        self.key = None if record.key is None else key_from(record.algorithm, record.key)
        self.voters_key = bytes.fromhex(record.voters_key)


class IssuerTokenVerifier:
    """Verifies tokens of registered issuers."""

    def __init__(self, registry: CachedRegistry, key_sets: JwksCache) -> None:
        self._registry = registry
        self._key_sets = key_sets
        self._loaded: dict[str, _LoadedIssuer] = {}
        self._issuers_source: Mapping[str, bytes] = {}

    def voter_id(self, token: bytes, issuer: str | None = None) -> bytes:
        """Return the 16 bytes of the voter of a token from ``issuer`` (None: any issuer), from cached data.

        Raises ``VoterTokenInvalid``, and ``StoreUnavailable`` if the registry is stale.
        """
        return self._voter(token, issuer)[1]

    def reader(self, token: bytes) -> Ticket:
        """Return the voter of a token as a reader of results. Raises like ``voter_id``."""
        loaded, voter_id = self._voter(token, None)
        return Ticket(voter_id, bytes.fromhex(issuer_id(loaded.record.issuer)))

    def is_active(self, source: str) -> bool:
        """Return True if the issuer with this id is registered.

        Raises ``StoreUnavailable`` if the registry is stale.
        """
        if not self._registry.is_fresh():
            raise StoreUnavailable
        return source in self._registry.members

    def _voter(self, token: bytes, issuer: str | None) -> tuple[_LoadedIssuer, bytes]:
        if not self._registry.is_fresh():
            raise StoreUnavailable
        try:
            header, claimed_issuer = _unverified(token)
            loaded = self._issuers().get(claimed_issuer)
            if loaded is None or (issuer is not None and claimed_issuer != issuer):
                raise VoterTokenInvalid(issuer)
            return loaded, _id_of(loaded, _verified(token, loaded, self._key(loaded, header)))
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise VoterTokenInvalid(issuer) from None

    async def load_issuer_keys(self, token: bytes, issuer: str | None = None) -> None:
        """Read missing data for the verification of the token.

        Raises ``StoreUnavailable``, and ``Overloaded`` while the keys of the issuer are unavailable.
        """
        await self._registry.read_fresh()
        try:
            header, claimed_issuer = _unverified(token)
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            return
        if issuer is not None and claimed_issuer != issuer:
            return
        if claimed_issuer not in self._issuers():
            await self._registry.read_fresh(0)  # the issuer may have been registered a moment ago
        loaded = self._issuers().get(claimed_issuer)
        url = None if loaded is None else loaded.record.jwks_url
        if loaded is None or url is None or header.get("alg") != loaded.record.algorithm:
            return
        if self._key(loaded, header) is None:
            await self._fetch(url)

    async def refresh(self) -> None:
        """Read the registry if it is stale. Raises ``StoreUnavailable``."""
        await self._registry.read_fresh()

    def is_known(self, issuer: str) -> bool:
        """Return True if the cached registry has this issuer."""
        return issuer in self._issuers()

    def key_addresses(self) -> Iterable[str]:
        """Return the JWKS URLs of all issuers."""
        return [
            loaded.record.jwks_url
            for loaded in self._issuers().values()
            if loaded.record.jwks_url is not None
        ]

    async def run(self) -> None:
        """Refresh the keys of all issuers until cancelled."""
        await self._key_sets.run(self.key_addresses)

    async def _fetch(self, url: str) -> None:
        try:
            async with asyncio.timeout(PREPARE_TIMEOUT_S):
                await self._key_sets.refresh(url)
        except TimeoutError:
            raise Overloaded from None
        if not self._key_sets.has(url):
            raise Overloaded

    def _key(self, loaded: _LoadedIssuer, header: Mapping[str, Any]) -> bytes | PublicKey | None:
        if loaded.record.jwks_url is None:
            return loaded.key
        return self._key_sets.key_of(loaded.record.jwks_url, loaded.record.algorithm, header.get("kid"))

    def _issuers(self) -> dict[str, _LoadedIssuer]:
        if self._issuers_source is not self._registry.members:
            self._issuers_source = self._registry.members
            records = (
                msgspec.json.decode(document, type=StoredIssuer)
                for document in self._registry.members.values()
            )
            self._loaded = {one.issuer: _LoadedIssuer(one) for one in records}
        return self._loaded


def is_jwt(bearer: bytes) -> bool:
    """Return True if the token has the form of a JWT (RFC 7515, 3.1).

    Tokens of this service never have it.
    """
    return bearer.count(b".") == 2


def _unverified(token: bytes) -> tuple[dict[str, Any], str]:
    """Return the header and ``iss`` of an unverified token. They only select the key for verification."""
    if len(token) > MAX_TOKEN_LENGTH:
        raise ValueError("too long")
    found = jwt.decode_complete(token, options={"verify_signature": False})
    issuer = found["payload"].get("iss")
    if not isinstance(issuer, str):
        raise TypeError("no issuer")
    return found["header"], issuer


def _verified(token: bytes, loaded: _LoadedIssuer, key: bytes | PublicKey | None) -> str:
    if key is None:
        raise ValueError("unknown key")
    claims = jwt.decode(
        token,
        key,
        algorithms=[loaded.record.algorithm.value],
        audience=loaded.record.audience,
        issuer=loaded.record.issuer,
        leeway=LEEWAY_S,
        options={"require": _REQUIRED},
    )
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT_LENGTH:
        raise ValueError("no subject, or a subject that is too long")
    return subject


def _id_of(loaded: _LoadedIssuer, subject: str) -> bytes:
    """Hash ``iss`` and ``sub`` with the key of all issuers. The length prefix separates the two."""
    issuer = loaded.record.issuer.encode()
    identity = len(issuer).to_bytes(4, "big") + issuer + subject.encode("utf-8", "surrogatepass")
    return blake2b(identity, key=loaded.voters_key, digest_size=16, person=_PERSON).digest()
