"""JSON Schemas of request and response bodies, generated from the structs that are decoded and encoded.

A schema has the name of its struct, without the suffix ``Document``. The docstrings of a struct and of its
fields are the descriptions.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Collection
from itertools import pairwise
from typing import Any, Final

import msgspec

Json = dict[str, Any]  # Any: an OpenAPI document is JSON of many shapes

REF: Final = "#/components/schemas/{name}"
_SUFFIX: Final = re.compile(r"Document\Z")
_TRANSLATIONS: Final[dict[str, Callable[[str], str]]] = {
    "pattern": lambda text: text.replace(r"\Z", "$"),
    "description": lambda text: inspect.cleandoc(text).replace("``", "`"),
    "$ref": lambda text: _SUFFIX.sub("", text),
    "title": lambda text: _SUFFIX.sub("", text),
}


def schemas_of(structs: Collection[type[msgspec.Struct]]) -> Json:
    """Return the schemas of these structs and of the types in their fields, by name."""
    _, components = msgspec.json.schema_components(structs, schema_hook=_anything, ref_template=REF)
    described = _describe_fields(components, structs)
    named = {_SUFFIX.sub("", name): _translated(schema) for name, schema in described.items()}
    if len(named) != len(components):
        raise ValueError("Two structs have the same name without their suffix.")
    return named


def reference_to(struct: type[msgspec.Struct]) -> Json:
    """Return the reference to the schema of a struct."""
    return {"$ref": REF.format(name=_SUFFIX.sub("", struct.__name__))}


def _anything(kind: type[object]) -> Json:
    """Return the schema of an ``object`` field. Its content is described in ``docs/api/``."""
    if kind is object:
        return {"description": "Any JSON value."}
    raise NotImplementedError(kind)


def _describe_fields(components: Json, structs: Collection[type[msgspec.Struct]]) -> Json:
    """Return the schemas with the docstrings of the fields as descriptions."""
    described = dict(components)
    for struct in _structs_in(msgspec.inspect.multi_type_info(structs)):
        schema, texts = components[struct.__name__], _field_docstrings(struct)
        properties = {
            name: {**value, "description": texts[name]} if name in texts else value
            for name, value in schema.get("properties", {}).items()
        }
        described[struct.__name__] = {**schema, **({"properties": properties} if properties else {})}
    return described


def _structs_in(info: Any, found: dict[type, None] | None = None) -> dict[type, None]:  # Any: a type or parts
    """Return all structs of these types, in the order in which they occur."""
    found = {} if found is None else found
    if isinstance(info, msgspec.inspect.StructType):
        if info.cls in found:
            return found
        found[info.cls] = None
    if isinstance(info, tuple | list):
        parts = info
    else:
        parts = [getattr(info, name) for name in getattr(info, "__struct_fields__", ()) if name != "cls"]
    for part in parts:
        if isinstance(part, msgspec.inspect.Type | msgspec.inspect.Field | tuple | list):
            _structs_in(part, found)
    return found


def _field_docstrings(struct: type) -> dict[str, str]:
    """Return the docstring after each field of a struct or of its bases, by the field's name in JSON."""
    texts: dict[str, str] = {}
    for kind in reversed(struct.__mro__):
        if not issubclass(kind, msgspec.Struct) or kind is msgspec.Struct:
            continue
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
        for field, text in pairwise(getattr(definition, "body", ())):
            match field, text:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(
                    value=ast.Constant(value=str(documentation))
                ):
                    texts[name] = inspect.cleandoc(documentation)
    names = zip(struct.__struct_fields__, struct.__struct_encode_fields__, strict=True)  # type: ignore[attr-defined]  # of a struct
    return {encoded: texts[name] for name, encoded in names if name in texts}


def _describe_default(schema: Json) -> None:
    """Replace the default of a field with a sentence.

    Generators for TypeScript take a field with a default as always present, in requests too.
    """
    default = schema.pop("default")
    if default is not None:
        text = f"Default: `{msgspec.json.encode(default).decode()}`."
        schema["description"] = f"{schema['description']} {text}" if "description" in schema else text


def _translated(schema: Any) -> Any:  # Any: JSON
    r"""Translate a generated schema to the document's own conventions.

    Enumerations get their type, which some client generators need. In patterns, ``$`` replaces ``\Z``: JSON
    Schema uses ECMA-262, which has no ``\Z``. Descriptions are Markdown, where one backtick marks code.
    References lose the suffix of the struct's name.
    """
    if isinstance(schema, list):
        return [_translated(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    translated = {name: _translated(value) for name, value in schema.items()}
    if "type" not in translated and all(isinstance(value, str) for value in schema.get("enum", (None,))):
        translated["type"] = "string"
    if "default" in translated and not isinstance(translated["default"], dict):  # not a field of this name
        _describe_default(translated)
    for name, translate in _TRANSLATIONS.items():
        if isinstance(translated.get(name), str):
            translated[name] = translate(translated[name])
    return translated
