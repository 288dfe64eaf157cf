"""Check of error responses: RFC 9457, with a type that the OpenAPI document lists for the route."""

from __future__ import annotations

from typing import Any


def check_problem(context: Any, response: Any, case: Any) -> None:  # Any: the library's
    """Check that a response with status 400 or above is a problem that its route lists. For schemathesis."""
    status = response.status_code
    if status < 400:
        return
    assert response.headers["content-type"] == ["application/problem+json"], response.headers
    problem = response.json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"].strip()
    assert "Internal error" not in problem["detail"], problem
    listed = listed_types(case.operation.definition.raw, status)
    assert problem["type"] in listed, f"{problem['type']} is not listed among {listed}"


def listed_types(operation: dict[str, Any], status: int) -> list[str]:
    """Return the problem types that an operation lists for a status."""
    response = operation["responses"].get(str(status), {})
    schema = response.get("content", {}).get("application/problem+json", {}).get("schema", {})
    types: list[str] = schema.get("properties", {}).get("type", {}).get("enum", [])
    return types
