"""What voters send and are answered, as JSON Schema told by hand."""

from __future__ import annotations

from typing import Final

from service.app.reference.shapes import CHOICE, MAYBE_CHOICE, TIME, Json, object_schema, page_of
from service.domain.window import Phase

_MAYBE_RIGHT: Final[Json] = {"type": ["boolean", "null"]}
_MAYBE_NUMBER: Final[Json] = {"type": ["number", "null"]}
_ROW: Final[Json] = {
    "rank": {"type": "integer", "minimum": 1, "description": "Equals share one."},
    "name": {"type": ["string", "null"], "description": "As its owner gave it: a text, never markup."},
    "forecasts": {"type": "integer", "description": "How many choices were scored."},
    **dict.fromkeys(("brier", "baseline", "peer", "accuracy"), _MAYBE_NUMBER),
}

OF_VOTERS: Final[Json] = {
    "Vote": {
        "type": "object",
        "required": ["choice"],
        "properties": {"choice": CHOICE, "revision": {"type": ["integer", "null"]}},
        "additionalProperties": False,
    },
    "Counted": object_schema(
        {
            "status": {"enum": ["counted", "changed", "unchanged", "withdrawn"]},
            "poll": {"type": "string"},
            "choice": MAYBE_CHOICE,
            "at": TIME,
            "revision": {"type": "integer"},
            "seq": {"type": "integer", "description": "Left out where the totals are hidden."},
            "receipt": {"type": "string"},
        },
        but=("seq", "receipt"),
    ),
    "Standing": object_schema(
        {
            "poll": {"type": "string"},
            "choice": CHOICE,
            "at": TIME,
            "revision": {"type": "integer"},
            "correct": {**_MAYBE_RIGHT, "description": "Of a prediction: whether it was right."},
            "scored": {"type": "boolean", "description": "Of a prediction: whether it counts."},
        },
        but=("correct", "scored"),
    ),
    "Leaderboard": page_of(object_schema(_ROW)),
    "OwnStanding": object_schema(
        {
            "row": {**object_schema(_ROW), "type": ["object", "null"]},
            "items": {
                "type": "array",
                "items": object_schema(
                    {
                        **{name: {"type": "string"} for name in ("poll", "question")},
                        "phase": {"enum": [phase.value for phase in Phase]},
                        "choice": CHOICE,
                        "at": TIME,
                        "outcome": {"type": ["string", "null"]},
                        "correct": _MAYBE_RIGHT,
                        "scored": {"type": "boolean"},
                    }
                ),
            },
            "next": {"type": ["string", "null"]},
        }
    ),
    "Voter": {
        "type": "object",
        "properties": {
            "name": {"type": ["string", "null"], "minLength": 1, "maxLength": 40},
            "challenge": {"type": ["string", "null"], "maxLength": 4096},
        },
        "additionalProperties": False,
    },
    "Nothing": {"type": "object", "additionalProperties": False},
    "Token": object_schema({"token": {"type": "string"}, "expires_at": TIME}),
    "Ticket": object_schema({"ticket": {"type": "string"}, "expires_at": TIME}),
    "Receipt": {
        "type": "object",
        "required": ["receipt"],
        "properties": {"receipt": {"type": "string"}},
        "additionalProperties": False,
    },
    "ReceiptAnswer": object_schema(
        {
            "valid": {"type": "boolean"},
            "counted": {"type": "boolean"},
            "choice": MAYBE_CHOICE,
            "at": TIME,
            "reason": {
                "enum": ["replaced", "archived", "gone"],
                "description": "Why it does not count; left out where it does.",
            },
        },
        but=("reason",),
    ),
}
