"""The OpenAPI document: valid, with examples that match their schemas, and only known problems."""

from __future__ import annotations

from typing import Any

from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from pollwire_server.app.openapi.problem_pages import PROBLEMS

from tests.fuzz.problem_check import listed_types
from tests.fuzz.target_service import World

_ELSEWHERE = {
    "http-version-not-supported",
    "method-not-allowed",
    "not-found",
    "results-hidden",
    "unsupported-format",
    "unsupported-transfer-coding",
    "uri-too-long",
}
"""Problems that no documented route returns."""


def test_document_is_valid_openapi_3_1(world: World) -> None:
    assert world.document["openapi"].startswith("3.1")
    assert [str(error) for error in OpenAPIV31SpecValidator(world.document).iter_errors()] == []


def test_every_body_has_an_example_that_matches_its_schema(world: World) -> None:
    schemas = world.document["components"]["schemas"]
    named = {
        name
        for address in world.document["paths"].values()
        for op in address.values()
        for name in _parameter_names(op)
    }
    assert {name for name in named if not schemas[name].get("examples")} == set()
    for name, schema in schemas.items():
        for example in schema.get("examples", ()):
            schema_with_components = {**_closed(schema), "components": world.document["components"]}
            assert [
                error.message for error in OAS31Validator(schema_with_components).iter_errors(example)
            ] == [], name


def test_every_problem_is_listed_by_a_route(world: World) -> None:
    """Exceptions are unknown paths, unsupported methods and WebSockets of foreign origins."""
    listed = {
        slug.removeprefix("/problems/")
        for address in world.document["paths"].values()
        for operation in address.values()
        for status in operation["responses"]
        for slug in listed_types(operation, int(status))
    }
    assert PROBLEMS.keys() - listed <= _ELSEWHERE
    assert listed <= PROBLEMS.keys()


def _parameter_names(operation: dict[str, Any]) -> set[str]:
    """Return the schema names of an operation's request and response bodies."""
    parts = [operation.get("requestBody", {}), *operation["responses"].values()]
    schemas = [content["schema"] for part in parts for content in part.get("content", {}).values()]
    return {schema["$ref"].rpartition("/")[2] for schema in schemas if "$ref" in schema}


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema without additional properties. Problems may have extension members."""
    is_open = "properties" not in schema or schema["properties"].keys() >= {"title", "detail"}
    return schema if is_open else {**schema, "additionalProperties": False}
