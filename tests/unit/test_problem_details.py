"""Errors become RFC 9457 answers, whoever raised them."""

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
    """The tree of the domain; a room may refine an error, which is then answered as its parent is."""
    kinds = [kind for kind in root.__subclasses__() if kind.__module__ == errors.__name__]
    return [root, *(found for kind in kinds for found in every_error(kind))]


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_every_error_of_the_tree_has_its_own_line(kind: type[PollwireError]) -> None:
    """No error of the domain is answered by accident."""
    assert kind in problems.TABLE


def test_an_answer_is_a_problem_document() -> None:
    """The body has the members of RFC 9457 and the facts that help, and is never kept by a cache."""
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


def test_a_poll_closed_by_nobody_knows_when_has_no_time() -> None:
    """A fact that is not known is left out, not told as null."""
    assert "closed_at" not in problems.problem_document(errors.PollClosed(None))


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
def test_headers_that_http_wants_are_there(error: PollwireError, header: tuple[bytes, bytes]) -> None:
    """A status that HTTP ties to a header is never sent without it."""
    assert header in problems.problem_response(error, "/x").headers


def test_retry_after_is_in_the_body_too() -> None:
    """A page that cannot read the header finds the seconds in the document."""
    assert problems.problem_document(errors.Overloaded(3))["retry_after"] == 3


def test_a_document_for_a_socket_names_no_instance() -> None:
    """A socket's message was sent to no path, so none is invented."""
    assert "instance" not in problems.problem_document(errors.PollNotFound("nope"))


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
def test_the_framework_refuses_in_our_words(exception: Exception, kind: type[PollwireError]) -> None:
    """What the web framework raises is answered from the same table."""
    assert type(problems.to_pollwire_error(exception)) is kind


def test_allow_has_head_beside_get() -> None:
    """HEAD goes wherever GET does, and a socket is no method."""
    error = problems.to_pollwire_error(MethodNotAllowedException(headers={"allow": "GET, websocket, PATCH"}))
    assert isinstance(error, errors.MethodNotAllowed)
    assert error.allowed == ("GET", "HEAD", "PATCH")


@pytest.mark.parametrize("exception", [RuntimeError("secret words"), HTTPException(status_code=500)])
def test_an_unforeseen_failure_is_logged_and_told_without_its_words(
    exception: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody outside reads a traceback; the log has it, under the reference that the answer names."""
    with caplog.at_level(logging.CRITICAL, logger="pollwire.problem_details"):
        error = problems.to_pollwire_error(exception)
    assert problems.problem_of(error).status == 503
    assert "secret words" not in error.detail
    (record,) = caplog.records
    assert record.args is not None
    assert str(record.args[0]) in error.detail  # type: ignore[index]  # positional arguments are a tuple
