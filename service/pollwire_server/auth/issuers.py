"""Voters whom a site vouches for: tokens (JWT, RFC 7519) of sites that operators have registered.

A site has one algorithm, and its key is used for no other, so that a public
key is never taken for a shared secret (RFC 8725, section 3.1). ``iss``,
``aud``, ``exp`` and ``sub`` must be there and right; PyJWT checks them.

A voter is ``iss`` and ``sub``. Neither gets into the store nor into a ticket:
they become 16 bytes under a key that the store made once for all sites, so
that a site may be struck off and registered again and nobody votes twice; and
those bytes become the voter of one poll as a token's id does (``voters``).

Everything is at hand without waiting: sites by the roster, their keys by
``key_sets``. Who is refused by that alone asks ``prepare`` first, which reads
what may be missing, and tries again.
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
from pollwire_server.domain.errors import Overloaded, StoreUnavailable, VoterTokenInvalid
from pollwire_server.store.registries import CachedRegistry

LEEWAY_S: Final = 30
"""What two well-kept clocks may differ by, and a little."""
LONGEST_TOKEN: Final = 8192
LONGEST_SUBJECT: Final = 255
"""OpenID Connect Core, section 2, has this bound for ``sub``."""
SHORTEST_SECRET: Final = 32
"""Bytes; RFC 7518, section 3.2."""
PREPARED_WITHIN_S: Final = 0.6
"""A vote has less than a second in all; a slower site is fetched on, and the voter told to come again."""

_REQUIRED: Final = ["iss", "aud", "exp", "sub"]
_PERSON: Final = b"signed voter"


class Algorithm(StrEnum):
    """How a site signs."""

    HS256 = "HS256"
    EDDSA = "EdDSA"
    RS256 = "RS256"


class StoredIssuer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A site as the store keeps it; ``created_at`` in milliseconds, ``voters_key`` in hex."""

    issuer: str
    algorithm: Algorithm
    audience: str
    created_at: int
    voters_key: str
    key: str | None = None
    jwks_url: str | None = None


def issuer_id(issuer: str) -> str:
    """What the site is called in addresses; an ``iss`` may be a URL."""
    return blake2b(issuer.encode(), digest_size=6, person=b"issuer").hexdigest()


def key_from(algorithm: Algorithm, text: str) -> bytes | PublicKey:
    """A site's key as registered: a shared secret, or a public key in PEM. ``ValueError`` says why not."""
    if algorithm is Algorithm.HS256:
        if len(text.encode()) < SHORTEST_SECRET:
            raise ValueError(f"An HS256 key has at least {SHORTEST_SECRET} bytes.")
        if "-----BEGIN" in text:
            raise ValueError("An HS256 key is a shared secret, not a PEM.")
        return text.encode()
    try:
        key = load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError(f"An {algorithm} key is a public key in PEM.") from None
    kinds = {Algorithm.EDDSA: "Ed25519PublicKey", Algorithm.RS256: "RSAPublicKey"}
    if not is_strong(key) or not type(key).__name__.endswith(kinds[algorithm]):
        raise ValueError(f"This is no {algorithm} key (Ed25519, or RSA of at least 2048 bits).")
    return key  # type: ignore[return-value]  # is_strong has seen which it is


class _LoadedIssuer:
    """A registered site, ready to check tokens."""

    def __init__(self, kept: StoredIssuer) -> None:
        self.kept = kept
        self.key = None if kept.key is None else key_from(kept.algorithm, kept.key)
        self.voters_key = bytes.fromhex(kept.voters_key)


