"""Settings of series: the route for operators, and its service.

Checks run in the order of all admin routes: the key (401), the scope (403), the id (404), the body (415,
413, 400), its fields (422).
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from litestar import put
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import UNSET, Meta, UnsetType

from pollwire_server.admin.audit_trail import AuditTrail
from pollwire_server.admin.predictions import ScoringProgress, progress_document
from pollwire_server.admin.requests import AnyRequest, Object, json_object, require_operator
from pollwire_server.admin.responses import Encoded, json_response
from pollwire_server.auth.api_keys import ApiKeyAuthenticator, Scope
from pollwire_server.domain.decoding import decode_document
from pollwire_server.domain.errors import NotFound
from pollwire_server.domain.identifiers import IDENTIFIER
from pollwire_server.domain.scoring import RankBy
from pollwire_server.domain.series_document import SeriesDocument, series_document
from pollwire_server.domain.service_audit import AuditAct
from pollwire_server.store import Store

Title = Annotated[str, Meta(min_length=1, max_length=200)]
Minimum = Annotated[int, Meta(ge=1, le=10_000)]


class SeriesDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of a series. Omitted fields keep their value.

    ``minimum`` null is the default of ``rank_by``: 10 for ``peer_average`` and ``brier``, otherwise 1.
    """

    title: Title | UnsetType | None = UNSET
    rank_by: RankBy | UnsetType = UNSET
    minimum: Minimum | UnsetType | None = UNSET


class SeriesAdmin:
    """Service for the settings of series."""

    __slots__ = ("_store",)

    def __init__(self, store: Store) -> None:
        self._store = store

    async def edit(self, series: str, body: Object) -> SeriesDocument | ScoringProgress:
        """Change settings. Return the series, or the progress while its leaderboard is being ordered.

        Raises ``InvalidPoll`` and ``StoreUnavailable``.
        """
        draft = decode_document(body, SeriesDraft)
        changes = {
            name: "" if value is None else str(value)
            for name in draft.__struct_fields__
            if (value := getattr(draft, name)) is not UNSET
        }
        progress = await self._store.series_settings.edit(series, changes)
        if progress is not None:
            return progress_document(progress)
        return series_document(
            series, (await self._store.series.leaderboard(series, after=0, limit=0)).series
        )


_SERIES: Final = "/v1/admin/series/{series_id:str}"


def handlers(series: SeriesAdmin, keys: ApiKeyAuthenticator, trail: AuditTrail) -> list[HTTPRouteHandler]:
    """Return the route handlers of series."""

    @put(_SERIES, summary="Change the settings of a series")
    async def edit_series(request: AnyRequest, series_id: FromPath[str]) -> Encoded:
        operator = require_operator(keys, request, Scope.POLLS_WRITE)
        if not IDENTIFIER.fullmatch(series_id) or not operator.covers_series(series_id):
            raise NotFound("Series not found. A series id has letters a to z, digits and hyphens.")
        body = await json_object(request)
        after = await series.edit(series_id, body)
        if isinstance(after, ScoringProgress) and after.waiting_for is not UNSET:
            return json_response(after, 202)  # nothing has changed yet
        settings = {name: value for name, value in body.items() if value is not None}
        reset = [name for name, value in body.items() if value is None]
        await trail.record(AuditAct.SERIES_EDITED, operator, series_id, **settings, reset=reset)
        return json_response(after, 202 if isinstance(after, ScoringProgress) else 200)

    return [edit_series]
