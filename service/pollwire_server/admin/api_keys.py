"""Management of API keys: create, list and revoke. The secret is returned once, on creation."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from pollwire_server.admin.pagination import Page, page_of
from pollwire_server.admin.requests import Object
from pollwire_server.auth.api_keys import Operator, Scope, StoredApiKey, generate_api_key
from pollwire_server.domain.decoding import decode_document
from pollwire_server.domain.errors import InvalidPoll, NotFound
from pollwire_server.domain.timestamps import TimestampText, format_optional_timestamp, format_timestamp
from pollwire_server.store import Store

MAX_KEYS: Final = 1000
"""Every worker keeps all of them in memory."""

_READABLE: Final = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\xa0][^\x00-\x1f\x7f-\x9f]*\Z"
"""One line with at least one visible character."""


class KeyDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Request body for a new API key."""

    name: Annotated[str, Meta(max_length=100, pattern=_READABLE, description="one line that can be read")]
    scopes: Annotated[tuple[Scope, ...], Meta(min_length=1, max_length=len(Scope))]


class ApiKey(msgspec.Struct, frozen=True):
    """An API key without its secret."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    created_at: TimestampText
    last_used_at: TimestampText | None


class CreatedApiKey(ApiKey, frozen=True):
    """A new API key. ``key`` is its secret, which is not returned again."""

    key: str


class OwnApiKey(msgspec.Struct, frozen=True):
    """The name and the scopes of the API key that the request carries."""

    name: str
    scopes: tuple[Scope, ...]


class ApiKeyPage(Page[ApiKey], frozen=True):
    """One page of API keys, newest first."""


class ApiKeyAdmin:
    """Service for API keys. Its methods return documents that are ready to be encoded."""

    __slots__ = ("_keys", "_now", "_uses")

    def __init__(self, store: Store) -> None:
        self._keys = store.api_keys
        self._uses = store.api_key_uses
        self._now = store.polls.now

    async def create(self, body: Object, operator: Operator) -> CreatedApiKey:
        """Create an API key. Return its document with the secret, which is not returned again.

        Raises ``InvalidPoll``, and ``ScopeMissing`` for a scope that the operator's own key lacks.
        """
        draft = decode_document(body, KeyDraft)
        for scope in draft.scopes:
            operator.require_scope(scope)
        if len(await self._keys.read_fresh(0)) >= MAX_KEYS:
            raise InvalidPoll("name", f"There are {MAX_KEYS} keys already; revoke one first.")
        made, scopes = generate_api_key(), tuple(scope for scope in Scope if scope in draft.scopes)
        stored_key = StoredApiKey(draft.name, scopes, await self._now(), made.hash)
        await self._keys.put(made.id, msgspec.json.encode(stored_key))
        return CreatedApiKey(**msgspec.structs.asdict(_document(made.id, stored_key, None)), key=made.key)

    def own(self, operator: Operator) -> OwnApiKey:
        """Return the name and the scopes of the operator's own key. This needs no scope."""
        return OwnApiKey(operator.name, tuple(scope for scope in Scope if scope in operator.scopes))

    async def list(self, query: dict[str, str]) -> ApiKeyPage:
        """Return one page, newest first. Raises ``InvalidPoll`` for a parameter."""
        await self._uses.flush()
        members, uses = await self._keys.read_fresh(0), await self._uses.all()
        keys = {key: msgspec.json.decode(document, type=StoredApiKey) for key, document in members.items()}
        newest = sorted(keys, key=lambda key: (-keys[key].created_at, key))
        page, cursor = page_of(newest, query)
        return ApiKeyPage([_document(key, keys[key], uses.get(key)) for key in page], cursor)

    async def revoke(self, key_id: str) -> None:
        """Revoke the key with this id. Raises ``NotFound``."""
        if not await self._keys.remove(key_id[:64]):
            raise NotFound("There is no such key.")
        await self._uses.discard(key_id)


def _document(key_id: str, stored_key: StoredApiKey, used_at: int | None) -> ApiKey:
    return ApiKey(
        id=key_id,
        name=stored_key.name,
        scopes=tuple(scope for scope in Scope if scope in stored_key.scopes),
        created_at=format_timestamp(stored_key.created_at),
        last_used_at=format_optional_timestamp(used_at),
    )
