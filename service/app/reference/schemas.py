"""Bodies and answers as JSON Schema: those that are structs made from the structs, the others told here."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from service.domain.draft import PollDraft, PollPatch
from service.domain.poll import Kind
from service.domain.tally import Results
from service.operators.issuers import IssuerDraft
from service.operators.keys import KeyDraft
from service.problems import TABLE

Json = dict[str, Any]  # Any: an OpenAPI document is JSON of many shapes

REF: Final = "#/components/schemas/{name}"
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
            "items": {"type": "array", "items": {"$ref": REF.format(name="Poll")}},
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


def schemas() -> Json:
    """Every schema by name."""
    structs = (PollDraft, PollPatch, Results, KeyDraft, IssuerDraft)
    _, made = msgspec.json.schema_components(structs, ref_template=REF)
    return {**{name: _in_words_of_the_standard(schema) for name, schema in made.items()}, **_BY_HAND}


def _in_words_of_the_standard(schema: Any) -> Any:  # Any: JSON
    r"""JSON Schema's patterns are ECMA-262's, which ends a text with ``$`` and knows no ``\Z``."""
    if isinstance(schema, dict):
        told = {name: _in_words_of_the_standard(value) for name, value in schema.items()}
        if isinstance(told.get("pattern"), str):
            told["pattern"] = told["pattern"].replace("\\Z", "$")
        return told
    return [_in_words_of_the_standard(item) for item in schema] if isinstance(schema, list) else schema
