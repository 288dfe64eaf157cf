"""Every documented route with valid and invalid requests: the responses match the document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from time import sleep
from typing import Any
from urllib.parse import quote

import pytest
import schemathesis
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from pollwire_server.app.openapi.operations import TAGS
from schemathesis.checks import not_a_server_error
from schemathesis.core.parameters import ParameterLocation
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.fuzz.problem_check import check_problem
from tests.fuzz.settings import effort
from tests.fuzz.target_service import CHOICES, KINDS, World, bearer

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
MODES = {
    "right": schemathesis.GenerationMode.POSITIVE,
    "wrong": schemathesis.GenerationMode.NEGATIVE,
}
EXAMPLES = 20
STREAMS = ("/v1/events", "/v1/polls/{poll_id}/events")
"""Routes whose responses do not end."""

Operation = Any
Case = Any
"""Checks of the library that do not apply here."""


@schemathesis.serializer("application/x-ndjson")
def as_lines(context: Any, value: Any) -> bytes:
    """Serialize NDJSON for schemathesis: a list as lines, a text unchanged, any other value as one line."""
    if isinstance(value, str):
        return value.encode(errors="replace")
    return b"\n".join(json.dumps(line).encode() for line in (value if isinstance(value, list) else [value]))


def operations_of(world: World, tag: str) -> Iterator[Operation]:
    """Return the operations of one API, without streams."""
    schema = schemathesis.openapi.from_dict(world.document)
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result.err()
        operation = result.ok()
        if operation.path not in STREAMS and tag in (operation.tags or ()):
            yield operation


class RequestSender:
    """Sender of generated requests with a caller's credentials, to an existing or a missing poll."""

    def __init__(self, world: World, data: st.DataObject, operation: Operation) -> None:
        self._world = world
        self._draw = data.draw
        self._operation = operation

    def send(self, case: Case) -> None:
        """Send the case and check the response."""
        is_wrong = _has_wrong_body(case)
        kind = self._name_a_poll(case)
        if (
            not is_wrong
            and kind is not None
            and case.path.endswith("/votes")
            and self._draw(st.booleans(), "a real choice")
        ):
            case.body = {"choice": self._draw(st.sampled_from(CHOICES[kind]), "choice")}
            case.media_type = "application/json"
        headers = self._draw(st.sampled_from(self._people()), "who")
        response = case.call(base_url=self._world.url, headers=headers, timeout=20)
        if response.status_code == 503 and b"store-unavailable" in response.content:
            # A machine so busy that the store did not answer in time. Once, and nothing is hidden: what the
            # store refuses is logged as an error, and a request that stalls it does so again.
            sleep(float(response.headers["retry-after"][0]))
            response = case.call(base_url=self._world.url, headers=headers, timeout=20)
        case.validate_response(response, checks=CHECKS, additional_checks=[check_problem])
        assert not is_wrong or _is_refused(response), f"{case!r} was taken: {response.text}"

    def _name_a_poll(self, case: Case) -> str | None:
        """Set the poll id, nearly always an existing one. An operator that changes it gets a new poll."""
        if "{poll_id}" not in case.path or not self._draw(st.integers(0, 4), "a poll that is there"):
            return None
        kind = self._draw(st.sampled_from(KINDS), "kind")
        changes = case.path.startswith("/v1/admin") and case.method != "GET"
        case.path_parameters["poll_id"] = self._world.made(kind) if changes else self._world.lasting[kind]
        return kind

    def _people(self) -> list[dict[str, str]]:
        admin = self._world.admin
        others = [{}, bearer("unknown"), *(bearer(key) for key in self._world.keys.values())]
        if self._operation.path.startswith("/v1/admin"):
            return [admin] * 12 + others
        return [bearer(self._world.voter())] * 6 + [*others, admin]


def _has_wrong_body(case: Case) -> bool:
    """Return True if the body violates its schema. Path and headers are set by ``RequestSender``."""
    body = case.meta.components.get(ParameterLocation.BODY)
    return body is not None and bool(body.mode.is_negative)


def _is_refused(response: Any) -> bool:
    """Return True if nothing was accepted. Each line has a result of its own; blank lines have none."""
    if response.status_code >= 400:
        return True
    is_lines = response.headers["content-type"] == ["application/x-ndjson"]
    return is_lines and all(b'"problem"' in line for line in response.content.splitlines())


@pytest.mark.parametrize("data_is", MODES)
@pytest.mark.parametrize("tag", list(TAGS))
def test_route_returns_documented_responses(world: World, tag: str, data_is: str) -> None:
    """For any input the status is documented and below 500, and the body matches its schema."""
    for operation in operations_of(world, tag):
        if data_is == "right" or operation.body or list(operation.iter_parameters()):
            _fuzz(world, operation, MODES[data_is])
    world.check_no_complaints()


def _fuzz(world: World, operation: Operation, mode: Any) -> None:
    @effort(EXAMPLES)
    @given(case=operation.as_strategy(generation_mode=mode), data=st.data())
    def fuzz(case: Case, data: st.DataObject) -> None:
        RequestSender(world, data, operation).send(case)

    with suppress(Unsatisfiable):  # where every text is right, nothing can be wrong
        fuzz()


METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "MKCALENDAR")


def test_unsupported_method_returns_405_with_allow(world: World) -> None:
    paths = world.document["paths"]
    world.made("prediction", series="season")
    for path, operations in paths.items():
        methods = {method.upper() for method in operations}
        address = path.format(
            poll_id=world.lasting["single"], key_id="k", issuer_id="i", webhook_id="w", series_id="season"
        )
        for method in METHODS:
            if method not in methods:
                answer = world.http.request(method, address, headers=world.admin)
                assert answer.status_code == 405, (method, path, answer.text)
                assert set(answer.headers["allow"].split(", ")) >= methods, (method, path)
                assert answer.json()["type"] == "/problems/method-not-allowed"
    world.check_no_complaints()


@pytest.mark.parametrize("path", STREAMS)
@effort(40)
@given(
    polls=st.lists(st.sampled_from([*KINDS, "nowhere", "\x00", "A b"]), max_size=5),
    ticket=st.none() | st.text(max_size=20),
    caller=st.sampled_from(["", "Bearer", "Bearer unknown", "Basic YTpi"]),
)
def test_event_stream_starts_as_documented(
    world: World, path: str, polls: list[str], ticket: str | None, caller: str
) -> None:
    """A stream starts with results or a problem event, or gets a documented problem."""
    named = [world.lasting.get(poll, poll) for poll in polls]
    target = path.format(poll_id=quote(named[0] if named else "x"))
    params: dict[str, list[str]] = {"poll": named, "ticket": [] if ticket is None else [ticket]}
    with world.http.stream("GET", target, params=params, headers={"Authorization": caller}) as answer:
        documented = world.document["paths"][path]["get"]["responses"]
        assert str(answer.status_code) in documented or answer.status_code == 404, answer.read()
        if answer.status_code == 200:
            assert answer.headers["content-type"].startswith("text/event-stream")
            assert next(answer.iter_bytes()).startswith((b"retry:", b"event:"))
        else:
            answer.read()
            assert answer.headers["content-type"] == "application/problem+json"
    world.check_no_complaints()
