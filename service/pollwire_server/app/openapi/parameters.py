"""Parameters of each route in the OpenAPI document: query parameters and request headers."""

from __future__ import annotations

from typing import Final

from pollwire_server.app.openapi.schemas import Json
from pollwire_server.domain.ballot import LAST_REVISION
from pollwire_server.domain.identifiers import IDENTIFIER_PATTERN
from pollwire_server.domain.poll import Kind
from pollwire_server.domain.window import Phase

_POLL: Final = "/v1/polls/{poll_id}"
_OPERATED: Final = "/v1/admin/polls/{poll_id}"
_ACTS: Final = ("open", "close", "reopen", "publish", "cancel", "archive", "reset", "resolve", "unresolve")


def _query(name: str, description: str, **schema: object) -> Json:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _header(name: str, description: str, **schema: object) -> Json:
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string", **schema}}


_PAGE: Final = (
    _query("limit", "Maximum number of items.", type="integer", minimum=1, maximum=100, default=50),
    _query("cursor", "`next` of the previous page.", type="string"),
)
_TICKET: Final = _query("ticket", "A ticket of POST /v1/tickets. It identifies the reader.", type="string")
_POLL_NAMED: Final = _query(
    "poll", "A poll that allows the origin of the page, if the service does not.", type="string"
)
_KEY: Final = _header(
    "Idempotency-Key",
    "On open polls: 1 to 255 visible characters that identify the vote. A repeated request counts once.",
)
_IF_MATCH: Final = _header(
    "If-Match", "The version of the poll that the request is for. Another version is 412."
)
_IF_NONE_MATCH: Final = _header(
    "If-None-Match", "The `ETag` of an earlier response. If nothing changed, the response is 304."
)

_TAKEN: Final[dict[tuple[str, str], tuple[Json, ...]]] = {
    ("post", "/v1/voters"): (_POLL_NAMED,),
    ("post", "/v1/tickets"): (_POLL_NAMED,),
    ("get", "/v1/events"): (
        {
            **_query(
                "poll",
                "A poll to watch. Repeat the parameter for more.",
                type="array",
                items={"type": "string"},
                minItems=1,
                maxItems=100,
            ),
            "required": True,
        },
        _TICKET,
    ),
    ("get", _POLL): (_TICKET, _IF_NONE_MATCH),
    ("get", f"{_POLL}/results"): (_TICKET, _IF_NONE_MATCH),
    ("get", f"{_POLL}/timeline"): (
        _TICKET,
        _query("points", "At most this many points.", type="integer", minimum=2, maximum=2000),
        _IF_NONE_MATCH,
    ),
    ("get", f"{_POLL}/distribution"): (_TICKET, _IF_NONE_MATCH),
    ("get", f"{_POLL}/events"): (_TICKET,),
    ("post", f"{_POLL}/votes"): (_KEY,),
    ("get", f"{_POLL}/votes/mine"): (_KEY,),
    ("delete", f"{_POLL}/voters/me"): (_KEY,),
    ("delete", f"{_POLL}/votes/mine"): (
        _KEY,
        _query(
            "revision",
            "The revision of the vote to withdraw.",
            type="integer",
            minimum=0,
            maximum=LAST_REVISION,
        ),
    ),
    ("get", "/v1/admin/polls"): (
        *_PAGE,
        _query("phase", "Only polls in this phase.", enum=[phase.value for phase in Phase]),
        _query("kind", "Only polls of this kind.", enum=[kind.value for kind in Kind]),
        _query("series", "Only polls of this series.", type="string"),
        _query("q", "Text that the question or the id contains.", type="string", maxLength=300),
    ),
    ("get", "/v1/series/{series_id}/leaderboard"): _PAGE,
    ("get", "/v1/series/{series_id}/mine"): _PAGE,
    ("patch", _OPERATED): (_IF_MATCH,),
    ("delete", _OPERATED): (_IF_MATCH,),
    ("get", f"{_OPERATED}/audit"): _PAGE,
    ("get", f"{_OPERATED}/export"): (
        _query("format", "Format of the file.", enum=["csv", "ndjson"], default="csv"),
    ),
    ("get", "/v1/admin/keys"): _PAGE,
    ("get", "/v1/admin/audit"): _PAGE,
    ("get", "/v1/admin/issuers"): _PAGE,
    ("get", "/v1/admin/webhooks"): _PAGE,
    ("get", "/v1/admin/webhooks/{webhook_id}/deliveries"): _PAGE[:1],
    **{("post", f"{_OPERATED}/{act}"): (_IF_MATCH,) for act in _ACTS},
}


def parameters_of(method: str, address: str, in_path: list[Json]) -> list[Json]:
    """Return all parameters of a route: those of its path, from the framework, its query and headers."""
    return [*map(_in_path, in_path), *(dict(parameter) for parameter in _TAKEN.get((method, address), ()))]


def _in_path(parameter: Json) -> Json:
    if parameter["name"] not in {"poll_id", "series_id"}:
        return parameter
    return {**parameter, "schema": {"type": "string", "pattern": f"^{IDENTIFIER_PATTERN}$"}}
