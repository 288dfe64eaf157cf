"""Management of API keys: create, list and revoke. The secret is returned once, on creation."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from pollwire_server.admin.pagination import Page, page_of
from pollwire_server.admin.requests import Object
from pollwire_server.auth.api_keys import (
    POLL_SCOPES,
    RECORD_FORMAT,
    Operator,
    PollBinding,
    Scope,
    StoredApiKey,
    generate_api_key,
)
from pollwire_server.domain.decoding import decode_document
from pollwire_server.domain.errors import InvalidPoll, NotFound
from pollwire_server.domain.identifiers import IDENTIFIER_PATTERN, Identifier
from pollwire_server.domain.text_validation import check_text
from pollwire_server.domain.timestamps import (
    TimestampText,
    format_optional_timestamp,
    format_timestamp,
    parse_timestamp,
)
from pollwire_server.store import Store

MAX_KEYS: Final = 1000
"""Every worker keeps all of them in memory."""

_READABLE: Final = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\xa0][^\x00-\x1f\x7f-\x9f]*\Z"
"""One line with at least one visible character."""


MAX_POLLS: Final = 100
"""Every request of a bound key is compared with all of its polls and series."""

PollPattern = Annotated[
    str,
    Meta(
        pattern=rf"^{IDENTIFIER_PATTERN}\*?\Z",
        description="a poll id, or the beginning of poll ids and a *",
    ),
]


class KeyDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Request body for a new API key."""

    name: Annotated[str, Meta(max_length=100, pattern=_READABLE, description="one line that can be read")]
    scopes: Annotated[tuple[Scope, ...], Meta(min_length=1, max_length=len(Scope))]
    polls: Annotated[tuple[PollPattern, ...], Meta(min_length=1, max_length=MAX_POLLS)] | None = None
    """Ids, or prefixes that end with ``*``. None: every poll, unless ``series`` is given."""
    series: Annotated[tuple[Identifier, ...], Meta(min_length=1, max_length=MAX_POLLS)] | None = None
    expires_at: str | None = None
    timezone: str | None = None


class ApiKey(msgspec.Struct, frozen=True):
    """An API key without its secret."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    polls: tuple[str, ...] | None
    """Ids and prefixes of polls that the key is bound to."""
    series: tuple[str, ...] | None
    """Series that the key is bound to."""
    expires_at: TimestampText | None
    created_at: TimestampText
    last_used_at: TimestampText | None


class CreatedApiKey(ApiKey, frozen=True):
    """A new API key. ``key`` is its secret, which is not returned again."""

    key: str


class OwnApiKey(msgspec.Struct, frozen=True):
    """The name, the scopes and the limits of the API key that the request carries."""

    name: str
    scopes: tuple[Scope, ...]
    polls: tuple[str, ...] | None
    series: tuple[str, ...] | None
    expires_at: TimestampText | None


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
        check_text(draft.name, "name")
        for scope in draft.scopes:
            operator.require_scope(scope)
        if Scope.ISSUERS_WRITE in draft.scopes and Scope.VOTES_WRITE not in draft.scopes:
            raise InvalidPoll("scopes", "issuers:write needs votes:write too: an issuer's key casts votes.")
        now = await self._now()
        binding, expires_at = _binding_of(draft), _expiry_of(draft, operator, now)
        if len(await self._keys.read_fresh(0)) >= MAX_KEYS:
            raise InvalidPoll("name", f"The limit of {MAX_KEYS} API keys is reached. Revoke one first.")
        made, scopes = generate_api_key(), tuple(scope for scope in Scope if scope in draft.scopes)
        stored_key = StoredApiKey(draft.name, scopes, now, made.hash, RECORD_FORMAT, binding, expires_at)
        await self._keys.put(made.id, msgspec.json.encode(stored_key))
        return CreatedApiKey(**msgspec.structs.asdict(_document(made.id, stored_key, None)), key=made.key)

    def own(self, operator: Operator) -> OwnApiKey:
        """Return the name, the scopes and the limits of the operator's own key. This needs no scope."""
        scopes = tuple(scope for scope in Scope if scope in operator.scopes)
        return OwnApiKey(operator.name, scopes, *_limits(operator.binding, operator.expires_at))

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


def _binding_of(draft: KeyDraft) -> PollBinding | None:
    """Return the binding of a new key. Raises ``InvalidPoll`` for scopes that no bound key may have."""
    if draft.polls is None and draft.series is None:
        return None
    for scope in draft.scopes:
        if scope not in POLL_SCOPES:
            raise InvalidPoll(
                "scopes", f"{scope} concerns the whole service; a key bound to polls cannot have it."
            )
    return PollBinding(draft.polls or (), draft.series or ())


def _expiry_of(draft: KeyDraft, operator: Operator, now: int) -> int | None:
    """Return the expiry of a new key. Raises ``InvalidPoll`` if the operator's own is earlier."""
    if draft.expires_at is None:
        if operator.expires_at is not None:
            raise InvalidPoll("expires_at", "Your own key expires, so the new key needs an expires_at, too.")
        return None
    expires_at = parse_timestamp(draft.expires_at, draft.timezone, "expires_at")
    if expires_at <= now:
        raise InvalidPoll("expires_at", "expires_at must be in the future.")
    if operator.expires_at is not None and expires_at > operator.expires_at:
        raise InvalidPoll("expires_at", "The new key cannot expire later than your own.")
    return expires_at


_Limits = tuple[tuple[str, ...] | None, tuple[str, ...] | None, TimestampText | None]


def _limits(binding: PollBinding | None, expires_at: int | None) -> _Limits:
    """Return the polls, the series and the expiry of a key. None means no limit."""
    polls = binding.polls if binding and binding.polls else None
    series = binding.series if binding and binding.series else None
    return polls, series, format_optional_timestamp(expires_at)


def _document(key_id: str, stored_key: StoredApiKey, used_at: int | None) -> ApiKey:
    polls, series, expires_at = _limits(stored_key.binding, stored_key.expires_at)
    return ApiKey(
        id=key_id,
        name=stored_key.name,
        scopes=stored_key.granted_scopes,
        polls=polls,
        series=series,
        expires_at=expires_at,
        created_at=format_timestamp(stored_key.created_at),
        last_used_at=format_optional_timestamp(used_at),
    )
