"""The OpenAPI document: valid, with only known problems."""

from __future__ import annotations

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
