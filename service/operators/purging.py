"""Votes that an operator takes out: those of a span of time, of a network, or both; confirmed and logged."""

from __future__ import annotations

import re
from typing import Final

import msgspec
from litestar import Response, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import UNSET, UnsetType

from service.domain.errors import InvalidPoll
from service.domain.reading import decode_document
from service.domain.window import parse_instant
from service.identity.api_keys import ApiKeyAuthenticator, Scope
from service.operators.polls import PollAdmin
from service.operators.requests import AnyRequest, optional_object
from service.store.purges import Purges, PurgeSelector
from service.store.records import PollRecord

PATH: Final = "/v1/admin/polls/{poll_id:str}/purge"
_TAG: Final = re.compile(r"[0-9a-f]{8}")


class PurgeBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"since": "from"}):
    """Votes counted at ``from`` or later, and before ``to``; of the network of ``tag``; or both."""

    confirm: str
    since: str | UnsetType = UNSET
    to: str | UnsetType = UNSET
    tag: str | UnsetType = UNSET
    timezone: str | None = None


class PurgeResponse(msgspec.Struct, frozen=True):
    """How many votes were taken out."""

    purged: int


def purging(purges: Purges, polls: PollAdmin, keys: ApiKeyAuthenticator) -> HTTPRouteHandler:
    """The route."""

    @post(
        PATH, summary="Take votes of a span of time or of a network out", tags=["operators"], status_code=200
    )
    async def purge_votes(request: AnyRequest, poll_id: FromPath[str]) -> Response[bytes]:
        operator = keys.require_operator(request.headers.get("authorization"))
        operator.require_scope(Scope.POLLS_WRITE)
        record = await polls.find(poll_id)
        meant = _meant(decode_document(await optional_object(request), PurgeBody), record)
        purged = await purges.purge(record, meant, by=operator.name)
        return Response(
            msgspec.json.encode(PurgeResponse(purged)),
            media_type="application/json",
            headers={"cache-control": "private, no-store"},
        )

    return purge_votes


def _meant(wish: PurgeBody, record: PollRecord) -> PurgeSelector:
    """Which votes; ``InvalidPoll`` where that is not exact, or the poll's own id was not confirmed."""
    poll_id = record.poll.id
    if wish.confirm != poll_id:
        raise InvalidPoll("confirm", f"To purge this poll, confirm its id: {poll_id!r}.")
    tag = _tag_of(wish, record)
    if wish.since is UNSET and wish.to is UNSET and tag:
        return PurgeSelector(tag=tag)
    if wish.since is UNSET or wish.to is UNSET:
        missing = "from" if wish.since is UNSET else "to"
        raise InvalidPoll(missing, "A purge names a span of time (from and to), a tag, or all three.")
    from_ms = parse_instant(wish.since, wish.timezone, "from")
    to_ms = parse_instant(wish.to, wish.timezone, "to")
    if not 0 <= from_ms < to_ms:
        raise InvalidPoll("to", "to must be later than from.")
    return PurgeSelector(from_ms, to_ms, tag)


def _tag_of(wish: PurgeBody, record: PollRecord) -> bytes:
    """The tag named, empty for none."""
    if wish.tag is UNSET:
        return b""
    if not record.poll.network_tags:
        raise InvalidPoll("tag", "This poll keeps no network tags; it was made without network_tags.")
    if not _TAG.fullmatch(wish.tag):
        raise InvalidPoll("tag", "tag must be 8 digits of 0 to 9 and a to f, as the report tells it.")
    return bytes.fromhex(wish.tag)
