"""What many schemas are made of: times, choices, totals, and answers that are whole or a page of many."""

from __future__ import annotations

from typing import Any, Final

Json = dict[str, Any]  # Any: an OpenAPI document is JSON of many shapes

REF: Final = "#/components/schemas/{name}"
TIME: Final = {"type": "string", "format": "date-time"}
MAYBE_TIME: Final = {"type": ["string", "null"], "format": "date-time"}
CHOICE: Final = {
    "type": ["string", "integer", "array"],
    "items": {"type": "string"},
    "description": "An option's id; a value of the scale (rating); ids (multiple), the best first (ranked).",
}
MAYBE_CHOICE: Final = {**CHOICE, "type": [*CHOICE["type"], "null"]}


def object_schema(properties: Json, *, but: tuple[str, ...] = (), **more: object) -> Json:
    """An object of an answer: every property is always there, except those of ``but``."""
    required = [name for name in properties if name not in but]
    return {"type": "object", "required": required, "properties": properties, **more}


def page_of(item: Json) -> Json:
    """One page of a list."""
    following = {"type": ["string", "null"], "description": "The cursor of the next page."}
    return object_schema({"items": {"type": "array", "items": item}, "next": following})


TOTALS: Final = object_schema(
    {
        "voters": {"type": "integer"},
        "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
    }
)
