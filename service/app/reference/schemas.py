"""Bodies and answers as JSON Schema: those that are structs made from the structs, the others told here."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from service.domain.ballot import LAST_REVISION
from service.domain.draft import PollDraft, PollPatch
from service.domain.events import Audience, EventKind
from service.domain.poll import Kind
from service.domain.tally import Results
from service.domain.window import Phase
from service.identity.api_keys import Scope
from service.operators.issuers import IssuerDraft
from service.operators.keys import KeyDraft
from service.operators.predictions import ResolutionDraft
from service.operators.webhooks.operated import WebhookDraft
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
_MAYBE_CHOICE: Final = {**_CHOICE, "type": [*_CHOICE["type"], "null"]}
_BOUNDS: Final = {
    "type": ["object", "null"],
    "properties": {"min": {"type": "integer"}, "max": {"type": "integer"}},
}


def _whole(properties: Json, *, but: tuple[str, ...] = (), **more: object) -> Json:
    """An object of an answer: every property is always there, except those of ``but``."""
    required = [name for name in properties if name not in but]
    return {"type": "object", "required": required, "properties": properties, **more}


def _page(item: Json) -> Json:
    """One page of a list."""
    following = {"type": ["string", "null"], "description": "The cursor of the next page."}
    return _whole({"items": {"type": "array", "items": item}, "next": following})


_SHARES: Final = {
    "votes": {"type": "integer"},
    "choice": {},
    "share": {"type": "number"},
    "share_elsewhere": {"type": "number"},
}
_TOTALS: Final = _whole(
    {
        "voters": {"type": "integer"},
        "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
    }
)
_RESOLUTION: Final[Json] = {
    "type": ["object", "null"],
    "description": "What a prediction has come to; `outcome` null: annulled.",
    "required": ["outcome", "at", "effective_at", "by", "version", "note"],
    "properties": {
        "outcome": {"type": ["string", "null"]},
        "at": _TIME,
        "effective_at": _TIME,
        "by": {"type": "string"},
        "version": {"type": "integer"},
        "note": {"type": ["string", "null"]},
    },
}
_MAYBE_RIGHT: Final[Json] = {"type": ["boolean", "null"]}
_MAYBE_NUMBER: Final[Json] = {"type": ["number", "null"]}
_ROW: Final[Json] = {
    "rank": {"type": "integer", "minimum": 1, "description": "Equals share one."},
    "name": {"type": ["string", "null"], "description": "As its owner gave it: a text, never markup."},
    "forecasts": {"type": "integer", "description": "How many choices were scored."},
    **dict.fromkeys(("brier", "baseline", "peer", "accuracy"), _MAYBE_NUMBER),
}
_KEY: Final[Json] = {
    "id": {"type": "string"},
    "name": {"type": "string"},
    "scopes": {"type": "array", "items": {"enum": [scope.value for scope in Scope]}},
    "created_at": _TIME,
    "last_used_at": _MAYBE_TIME,
}
_WEBHOOK: Final[Json] = {
    "id": {"type": "string"},
    "url": {"type": "string"},
    "events": {"type": "array", "items": {"enum": [kind.value for kind in EventKind]}},
    "polls": {"type": ["array", "null"], "items": {"type": "string"}, "description": "Null: every poll."},
    "results": {"enum": [audience.value for audience in Audience]},
    "created_at": _TIME,
    "created_by": {"type": "string", "description": "The name of the operator's key."},
    "status": {"enum": ["active", "given_up"]},
    "given_up_at": _MAYBE_TIME,
    "given_up_for": {"type": ["string", "null"]},
    "waiting": {"type": "integer"},
    "dropped": {"type": "integer"},
    "failures": {"type": "integer", "description": "Since the last success."},
    "last_success_at": _MAYBE_TIME,
    "last_failure_at": _MAYBE_TIME,
    "last_error": {"type": ["string", "null"]},
}
_DELIVERY: Final = _whole(
    {
        "id": {"type": "string", "description": "The `webhook-id` that the site was sent."},
        "type": {"type": "string"},
        "poll": {"type": ["string", "null"]},
        "attempt": {"type": "integer"},
        "at": _TIME,
        "delivered": {"type": "boolean"},
        "status": {"type": ["integer", "null"]},
        "error": {"type": ["string", "null"]},
        "took_ms": {"type": "integer"},
    }
)

_BY_HAND: Final[Json] = {
    "Vote": {
        "type": "object",
        "required": ["choice"],
        "properties": {"choice": _CHOICE, "revision": {"type": ["integer", "null"]}},
        "additionalProperties": False,
    },
    "Counted": _whole(
        {
            "status": {"enum": ["counted", "changed", "unchanged", "withdrawn"]},
            "poll": {"type": "string"},
            "choice": _MAYBE_CHOICE,
            "at": _TIME,
            "revision": {"type": "integer"},
            "seq": {"type": "integer", "description": "Left out where the totals are hidden."},
            "receipt": {"type": "string"},
        },
        but=("seq", "receipt"),
    ),
    "Standing": _whole(
        {
            "poll": {"type": "string"},
            "choice": _CHOICE,
            "at": _TIME,
            "revision": {"type": "integer"},
            "correct": {**_MAYBE_RIGHT, "description": "Of a prediction: whether it was right."},
            "scored": {"type": "boolean", "description": "Of a prediction: whether it counts."},
        },
        but=("correct", "scored"),
    ),
    "Leaderboard": _page(_whole(_ROW)),
    "OwnStanding": _whole(
        {
            "row": {**_whole(_ROW), "type": ["object", "null"]},
            "items": {
                "type": "array",
                "items": _whole(
                    {
                        **{name: {"type": "string"} for name in ("poll", "question")},
                        "phase": {"enum": [phase.value for phase in Phase]},
                        "choice": _CHOICE,
                        "at": _TIME,
                        "outcome": {"type": ["string", "null"]},
                        "correct": _MAYBE_RIGHT,
                        "scored": {"type": "boolean"},
                    }
                ),
            },
            "next": {"type": ["string", "null"]},
        }
    ),
    "Progress": _whole({"done": {"type": "integer"}, "total": {"type": "integer"}}),
    "Voter": {
        "type": "object",
        "properties": {
            "name": {"type": ["string", "null"], "minLength": 1, "maxLength": 40},
            "challenge": {"type": ["string", "null"], "maxLength": 4096},
        },
        "additionalProperties": False,
    },
    "Nothing": {"type": "object", "additionalProperties": False},
    "Token": _whole({"token": {"type": "string"}, "expires_at": _TIME}),
    "Ticket": _whole({"ticket": {"type": "string"}, "expires_at": _TIME}),
    "Receipt": {
        "type": "object",
        "required": ["receipt"],
        "properties": {"receipt": {"type": "string"}},
        "additionalProperties": False,
    },
    "ReceiptAnswer": _whole(
        {
            "valid": {"type": "boolean"},
            "counted": {"type": "boolean"},
            "choice": _MAYBE_CHOICE,
            "at": _TIME,
            "reason": {
                "enum": ["replaced", "archived", "gone"],
                "description": "Why it does not count; left out where it does.",
            },
        },
        but=("reason",),
    ),
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
    "Poll": _whole(
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
            "opens_at": _TIME,
            "closes_at": _MAYBE_TIME,
            "visible_at": _MAYBE_TIME,
            "timezone": {"type": ["string", "null"]},
            "revote": {"enum": ["never", "change", "withdraw"]},
            "identity": {"enum": ["device", "signed", "open"]},
            "issuer": {"type": ["string", "null"]},
            "results": {"enum": ["always", "after_vote", "after_close", "operators"]},
            "series": {"type": ["string", "null"]},
            "resolve_by": _MAYBE_TIME,
            "shards": {"type": "integer"},
            "origins": {"type": ["array", "null"], "items": {"type": "string"}},
            "network_tags": {"type": "boolean"},
            "shuffle": {"type": "boolean"},
            "lang": {"type": ["string", "null"]},
            "phase": {"enum": [phase.value for phase in Phase]},
            "resolution": _RESOLUTION,
            "planned_closes_at": _MAYBE_TIME,
            "created_at": _TIME,
            "version": {"type": "integer"},
        },
        description="A poll as it stands; every field is always present.",
    ),
    "Polls": _page({"$ref": REF.format(name="Poll")}),
    "Keys": _page({"$ref": REF.format(name="Key")}),
    "Key": _whole(_KEY),
    "OwnKey": _whole({name: _KEY[name] for name in ("name", "scopes")}),
    "MadeKey": _whole({**_KEY, "key": {"type": "string", "description": "The secret, shown this once."}}),
    "Issuers": _page({"$ref": REF.format(name="Issuer")}),
    "Issuer": _whole(
        {
            **{name: {"type": "string"} for name in ("id", "issuer", "audience")},
            "algorithm": {"enum": ["HS256", "EdDSA", "RS256"]},
            "key": {"type": ["string", "null"], "description": "Null where it is a shared secret."},
            "jwks_url": {"type": ["string", "null"]},
            "created_at": _TIME,
        }
    ),
    "Webhook": _whole(_WEBHOOK),
    "Webhooks": _page({"$ref": REF.format(name="Webhook")}),
    "MadeWebhook": _whole(
        {**_WEBHOOK, "secret": {"type": "string", "description": "Signs what is sent; shown this once."}}
    ),
    "Delivery": _DELIVERY,
    "Deliveries": _page({"$ref": REF.format(name="Delivery")}),
    "Probe": _whole(
        {
            "status": {"enum": ["alive", "ready", "degraded", "draining", "starting"]},
            "degraded": {"type": "boolean"},
            "reason": {"type": "string"},
        },
        but=("degraded", "reason"),
    ),
    "Timeline": _whole(
        {"points": {"type": "array", "items": _whole({"at": _TIME, **_TOTALS["properties"]})}}
    ),
    "SentVote": {
        "type": "object",
        "description": "One line; blank lines are passed over.",
        "required": ["voter", "choice"],
        "properties": {
            "voter": {"type": "string", "minLength": 1, "maxLength": 200},
            "choice": _CHOICE,
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
    "Erased": _whole({"erased": {"type": "boolean"}}),
    "Erasure": _whole({"poll": {"type": "string"}, "counts": {"type": "boolean"}}),
    "Purged": _whole({"purged": {"type": "integer", "minimum": 0}}),
    "Report": _whole(
        {
            "votes": {"type": "integer"},
            "usual_per_minute": {"type": "number"},
            "bursts": {"type": "array", "items": _whole({"from": _TIME, "to": _TIME, **_SHARES})},
            "tags": {
                "type": ["array", "null"],
                "items": _whole(
                    {
                        "tag": {"type": ["string", "null"]},
                        "choice_share": {"type": "number"},
                        "busiest_minute": _TIME,
                        "votes_in_minute": {"type": "integer"},
                        **_SHARES,
                    }
                ),
            },
        }
    ),
    "Recount": _whole({"matches": {"type": "boolean"}, "stored": _TOTALS, "recounted": _TOTALS}),
    "Audit": _page(
        _whole(
            {
                "at": _TIME,
                "by": {"type": "string", "description": "The name of the operator's key."},
                "act": {"type": "string"},
                "before": {"type": ["object", "null"]},
                "after": {"type": ["object", "null"]},
            }
        )
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
    return {**{name: _in_words_of_the_standard(schema) for name, schema in made.items()}, **_BY_HAND}


def _anything(kind: type[object]) -> Json:
    """Of an ``object``: what is in it is told by hand, or in ``docs/protocol.md``."""
    if kind is object:
        return {"description": "Anything."}
    raise NotImplementedError(kind)


def _in_words_of_the_standard(schema: Any) -> Any:  # Any: JSON
    r"""JSON Schema's patterns are ECMA-262's, which ends a text with ``$`` and knows no ``\Z``."""
    if isinstance(schema, dict):
        told = {name: _in_words_of_the_standard(value) for name, value in schema.items()}
        if isinstance(told.get("pattern"), str):
            told["pattern"] = told["pattern"].replace("\\Z", "$")
        return told
    return [_in_words_of_the_standard(item) for item in schema] if isinstance(schema, list) else schema
