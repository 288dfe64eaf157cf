"""Votes that an operator takes out: those of a span of time, confirmed and logged."""

from __future__ import annotations

from typing import Final

import msgspec
from litestar import Response, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from service.domain.errors import InvalidPoll
from service.domain.reading import read_document
from service.domain.window import parse_instant
from service.identity.api_keys import ApiKeys, Scope
from service.operators.polls import OperatedPolls
from service.operators.requests import AnyRequest, json_object
from service.store.purges import Purges

PATH: Final = "/v1/admin/polls/{poll_id:str}/purge"


class Span(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"since": "from"}):
    """Votes counted at ``from`` or later, and before ``to``."""

    since: str
    to: str
    confirm: str
    timezone: str | None = None


class Purged(msgspec.Struct, frozen=True):
    """How many votes were taken out."""

    purged: int


def purging(purges: Purges, polls: OperatedPolls, keys: ApiKeys) -> HTTPRouteHandler:
    """The route."""

    @post(PATH, summary="Take votes of a span of time out", tags=["operators"], status_code=200)
    async def purge_votes(request: AnyRequest, poll_id: FromPath[str]) -> Response[bytes]:
        operator = keys.require_operator(request.headers.get("authorization"))
        operator.may(Scope.POLLS_WRITE)
        record = await polls.find(poll_id)
        from_ms, to_ms = _span_of(read_document(await json_object(request), Span), record.poll.id)
        purged = await purges.purge(record, from_ms, to_ms, by=operator.name)
        return Response(
            msgspec.json.encode(Purged(purged)),
            media_type="application/json",
            headers={"cache-control": "private, no-store"},
        )

    return purge_votes


def _span_of(span: Span, poll_id: str) -> tuple[int, int]:
    """Its ends in ms; ``InvalidPoll`` where it is none, or the poll's own id was not confirmed."""
    if span.confirm != poll_id:
        raise InvalidPoll("confirm", f"To purge this poll, confirm its id: {poll_id!r}.")
    from_ms = parse_instant(span.since, span.timezone, "from")
    to_ms = parse_instant(span.to, span.timezone, "to")
    if not 0 <= from_ms < to_ms:
        raise InvalidPoll("to", "to must be later than from.")
    return from_ms, to_ms
