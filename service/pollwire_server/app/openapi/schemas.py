"""JSON Schemas of all request and response bodies.

Schemas of structs are generated (``schemas``). The others are written here: ``OF_VOTERS`` for the public API,
``OF_OPERATORS`` for the admin API, and ``_OF_ALL`` for both. They share schemas of times, choices, totals and
pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from pollwire_server.admin.api_keys import KeyDraft
from pollwire_server.admin.issuers import IssuerDraft
from pollwire_server.admin.moderation import ErasedAnswer, FraudReport, PurgeResponse
from pollwire_server.admin.predictions import ResolutionDraft
from pollwire_server.admin.webhooks.service import WebhookDraft
from pollwire_server.auth.api_keys import Scope
from pollwire_server.domain.ballot import LAST_REVISION
from pollwire_server.domain.crowd import Distribution
from pollwire_server.domain.events import Audience, EventKind
from pollwire_server.domain.identifiers import IDENTIFIER_PATTERN
from pollwire_server.domain.poll import Kind
from pollwire_server.domain.poll_draft import PollDraft, PollPatch
from pollwire_server.domain.recount import Recount
from pollwire_server.domain.tally import Results
from pollwire_server.domain.timeline import Timeline
from pollwire_server.domain.window import Phase
from pollwire_server.problem_details import TABLE
from pollwire_server.voting.responses import (
    ErasureResponse,
    OwnVoteResponse,
    ReceiptResponse,
    TicketResponse,
    TokenResponse,
    VoteResponse,
)
from pollwire_server.voting.series_service import LeaderboardPage, OwnSeriesPage

Json = dict[str, Any]  # Any: an OpenAPI document is JSON of many shapes

STRUCTS: Final = (
    *(PollDraft, PollPatch, ResolutionDraft, KeyDraft, IssuerDraft, WebhookDraft),
    *(Results, Timeline, Distribution, Recount, FraudReport, PurgeResponse, ErasedAnswer),
    *(VoteResponse, OwnVoteResponse, ErasureResponse, ReceiptResponse, TokenResponse, TicketResponse),
    *(LeaderboardPage, OwnSeriesPage),
)
"""Structs that are sent or received. Their schemas are generated."""

REF: Final = "#/components/schemas/{name}"
TIME: Final = {"type": "string", "format": "date-time"}
MAYBE_TIME: Final = {"type": ["string", "null"], "format": "date-time"}
CHOICE: Final = {
    "type": ["string", "integer", "array", "object"],
    "items": {"type": "string"},
    "additionalProperties": {"type": "number", "minimum": 0, "maximum": 1},
    "description": (
        "An option's id; a value of the scale (rating); ids (multiple), the best first (ranked);"
        " a probability for each outcome (forecast)."
    ),
}


def object_schema(properties: Json, *, but: tuple[str, ...] = (), **more: object) -> Json:
    """Return the schema of a response object. All properties are required, except those in ``but``."""
    required = [name for name in properties if name not in but]
    return {"type": "object", "required": required, "properties": properties, **more}


def page_of(item: Json) -> Json:
    """Return the schema of one page of a list."""
    following = {"type": ["string", "null"], "description": "The cursor of the next page."}
    return object_schema({"items": {"type": "array", "items": item}, "next": following})


OF_VOTERS: Final[Json] = {
    "Vote": {
        "type": "object",
        "required": ["choice"],
        "properties": {"choice": CHOICE, "revision": {"type": ["integer", "null"]}},
        "additionalProperties": False,
    },
    "Voter": {
        "type": "object",
        "properties": {
            "name": {"type": ["string", "null"], "minLength": 1, "maxLength": 40},
            "challenge": {"type": ["string", "null"], "maxLength": 4096},
        },
        "additionalProperties": False,
    },
    "Nothing": {"type": "object", "additionalProperties": False},
    "Receipt": {
        "type": "object",
        "required": ["receipt"],
        "properties": {"receipt": {"type": "string"}},
        "additionalProperties": False,
    },
}


_KEY: Final[Json] = {
    "id": {"type": "string"},
    "name": {"type": "string"},
    "scopes": {"type": "array", "items": {"enum": [scope.value for scope in Scope]}},
    "created_at": TIME,
    "last_used_at": MAYBE_TIME,
}
_WEBHOOK: Final[Json] = {
    "id": {"type": "string"},
    "url": {"type": "string"},
    "events": {"type": "array", "items": {"enum": [kind.value for kind in EventKind]}},
    "polls": {"type": ["array", "null"], "items": {"type": "string"}, "description": "Null: every poll."},
    "results": {"enum": [audience.value for audience in Audience]},
    "created_at": TIME,
    "created_by": {"type": "string", "description": "The name of the operator's key."},
    "status": {"enum": ["active", "disabled"]},
    "disabled_at": MAYBE_TIME,
    "disabled_reason": {"type": ["string", "null"]},
    "waiting": {"type": "integer"},
    "dropped": {"type": "integer"},
    "failures": {"type": "integer", "description": "Since the last success."},
    "last_success_at": MAYBE_TIME,
    "last_failure_at": MAYBE_TIME,
    "last_error": {"type": ["string", "null"]},
}
_DELIVERY: Final = object_schema(
    {
        "id": {"type": "string", "description": "The `webhook-id` that the site was sent."},
        "type": {"type": "string"},
        "poll": {"type": ["string", "null"]},
        "attempt": {"type": "integer"},
        "at": TIME,
        "delivered": {"type": "boolean"},
        "status": {"type": ["integer", "null"]},
        "error": {"type": ["string", "null"]},
        "took_ms": {"type": "integer"},
    }
)

OF_OPERATORS: Final[Json] = {
    "Progress": object_schema({"done": {"type": "integer"}, "total": {"type": "integer"}}),
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
    "Keys": page_of({"$ref": REF.format(name="Key")}),
    "Key": object_schema(_KEY),
    "OwnKey": object_schema({name: _KEY[name] for name in ("name", "scopes")}),
    "MadeKey": object_schema(
        {**_KEY, "key": {"type": "string", "description": "The secret, shown this once."}}
    ),
    "Issuers": page_of({"$ref": REF.format(name="Issuer")}),
    "Issuer": object_schema(
        {
            **{name: {"type": "string"} for name in ("id", "issuer", "audience")},
            "algorithm": {"enum": ["HS256", "EdDSA", "RS256"]},
            "key": {"type": ["string", "null"], "description": "Null where it is a shared secret."},
            "jwks_url": {"type": ["string", "null"]},
            "created_at": TIME,
        }
    ),
    "Webhook": object_schema(_WEBHOOK),
    "Webhooks": page_of({"$ref": REF.format(name="Webhook")}),
    "MadeWebhook": object_schema(
        {**_WEBHOOK, "secret": {"type": "string", "description": "Signs what is sent; shown this once."}}
    ),
    "Delivery": _DELIVERY,
    "Deliveries": page_of({"$ref": REF.format(name="Delivery")}),
    "SentVote": {
        "type": "object",
        "description": "One line; blank lines are passed over.",
        "required": ["voter", "choice"],
        "properties": {
            "voter": {"type": "string", "minLength": 1, "maxLength": 200},
            "choice": CHOICE,
            "revision": {"type": ["integer", "null"], "minimum": 0, "maximum": LAST_REVISION},
        },
        "additionalProperties": False,
    },
    "SentVoteAnswer": {
        "type": "object",
        "description": "One line: what became of the line of that number, or its problem.",
        "required": ["line", "status"],
        "properties": {
            "line": {"type": "integer", "minimum": 1},
            "status": {"anyOf": [{"enum": ["counted", "changed", "unchanged"]}, {"type": "integer"}]},
            "revision": {"type": "integer"},
            "problem": {"type": "string"},
            "detail": {"type": "string"},
        },
    },
    "PurgeDraft": {
        "type": "object",
        "properties": {
            "from": {"type": "string"},
            "to": {"type": "string"},
            "confirm": {"type": "string"},
            "timezone": {"type": ["string", "null"]},
            "tag": {"type": "string", "pattern": "^[0-9a-f]{8}$"},
        },
        "required": ["confirm"],
        "anyOf": [{"required": ["from", "to"]}, {"required": ["tag"]}],
        "additionalProperties": False,
    },
    "Audit": page_of(
        object_schema(
            {
                "at": TIME,
                "by": {"type": "string", "description": "The name of the operator's key."},
                "act": {"type": "string"},
                "before": {"type": ["object", "null"]},
                "after": {"type": ["object", "null"]},
            }
        )
    ),
    "Polls": page_of({"$ref": REF.format(name="Poll")}),
}


_BOUNDS: Final = {
    "type": ["object", "null"],
    "properties": {"min": {"type": "integer"}, "max": {"type": "integer"}},
}
_RESOLUTION: Final[Json] = {
    "type": ["object", "null"],
    "description": "Resolution of a prediction. `outcome` is null if it is annulled.",
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
            "id": {"type": "string", "pattern": f"^{IDENTIFIER_PATTERN}$"},
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
            "ordered": {"type": "boolean"},
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
            "ties": {"enum": ["lot", "declare", None]},
            "tie_seed": {"type": ["string", "null"]},
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
    """Return all schemas by name."""
    return {
        **struct_schemas(STRUCTS),
        **OF_VOTERS,
        **OF_OPERATORS,
        **_OF_ALL,
    }


def struct_schemas(structs: Sequence[type[msgspec.Struct]]) -> Json:
    """Return the generated schemas of these structs and of the structs in their fields, by name."""
    _, schemas = msgspec.json.schema_components(structs, schema_hook=_anything, ref_template=REF)
    return {name: _to_ecma_patterns(schema) for name, schema in schemas.items()}


def _anything(kind: type[object]) -> Json:
    """Return the schema of an ``object`` field. Its content is described in ``docs/api/``."""
    if kind is object:
        return {"description": "Anything."}
    raise NotImplementedError(kind)


def _to_ecma_patterns(schema: Any) -> Any:  # Any: JSON
    r"""Replace ``\Z`` with ``$`` in patterns: JSON Schema uses ECMA-262, which has no ``\Z``."""
    if isinstance(schema, dict):
        replaced = {name: _to_ecma_patterns(value) for name, value in schema.items()}
        if isinstance(replaced.get("pattern"), str):
            replaced["pattern"] = replaced["pattern"].replace("\\Z", "$")
        return replaced
    return [_to_ecma_patterns(item) for item in schema] if isinstance(schema, list) else schema
