"""Decoding of request documents: convert them to structs, and explain validation errors in plain English.

msgspec reports where an error is, but it names Python types, shows a pattern as a regular expression, and
names only the rejected word of a closed list. None of that helps the author of a request. This module
translates each message into a sentence about the field: its type in JSON terms, its bounds, the members of a
closed list, or the ``description`` next to a pattern.

msgspec reads a float such as ``9e307`` with arithmetic on big integers, which takes 10 us: a body of 16 KiB
would block the event loop for 25 ms. ``json_decoder`` and ``decode_json`` pass floats to ``parse_float``,
which takes 0.3 us. They are the only decoders of documents from outside.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final, TypeVar

import msgspec
from msgspec import inspect

from pollwire_server.domain.errors import InvalidPoll

Shape = TypeVar("Shape")
_SHOWN_NAME_LENGTH: Final = 60
_BYTE_ORDER_MARK: Final = "\ufeff".encode()


class EmptyBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of a request that takes no fields: an empty JSON object, or none."""


def parse_float(text: str) -> float:
    """Return the float. Raises ``ValueError`` if it is out of range, as msgspec does."""
    number = float(text)
    if math.isinf(number):
        raise ValueError("Number out of range")
    return number


def json_decoder(shape: type[Shape]) -> msgspec.json.Decoder[Shape]:
    """Return a decoder of JSON from outside.

    Declare fields that take numbers as ``object``: msgspec reads a declared ``float`` without the hook.
    """
    return msgspec.json.Decoder(shape, float_hook=parse_float)


_decode_json = msgspec.json.Decoder(float_hook=parse_float).decode


def decode_json(document: bytes) -> Any:  # Any: unvalidated JSON
    """Return JSON from outside as Python objects. Raises like ``msgspec.json.decode``."""
    return _decode_json(document)


class _RepeatedName(Exception):
    """Signal of ``_check_pairs`` that an object has this name twice."""


def repeated_name(document: bytes) -> str | None:
    """Return a name that occurs twice in one object of a valid JSON document, or None.

    Of two members with one name, msgspec takes the last and other parsers the first (RFC 8259, section 4).
    A filter in front of the service could therefore read another document than the service.
    """
    if document.count(b":") < 2:  # nearly every vote
        return None
    try:
        json.loads(document, object_pairs_hook=_check_pairs, parse_int=str, parse_float=str)
    except _RepeatedName as repeated:
        return str(repeated)
    return None


def _check_pairs(pairs: list[tuple[str, object]]) -> None:
    names = set()
    for name, _ in pairs:
        if name in names:
            raise _RepeatedName(name)
        names.add(name)


def decode_document(document: object, shape: type[Shape]) -> Shape:
    """Convert a decoded JSON or TOML object to ``shape``.

    Raises ``InvalidPoll`` with the path of the error.
    """
    try:
        return msgspec.convert(document, shape)
    except msgspec.ValidationError as error:
        raise InvalidPoll(*explain_validation_error(error, shape)) from None


def without_byte_order_mark(document: bytes) -> bytes:
    """Return a document from outside without its leading U+FEFF, which editors and spreadsheets write.

    A JSON parser may ignore the mark (RFC 8259, section 8.1).
    """
    return document.removeprefix(_BYTE_ORDER_MARK)


def explain_repeated_name(name: str) -> tuple[str, str]:
    """Return the field, shortened, and a sentence about a name that occurs twice."""
    return name[:_SHOWN_NAME_LENGTH], f"{name[:_SHOWN_NAME_LENGTH]} is given twice in one object."


def explain_json_error(error: Exception) -> str:
    """Return why a body is not JSON, without a final full stop.

    The decoder raises ``DecodeError`` and ``UnicodeDecodeError``. For a body of opening brackets it raises
    ``RecursionError``, long before the interpreter's stack is exhausted.
    """
    return "it nests too deeply" if isinstance(error, RecursionError) else str(error).rstrip(".")


