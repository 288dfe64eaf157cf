"""Bodies and answers as JSON Schema: what is a struct is made from it, the rest told by hand."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from service.app.reference.operators_schemas import OF_OPERATORS
from service.app.reference.shapes import MAYBE_TIME, REF, TIME, TOTALS, Json, object_schema
from service.app.reference.voters_schemas import OF_VOTERS
from service.domain.draft import PollDraft, PollPatch
from service.domain.poll import Kind
from service.domain.tally import Results
from service.domain.window import Phase
from service.operators.issuers import IssuerDraft
from service.operators.keys import KeyDraft
from service.operators.predictions import ResolutionDraft
from service.operators.webhooks.operated import WebhookDraft
from service.problems import TABLE

_BOUNDS: Final = {
    "type": ["object", "null"],
    "properties": {"min": {"type": "integer"}, "max": {"type": "integer"}},
}
_RESOLUTION: Final[Json] = {
    "type": ["object", "null"],
    "description": "What a prediction has come to; `outcome` null: annulled.",
    "required": ["outcome", "at", "effective_at", "by", "version", "note"],
    "properties": {
        "outcome": {"type": ["string", "null"]},
        "at": TIME,
        "effective_at": TIME,
        "by": {"type": "string"},
        "version": {"type": "integer"},
        "note": {"type": ["string", "null"]},
    },
}

_OF_ALL: Final[Json] = {
    "Poll": object_schema(
        {
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
            "opens_at": TIME,
            "closes_at": MAYBE_TIME,
            "visible_at": MAYBE_TIME,
            "timezone": {"type": ["string", "null"]},
            "revote": {"enum": ["never", "change", "withdraw"]},
            "identity": {"enum": ["device", "signed", "open"]},
            "issuer": {"type": ["string", "null"]},
            "results": {"enum": ["always", "after_vote", "after_close", "operators"]},
            "series": {"type": ["string", "null"]},
            "resolve_by": MAYBE_TIME,
            "shards": {"type": "integer"},
            "origins": {"type": ["array", "null"], "items": {"type": "string"}},
            "network_tags": {"type": "boolean"},
            "shuffle": {"type": "boolean"},
            "lang": {"type": ["string", "null"]},
            "phase": {"enum": [phase.value for phase in Phase]},
            "resolution": _RESOLUTION,
            "planned_closes_at": MAYBE_TIME,
            "created_at": TIME,
            "version": {"type": "integer"},
        },
        description="A poll as it stands; every field is always present.",
    ),
    "Probe": object_schema(
        {
            "status": {"enum": ["alive", "ready", "degraded", "draining", "starting"]},
            "degraded": {"type": "boolean"},
            "reason": {"type": "string"},
        },
        but=("degraded", "reason"),
    ),
    "Timeline": object_schema(
        {"points": {"type": "array", "items": object_schema({"at": TIME, **TOTALS["properties"]})}}
    ),
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
    structs = (PollDraft, PollPatch, ResolutionDraft, Results, KeyDraft, IssuerDraft, WebhookDraft)
    _, made = msgspec.json.schema_components(structs, schema_hook=_anything, ref_template=REF)
    return {
        **{name: _to_ecma_patterns(schema) for name, schema in made.items()},
        **OF_VOTERS,
        **OF_OPERATORS,
        **_OF_ALL,
    }


def _anything(kind: type[object]) -> Json:
    """Of an ``object``: what is in it is told by hand, or in ``docs/protocol.md``."""
    if kind is object:
        return {"description": "Anything."}
    raise NotImplementedError(kind)


def _to_ecma_patterns(schema: Any) -> Any:  # Any: JSON
    r"""JSON Schema's patterns are ECMA-262's, which ends a text with ``$`` and knows no ``\Z``."""
    if isinstance(schema, dict):
        told = {name: _to_ecma_patterns(value) for name, value in schema.items()}
        if isinstance(told.get("pattern"), str):
            told["pattern"] = told["pattern"].replace("\\Z", "$")
        return told
    return [_to_ecma_patterns(item) for item in schema] if isinstance(schema, list) else schema
