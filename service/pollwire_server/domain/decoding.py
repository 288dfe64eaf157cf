"""Reading what somebody wrote down: as the shape wanted, or which field is wrong, and what it should be.

msgspec says where it found fault, but tells of a pattern by its regular
expression and of a closed list by the one word that is not on it. Neither says
what to write instead, so both are put into words here: a pattern by the
``description`` that stands beside it, a list by naming its members.
"""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec
from msgspec import inspect

from pollwire_server.domain.errors import InvalidPoll

Shape = TypeVar("Shape")


def decode_document(document: object, shape: type[Shape]) -> Shape:
    """A decoded JSON (or TOML) object as ``shape``; ``InvalidPoll`` with the path of what is wrong."""
    try:
        return msgspec.convert(document, shape)
    except msgspec.ValidationError as error:
        raise InvalidPoll(*explain_validation_error(error, shape)) from None


_PATH = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")
_NAMED = re.compile(r"^Object (?:contains unknown|missing required) field `(?P<name>[^`]*)`")
_UNEXPLAINED = ("Invalid enum value", "Expected `str` matching regex")
"""How msgspec begins to tell of what it does not put into words."""


def explain_validation_error(error: msgspec.ValidationError, shape: type | None = None) -> tuple[str, str]:
    """Where msgspec found fault (``options[0].label``) and a sentence about it.

    With the ``shape`` that was wanted, the sentence also says what a closed list or a pattern takes.
    """
    message = str(error)
    path = _PATH.search(message)
    field = path["path"] if path else ""
    sentence = _PATH.sub("", message)
    if named := _NAMED.match(sentence):
        field = f"{field}.{named['name']}" if field else named["name"]
    sentence = _LENGTH.sub(lambda length: _length_in_words(field, **length.groupdict()), sentence)
    if shape is not None and sentence.startswith(_UNEXPLAINED):
        wanted = _wanted(inspect.type_info(shape), _STEP.findall(field))
        sentence = f"{field} must be {wanted}" if wanted else sentence
    return field or "body", sentence + "."


_LENGTH = re.compile(r"^Expected `(?P<what>str|array|object)` of length (?P<bound>[<>]=) (?P<number>\d+)$")


def _length_in_words(field: str, what: str, bound: str, number: str) -> str:
    """How long something must be, told without the names of types."""
    if (what, bound, number) == ("str", ">=", "1"):
        return f"{field} must not be empty"
    unit = {"str": "character", "array": "item", "object": "field"}[what] + ("" if number == "1" else "s")
    return f"{field} must have at {'least' if bound == '>=' else 'most'} {number} {unit}"


_STEP = re.compile(r"\[[^\]]*\]|[^.\[]+")
"""One step of a path: a place in a list, or a field."""


def _wanted(info: inspect.Type, steps: list[str]) -> str | None:
    """What the place at the end of ``steps`` takes, in words; None where there are none for it."""
    if isinstance(info, inspect.UnionType):
        return next((found for one in info.types if (found := _wanted(one, steps))), None)
    if isinstance(info, inspect.Metadata):
        described = (info.extra_json_schema or {}).get("description")
        return _wanted(info.type, steps) or (None if steps else described)
    if not steps:
        return _members(info) if isinstance(info, inspect.EnumType) else None
    inner = _inner(info, steps[0])
    return _wanted(inner, steps[1:]) if inner is not None else None


def _members(info: inspect.EnumType) -> str:
    return f"one of {', '.join(str(member.value) for member in info.cls)}"


def _inner(info: inspect.Type, step: str) -> inspect.Type | None:
    if isinstance(info, inspect.StructType):
        return next((field.type for field in info.fields if field.encode_name == step), None)
    return info.item_type if isinstance(info, inspect.VarTupleType) else None