class IssuerTokenVerifier:
    """Knows voters by the tokens of registered sites."""

    def __init__(self, roster: CachedRegistry, key_sets: JwksCache) -> None:
        self._roster = roster
        self._key_sets = key_sets
        self._known: dict[str, _LoadedIssuer] = {}
        self._known_from: Mapping[str, bytes] = {}

    def voter_id(self, token: bytes, issuer: str | None = None) -> bytes:
        """The 16 bytes of the voter whom the token of ``issuer`` (None: any site) speaks for.

        By what this process knows: raises ``VoterTokenInvalid``, and ``StoreUnavailable`` where too
        little has been heard of the store to say.
        """
        if not self._roster.is_fresh():
            raise StoreUnavailable
        try:
            header, claimed = _unverified(token)
            site = self._sites().get(claimed)
            if site is None or (issuer is not None and claimed != issuer):
                raise VoterTokenInvalid(issuer)
            return _id_of(site, _verified(token, site, self._key(site, header)))
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise VoterTokenInvalid(issuer) from None

    async def prepare(self, token: bytes, issuer: str | None = None) -> None:
        """Read whatever may be missing to judge the token.

        Raises ``StoreUnavailable``, and ``Overloaded`` where the site has not told its keys yet.
        """
        await self._roster.fresh()
        try:
            header, claimed = _unverified(token)
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            return
        if issuer is not None and claimed != issuer:
            return
        if claimed not in self._sites():
            await self._roster.fresh(0)  # registered a moment ago, perhaps
        site = self._sites().get(claimed)
        url = None if site is None else site.kept.jwks_url
        if site is None or url is None or header.get("alg") != site.kept.algorithm:
            return
        if self._key(site, header) is None:
            await self._fetch(url)

    def is_known(self, issuer: str) -> bool:
        """Whether such a site is registered, by what this process has read."""
        return issuer in self._sites()

    def key_addresses(self) -> Iterable[str]:
        """Where sites publish their keys."""
        return [site.kept.jwks_url for site in self._sites().values() if site.kept.jwks_url is not None]

    async def run(self) -> None:
        """Keep the keys of sites at hand until cancelled."""
        await self._key_sets.run(self.key_addresses)

    async def _fetch(self, url: str) -> None:
        try:
            async with asyncio.timeout(PREPARED_WITHIN_S):
                await self._key_sets.refresh(url)
        except TimeoutError:
            raise Overloaded from None
        if not self._key_sets.has(url):
            raise Overloaded

    def _key(self, site: _LoadedIssuer, header: Mapping[str, Any]) -> bytes | PublicKey | None:
        if site.kept.jwks_url is None:
            return site.key
        return self._key_sets.key_of(site.kept.jwks_url, site.kept.algorithm, header.get("kid"))

    def _sites(self) -> dict[str, _LoadedIssuer]:
        if self._known_from is not self._roster.members:
            self._known_from = self._roster.members
            kept = (
                msgspec.json.decode(document, type=StoredIssuer) for document in self._roster.members.values()
            )
            self._known = {one.issuer: _LoadedIssuer(one) for one in kept}
        return self._known


def is_site_token(bearer: bytes) -> bool:
    """Whether it has the form of a JWT (RFC 7515, section 3.1), which tokens of this service never have."""
    return bearer.count(b".") == 2


def _unverified(token: bytes) -> tuple[dict[str, Any], str]:
    """The header and ``iss`` of a token not yet vouched for: they only say what to check it with."""
    if len(token) > LONGEST_TOKEN:
        raise ValueError("too long")
    found = jwt.decode_complete(token, options={"verify_signature": False})
    issuer = found["payload"].get("iss")
    if not isinstance(issuer, str):
        raise TypeError("no issuer")
    return found["header"], issuer


def _verified(token: bytes, site: _LoadedIssuer, key: bytes | PublicKey | None) -> str:
    if key is None:
        raise ValueError("of no key that the site has")
    claims = jwt.decode(
        token,
        key,
        algorithms=[site.kept.algorithm.value],
        audience=site.kept.audience,
        issuer=site.kept.issuer,
        leeway=LEEWAY_S,
        options={"require": _REQUIRED},
    )
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT:
        raise ValueError("no subject, or too long a one")
    return subject


def _id_of(site: _LoadedIssuer, subject: str) -> bytes:
    """``iss`` and ``sub``, told apart by the length of the first, under the key that all sites share."""
    issuer = site.kept.issuer.encode()
    named = len(issuer).to_bytes(4, "big") + issuer + subject.encode("utf-8", "surrogatepass")
    return blake2b(named, key=site.voters_key, digest_size=16, person=_PERSON).digest()