def explain_validation_error(error: msgspec.ValidationError, shape: type | None = None) -> tuple[str, str]:
    """Return the path of the field (``options[0].label``, or ``body``) and a sentence about the error.

    ``shape`` is the expected struct. With it, the sentence lists the values that a closed list or a pattern
    takes.
    """
    message = str(error)
    path = _PATH.search(message)
    field = path["path"] if path else ""
    if named := _NAMED.match(message):
        field = f"{field}.{named['name']}" if field else named["name"]
        problem = "is required" if named["problem"] == "missing required" else "is not a known field"
    else:
        problem = _problem_of(_PATH.sub("", message))
        if shape is not None and message.startswith(_NEEDS_SHAPE):
            described = _description_of(inspect.type_info(shape), _STEP.findall(field))
            problem = f"must be {described}" if described else problem
    return field or "body", f"{field or 'The body'} {problem}."


_PATH = re.compile(r" - at (?:`key` in )?`\$\.?(?P<path>[^`]*)`$")
_NAMED = re.compile(r"^Object (?:contains )?(?P<problem>unknown|missing required) field `(?P<name>[^`]*)`")
_NEEDS_SHAPE = ("Invalid enum value", "Expected `str` matching regex")
"""How those messages begin that can be explained with the expected struct only."""

_TYPE = re.compile(r"^Expected `(?P<types>[a-z| ]+)`(?:, got `|$)")
_BOUND = re.compile(r"^Expected `(?:int|float)` (?P<bound>[<>]=?) (?P<number>[-\d.e+]+)$")
_LENGTH = re.compile(
    r"^Expected `(?P<type>str|array|object)` of length (?:(?P<bound>[<>]=) )?(?P<number>\d+)(?:, got \d+)?$"
)

_TYPE_NAMES: Final = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "a string",
    "array": "a list",
    "object": "a JSON object",
}
_BOUND_NAMES: Final = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}
_UNITS: Final = {"str": "character", "array": "item", "object": "field"}


def _problem_of(message: str) -> str:
    """Translate a message of msgspec, without its path, into the predicate of a sentence."""
    if bound := _BOUND.match(message):
        return f"must be {_BOUND_NAMES[bound['bound']]} {bound['number']}"
    if length := _LENGTH.match(message):
        return _length_problem(length["type"], length["bound"], length["number"])
    if (expected := _TYPE.match(message)) and (types := expected["types"].split(" | ")):
        return f"must be {' or '.join(_TYPE_NAMES.get(name, name) for name in types)}"
    return "is not valid"


def _length_problem(kind: str, bound: str | None, number: str) -> str:
    if (kind, bound, number) == ("str", ">=", "1"):
        return "must not be empty"
    unit = _UNITS[kind] + ("" if number == "1" else "s")
    return f"must have {_BOUND_NAMES[bound] if bound else 'exactly'} {number} {unit}"


_STEP = re.compile(r"\[[^\]]*\]|[^.\[]+")
"""One step of a path: an index of a list, or a field."""


def _description_of(info: inspect.Type, steps: list[str]) -> str | None:
    """Describe the values of the field at the end of ``steps``.

    Return None if the type has no description.
    """
    if isinstance(info, inspect.UnionType):
        return next((found for one in info.types if (found := _description_of(one, steps))), None)
    if isinstance(info, inspect.Metadata):
        described = (info.extra_json_schema or {}).get("description")
        return _description_of(info.type, steps) or (None if steps else described)
    if not steps:
        return _members(info) if isinstance(info, inspect.EnumType) else None
    inner = _type_at(info, steps[0])
    return _description_of(inner, steps[1:]) if inner is not None else None


def _members(info: inspect.EnumType) -> str:
    return f"one of {', '.join(str(member.value) for member in info.cls)}"


def _type_at(info: inspect.Type, step: str) -> inspect.Type | None:
    """Return the type of one field of a struct, or of the items of a list."""
    if isinstance(info, inspect.StructType):
        return next((field.type for field in info.fields if field.encode_name == step), None)
    return info.item_type if isinstance(info, inspect.VarTupleType) else None
