"""Strict JSON Schemas for tests."""

from __future__ import annotations

from typing import Any


def closed(schema: Any) -> Any:  # Any: JSON
    """Return a schema that rejects undocumented fields: objects with named properties have no others."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: closed(value) for name, value in schema.items()}
    return {"additionalProperties": False, **inner} if schema.keys() >= {"type", "properties"} else inner
