"""Management of issuers: register, list and delete.

Registering an issuer again replaces it. So its key can be changed without an interval in which its voters are
rejected.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from pollwire_server.admin.pagination import Page, page_of
from pollwire_server.admin.requests import Object
from pollwire_server.auth.issuers import Algorithm, StoredIssuer, issuer_id, key_from
from pollwire_server.auth.jwks import JwksCache
from pollwire_server.domain.decoding import decode_document
from pollwire_server.domain.errors import InvalidPoll, NotFound
from pollwire_server.domain.poll_draft import Issuer
from pollwire_server.domain.timestamps import TimestampText, format_timestamp
from pollwire_server.store import Store

MAX_ISSUERS = 1000
"""Every worker keeps all of them in memory."""


class IssuerDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Request body for an issuer, with its key or the URL of its key set (JWKS)."""

    issuer: Issuer
    algorithm: Algorithm
    audience: Annotated[str, Meta(min_length=1, max_length=300)]
    key: Annotated[str, Meta(min_length=1, max_length=10_000)] | None = None
    jwks_url: Annotated[str, Meta(min_length=1, max_length=2000)] | None = None


class IssuerDocument(msgspec.Struct, frozen=True):
    """An issuer. ``key`` is null for a shared secret, and if the issuer has a key set."""

    id: str
    issuer: str
    algorithm: Algorithm
    audience: str
    key: str | None
    jwks_url: str | None
    created_at: TimestampText


class IssuerPage(Page[IssuerDocument], frozen=True):
    """One page of issuers, newest first."""


class IssuerAdmin:
    """Service for issuers. Its methods return documents that are ready to be encoded."""

    __slots__ = ("_issuers", "_key_sets", "_store")

    def __init__(self, store: Store, key_sets: JwksCache) -> None:
        self._store = store
        self._issuers = store.issuers
        self._key_sets = key_sets

    async def register(self, body: Object) -> tuple[IssuerDocument, bool]:
        """Store an issuer. Return its document, and True if it is new. Raises ``InvalidPoll``."""
        draft = decode_document(body, IssuerDraft)
        self._check(draft)
        members, member = await self._issuers.read_fresh(0), issuer_id(draft.issuer)
        if member not in members and len(members) >= MAX_ISSUERS:
            raise InvalidPoll("issuer", f"The limit of {MAX_ISSUERS} issuers is reached. Delete one first.")
        stored_issuer = StoredIssuer(
            issuer=draft.issuer,
            algorithm=draft.algorithm,
            audience=draft.audience,
            created_at=await self._store.polls.now(),
            voters_key=(await self._store.voters_key()).hex(),
            key=draft.key,
            jwks_url=draft.jwks_url,
        )
        await self._issuers.put(member, msgspec.json.encode(stored_issuer))
        return _document(stored_issuer), member not in members

    async def list(self, query: dict[str, str]) -> IssuerPage:
        """Return one page, newest first. Raises ``InvalidPoll`` for a parameter."""
        members = await self._issuers.read_fresh(0)
        issuers = {one: msgspec.json.decode(document, type=StoredIssuer) for one, document in members.items()}
        page, cursor = page_of(sorted(issuers, key=lambda one: (-issuers[one].created_at, one)), query)
        return IssuerPage([_document(issuers[one]) for one in page], cursor)

    async def delete(self, member: str) -> None:
        """Delete the issuer with this id. Its tokens are no longer accepted. Raises ``NotFound``."""
        if not await self._issuers.remove(member[:64]):
            raise NotFound("There is no such issuer.")

    def _check(self, draft: IssuerDraft) -> None:
        if (draft.key is None) == (draft.jwks_url is None):
            raise InvalidPoll("key", "An issuer has either a key or a jwks_url.")
        if draft.key is not None:
            try:
                key_from(draft.algorithm, draft.key)
            except ValueError as error:
                raise InvalidPoll("key", str(error)) from None
        elif draft.algorithm is Algorithm.HS256:
            raise InvalidPoll("jwks_url", "HS256 needs a shared secret in key, not a jwks_url.")
        elif fault := self._key_sets.fault_of(draft.jwks_url or ""):
            raise InvalidPoll("jwks_url", fault)


def _document(stored_issuer: StoredIssuer) -> IssuerDocument:
    """Return the issuer without its shared secret. A public key is included."""
    return IssuerDocument(
        id=issuer_id(stored_issuer.issuer),
        issuer=stored_issuer.issuer,
        algorithm=stored_issuer.algorithm,
        audience=stored_issuer.audience,
        key=None if stored_issuer.algorithm is Algorithm.HS256 else stored_issuer.key,
        jwks_url=stored_issuer.jwks_url,
        created_at=format_timestamp(stored_issuer.created_at),
    )
