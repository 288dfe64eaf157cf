"""The OpenAPI document: what the framework knows of the routes, and what we know of bodies and errors."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar import Litestar

from service.domain.draft import PollDraft, PollPatch
from service.domain.poll import Kind
from service.domain.tally import Results
from service.problems import CONTENT_TYPE, TABLE

Json = dict[str, Any]  # Any: an OpenAPI document is JSON of many shapes

TITLE: Final = "Pollwire"
DESCRIPTION: Final = (
    "Polls and predictions with live results. Voters send `Authorization: Bearer` with a token of"
    " `POST /v1/voters`, operators with their API key. Live results come over WebSocket"
    " (`/v1/polls/{id}/live`, `/v1/live`) and as server-sent events."
)

_REF: Final = "#/components/schemas/{name}"
_TIME: Final = {"type": "string", "format": "date-time"}
_MAYBE_TIME: Final = {"type": ["string", "null"], "format": "date-time"}
_CHOICE: Final = {
    "type": ["string", "integer", "array"],
    "items": {"type": "string"},
    "description": "An option's id; a value of the scale (rating); ids (multiple), the best first (ranked).",
}
_BOUNDS: Final = {
    "type": ["object", "null"],
    "properties": {"min": {"type": "integer"}, "max": {"type": "integer"}},
}

_BY_HAND: Final[Json] = {
    "Vote": {
        "type": "object",
        "required": ["choice"],
        "properties": {"choice": _CHOICE, "revision": {"type": ["integer", "null"]}},
        "additionalProperties": False,
    },
    "Counted": {
        "type": "object",
        "properties": {
            "status": {"enum": ["counted", "changed", "unchanged", "withdrawn"]},
            "poll": {"type": "string"},
            "choice": _CHOICE,
            "at": _TIME,
            "revision": {"type": "integer"},
            "seq": {"type": "integer"},
            "receipt": {"type": "string"},
        },
    },
    "Voter": {"type": "object", "properties": {"name": {"type": ["string", "null"]}}},
    "Token": {"type": "object", "properties": {"token": {"type": "string"}, "expires_at": _TIME}},
    "Ticket": {"type": "object", "properties": {"ticket": {"type": "string"}, "expires_at": _TIME}},
    "Receipt": {"type": "object", "required": ["receipt"], "properties": {"receipt": {"type": "string"}}},
    "ReceiptAnswer": {
        "type": "object",
        "properties": {
            "valid": {"type": "boolean"},
            "counted": {"type": "boolean"},
            "choice": _CHOICE,
            "at": _MAYBE_TIME,
        },
    },
    "Reopening": {
        "type": "object",
        "properties": {"closes_at": {"type": ["string", "null"]}, "timezone": {"type": ["string", "null"]}},
        "additionalProperties": False,
    },
    "Confirmation": {
        "type": "object",
        "required": ["confirm"],
        "properties": {"confirm": {"type": "string", "description": "The poll's own id."}},
        "additionalProperties": False,
    },
    "Poll": {
        "type": "object",
        "description": "A poll as it stands; every field is always present.",
        "properties": {
            "id": {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,63}$"},
            "kind": {"enum": [kind.value for kind in Kind]},
            "question": {"type": "string"},
            "description": {"type": ["string", "null"]},
            "options": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["id", "label"],
                    "properties": {
                        **{name: {"type": "string"} for name in ("id", "label", "image")},
                        "capacity": {"type": "integer", "minimum": 1},
                    },
                },
            },
            "choices": _BOUNDS,
            "scale": _BOUNDS,
            "forecast": {"type": "boolean"},
            "opens_at": _TIME,
            "closes_at": _MAYBE_TIME,
            "visible_at": _MAYBE_TIME,
            "revote": {"enum": ["never", "change", "withdraw"]},
            "identity": {"enum": ["device", "signed", "open"]},
            "issuer": {"type": ["string", "null"]},
            "results": {"enum": ["always", "after_vote", "after_close", "operators"]},
            "series": {"type": ["string", "null"]},
            "resolve_by": _MAYBE_TIME,
            "shards": {"type": "integer"},
            "origins": {"type": ["array", "null"], "items": {"type": "string"}},
            "shuffle": {"type": "boolean"},
            "lang": {"type": ["string", "null"]},
            "phase": {"enum": ["scheduled", "open", "closed", "canceled", "archived"]},
            "resolution": {"type": ["object", "null"]},
            "planned_closes_at": _MAYBE_TIME,
            "created_at": _TIME,
            "version": {"type": "integer"},
        },
    },
    "Polls": {
        "type": "object",
        "properties": {
            "items": {"type": "array", "items": {"$ref": _REF.format(name="Poll")}},
            "next": {"type": ["string", "null"], "description": "The cursor of the next page."},
        },
    },
    "Recount": {
        "type": "object",
        "properties": {
            "matches": {"type": "boolean"},
            **{
                side: {
                    "type": "object",
                    "properties": {
                        "voters": {"type": "integer"},
                        "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
                    },
                }
                for side in ("stored", "recounted")
            },
        },
    },
    "Audit": {
        "type": "object",
        "properties": {
            "items": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "at": _TIME,
                        "by": {"type": "string", "description": "The name of the operator's key."},
                        "act": {"type": "string"},
                        "before": {"type": ["object", "null"]},
                        "after": {"type": ["object", "null"]},
                    },
                },
            },
            "next": {"type": ["string", "null"], "description": "The cursor of the next page."},
        },
    },
    "Problem": {
        "type": "object",
        "description": "RFC 9457, with what helps beside it (`field`, `opens_at`, `retry_after`, ...).",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"enum": sorted({f"/problems/{problem.slug}" for problem in TABLE.values()})},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "instance": {"type": "string"},
        },
    },
}

_ADMIN: Final = "/v1/admin/polls"
_POLL: Final = f"{_ADMIN}/{{poll_id}}"

_MEANING: Final[dict[tuple[str, str], tuple[str | None, str | None]]] = {
    # (method, address): (the body's schema, the answer's schema)
    ("post", _ADMIN): ("PollDraft", "Poll"),
    ("get", _ADMIN): (None, "Polls"),
    ("get", _POLL): (None, "Poll"),
    ("patch", _POLL): ("PollPatch", "Poll"),
    ("delete", _POLL): ("Confirmation", None),
    ("post", f"{_POLL}/open"): (None, "Poll"),
    ("post", f"{_POLL}/close"): (None, "Poll"),
    ("post", f"{_POLL}/reopen"): ("Reopening", "Poll"),
    ("post", f"{_POLL}/publish"): (None, "Poll"),
    ("post", f"{_POLL}/cancel"): (None, "Poll"),
    ("post", f"{_POLL}/archive"): (None, "Poll"),
    ("post", f"{_POLL}/reset"): ("Confirmation", "Poll"),
    ("get", f"{_POLL}/audit"): (None, "Audit"),
    ("post", f"{_POLL}/recount"): (None, "Recount"),
    ("get", f"{_POLL}/results"): (None, "Results"),
    ("post", "/v1/voters"): ("Voter", "Token"),
    ("post", "/v1/tickets"): (None, "Ticket"),
    ("get", "/v1/polls/{poll_id}"): (None, "Poll"),
    ("get", "/v1/polls/{poll_id}/results"): (None, "Results"),
    ("post", "/v1/polls/{poll_id}/votes"): ("Vote", "Counted"),
    ("get", "/v1/polls/{poll_id}/votes/mine"): (None, "Counted"),
    ("delete", "/v1/polls/{poll_id}/votes/mine"): (None, "Counted"),
    ("post", "/v1/polls/{poll_id}/receipts"): ("Receipt", "ReceiptAnswer"),
}


_POLLS_NAMED: Final[dict[tuple[str, str], str]] = {
    ("post", "/v1/voters"): "For a page whose site this poll alone allows.",
    ("post", "/v1/tickets"): "For a page whose site this poll alone allows.",
    ("get", "/v1/events"): "What to watch; may be given up to 100 times.",
}
"""Where ``?poll=`` is read, and what for."""


def document_of(app: Litestar) -> Json:
    """The whole document, as ``/openapi.json`` serves it."""
    document: Json = app.openapi_schema.to_schema()
    components = document.setdefault("components", {})
    components["schemas"] = {**components.get("schemas", {}), **_struct_schemas(), **_BY_HAND}
    components["securitySchemes"] = {
        "voter": {"type": "http", "scheme": "bearer", "description": "A token of POST /v1/voters."},
        "operator": {"type": "http", "scheme": "bearer", "description": "An operator's API key."},
    }
    for address, operations in document["paths"].items():
        for method, operation in operations.items():
            _tell_meaning(method, address, operation)
    return document


def _tell_meaning(method: str, address: str, operation: Json) -> None:
    body, answer = _MEANING.get((method, address), (None, None))
    if body is not None:
        operation["requestBody"] = {"content": _content("application/json", body)}
    if (method, address) in _POLLS_NAMED:
        named = {"name": "poll", "in": "query", "schema": {"type": "string"}}
        operation["parameters"] = [named | {"description": _POLLS_NAMED[method, address]}]
    responses = operation.setdefault("responses", {})
    if answer is not None:
        for status, response in responses.items():
            if status.startswith("2"):
                response["content"] = _content("application/json", answer)
    responses.pop("400", None)  # the framework's own form of errors, which never leaves this service
    responses["default"] = {"description": "Refused", "content": _content(CONTENT_TYPE, "Problem")}
    if address.startswith("/v1/admin"):
        operation["security"] = [{"operator": []}]


def _content(media_type: str, schema: str) -> Json:
    return {media_type: {"schema": {"$ref": _REF.format(name=schema)}}}


def _struct_schemas() -> Json:
    """Schemas of what is read and written as structs, made from the structs themselves."""
    _, schemas = msgspec.json.schema_components((PollDraft, PollPatch, Results), ref_template=_REF)
    return dict(schemas)
