"""Translation of errors to RFC 9457 documents."""

from __future__ import annotations

import logging

import msgspec
import pytest
from litestar.exceptions import (
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
    SerializationException,
    ValidationException,
)
from pollwire_server import problem_details as problems
from pollwire_server.domain import errors
from pollwire_server.domain.errors import PollwireError
from pollwire_server.domain.rate_limit import RateLimit


def every_error(root: type[PollwireError] = PollwireError) -> list[type[PollwireError]]:
    """Return all errors of the domain. Subclasses in other packages use the row of their parent."""
    kinds = [kind for kind in root.__subclasses__() if kind.__module__ == errors.__name__]
    return [root, *(found for kind in kinds for found in every_error(kind))]


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_every_error_has_its_own_table_row(kind: type[PollwireError]) -> None:
    assert kind in problems.TABLE


def test_response_is_a_problem_document() -> None:
    answer = problems.problem_response(errors.PollNotOpen(1_719_907_200_000), "/v1/polls/a/votes")
    headers = dict(answer.headers)
    assert answer.status == 403
    assert headers[b"content-type"] == b"application/problem+json"
    assert headers[b"cache-control"] == b"private, no-store"
    assert msgspec.json.decode(answer.body) == {
        "type": "/problems/poll-not-open",
        "title": "Poll is not open",
        "status": 403,
        "detail": "This poll has not opened yet.",
        "instance": "/v1/polls/a/votes",
        "opens_at": "2024-07-02T08:00:00.000Z",
    }


def test_unknown_closed_at_is_omitted() -> None:
    assert problems.problem_document(errors.PollClosed(None)).closed_at is msgspec.UNSET


@pytest.mark.parametrize(
    ("error", "header"),
    [
        (errors.StoreUnavailable(2), (b"retry-after", b"2")),
        (errors.RateLimited(30, "votes", RateLimit(9, 60)), (b"retry-after", b"30")),
        (errors.RateLimited(30, "votes", RateLimit(9, 60)), (b"ratelimit-policy", b'"votes";q=9;w=60')),
        (errors.RateLimited(30, "votes", RateLimit(9, 60)), (b"ratelimit", b'"votes";r=0;t=30')),
        (errors.MethodNotAllowed(("GET", "HEAD")), (b"allow", b"GET, HEAD")),
        (errors.ApiKeyRequired(), (b"www-authenticate", b'Bearer realm="pollwire"')),
        (errors.UnsupportedMediaType("application/json"), (b"accept", b"application/json")),
    ],
)
def test_response_has_required_headers(error: PollwireError, header: tuple[bytes, bytes]) -> None:
    assert header in problems.problem_response(error, "/x").headers


def test_document_contains_retry_after() -> None:
    assert problems.problem_document(errors.Overloaded(3)).retry_after == 3


def test_socket_document_has_no_instance() -> None:
    assert problems.problem_document(errors.PollNotFound("nope")).instance is msgspec.UNSET


@pytest.mark.parametrize(
    ("exception", "kind"),
    [
        (NotFoundException(), errors.NotFound),
        (MethodNotAllowedException(headers={"allow": "GET, POST"}), errors.MethodNotAllowed),
        (SerializationException("x"), errors.MalformedBody),
        (ValidationException("x"), errors.MalformedBody),
        (HTTPException(status_code=413), errors.BodyTooLarge),
        (HTTPException(status_code=415), errors.UnsupportedMediaType),
        (errors.PollNotFound("x"), errors.PollNotFound),
    ],
)
def test_framework_exceptions_are_translated(exception: Exception, kind: type[PollwireError]) -> None:
    assert type(problems.to_pollwire_error(exception)) is kind


def test_allow_includes_head_with_get() -> None:
    error = problems.to_pollwire_error(MethodNotAllowedException(headers={"allow": "GET, websocket, PATCH"}))
    assert isinstance(error, errors.MethodNotAllowed)
    assert error.allowed == ("GET", "HEAD", "PATCH")


@pytest.mark.parametrize("exception", [RuntimeError("secret words"), HTTPException(status_code=500)])
def test_unexpected_exception_is_logged_and_not_exposed(
    exception: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.CRITICAL, logger="pollwire.problem_details"):
        error = problems.to_pollwire_error(exception)
    assert problems.problem_of(error).status == 503
    assert "secret words" not in error.detail
    (record,) = caplog.records
    assert record.args is not None
    assert str(record.args[0]) in error.detail  # type: ignore[index]  # positional arguments are a tuple
