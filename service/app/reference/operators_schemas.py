"""What operators send and are answered, as JSON Schema told by hand; structs are in ``schemas``."""

from __future__ import annotations

from typing import Final

from service.app.reference.shapes import CHOICE, MAYBE_TIME, REF, TIME, TOTALS, Json, object_schema, page_of
from service.domain.ballot import LAST_REVISION
from service.domain.events import Audience, EventKind
from service.identity.api_keys import Scope

_SHARES: Final = {
    "votes": {"type": "integer"},
    "choice": {},
    "share": {"type": "number"},
    "share_elsewhere": {"type": "number"},
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
    "status": {"enum": ["active", "given_up"]},
    "given_up_at": MAYBE_TIME,
    "given_up_for": {"type": ["string", "null"]},
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
    "Erased": object_schema({"erased": {"type": "boolean"}}),
    "Erasure": object_schema({"poll": {"type": "string"}, "counts": {"type": "boolean"}}),
    "Purged": object_schema({"purged": {"type": "integer", "minimum": 0}}),
    "Report": object_schema(
        {
            "votes": {"type": "integer"},
            "usual_per_minute": {"type": "number"},
            "bursts": {"type": "array", "items": object_schema({"from": TIME, "to": TIME, **_SHARES})},
            "tags": {
                "type": ["array", "null"],
                "items": object_schema(
                    {
                        "tag": {"type": ["string", "null"]},
                        "choice_share": {"type": "number"},
                        "busiest_minute": TIME,
                        "votes_in_minute": {"type": "integer"},
                        **_SHARES,
                    }
                ),
            },
        }
    ),
    "Recount": object_schema({"matches": {"type": "boolean"}, "stored": TOTALS, "recounted": TOTALS}),
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
