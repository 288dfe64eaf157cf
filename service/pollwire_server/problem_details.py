"""Domain errors as RFC 9457 answers, in one table.

Whatever brought the request (route, lane, socket), a refusal is built here:
``answer_of`` for HTTP, ``problem_document`` for messages on sockets, and
``error_of`` for what the web framework itself refuses. A class without a line
of its own in ``TABLE`` is answered by its nearest ancestor's.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec
from litestar.exceptions import (
    ClientException,
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
    SerializationException,
)

from pollwire_server.domain import errors
from pollwire_server.domain.errors import PollwireError
from pollwire_server.domain.window import format_instant

log = logging.getLogger("pollwire.problems")

CONTENT_TYPE: Final = "application/problem+json"
LARGEST_BODY_BYTES: Final = 256 * 1024
"""What the widest route takes; told where the framework refuses a body before any route has."""


class HttpResponse(msgspec.Struct, frozen=True):
    """An HTTP answer as plain values: header names in lower case, ``content-length`` left to the sender."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


class Problem(NamedTuple):
    """One line of the table: the HTTP status, the last part of ``type``, and the ``title``."""

    status: int
    slug: str
    title: str


TABLE: Final[dict[type[PollwireError], Problem]] = {
    errors.PollwireError: Problem(400, "malformed-body", "The request cannot be understood"),
    errors.BadRequest: Problem(400, "malformed-body", "The request cannot be understood"),
    errors.MalformedBody: Problem(400, "malformed-body", "The body is not a JSON object"),
    errors.BodyTooLarge: Problem(413, "body-too-large", "The body is too large"),
    errors.UnsupportedMediaType: Problem(415, "unsupported-media-type", "The body is of another type"),
    errors.MethodNotAllowed: Problem(405, "method-not-allowed", "This address takes other methods"),
    errors.UnsupportedFormat: Problem(501, "format-not-offered", "There is no answer of this form"),
    errors.Unauthenticated: Problem(401, "voter-token-required", "It is not known who asks"),
    errors.VoterTokenRequired: Problem(401, "voter-token-required", "A voter token is needed"),
    errors.VoterTokenInvalid: Problem(401, "voter-token-invalid", "The voter token is not valid"),
    errors.ApiKeyRequired: Problem(401, "api-key-required", "An API key is needed"),
    errors.ApiKeyInvalid: Problem(401, "api-key-invalid", "The API key is not valid"),
    errors.Forbidden: Problem(403, "origin-not-allowed", "This is not allowed"),
    errors.ScopeMissing: Problem(403, "scope-missing", "The API key is not for this"),
    errors.OriginNotAllowed: Problem(403, "origin-not-allowed", "Pages of this site may not do this"),
    errors.ResultsHidden: Problem(403, "results-hidden", "The totals are not shown yet"),
    errors.PollNotOpen: Problem(403, "poll-not-open", "The poll has not opened yet"),
    errors.PollClosed: Problem(403, "poll-closed", "The poll has closed"),
    errors.NotFound: Problem(404, "not-found", "There is nothing here"),
    errors.PollNotFound: Problem(404, "poll-not-found", "There is no such poll"),
    errors.VoteNotFound: Problem(404, "vote-not-found", "There is no such vote"),
    errors.Invalid: Problem(422, "invalid-poll", "The request is well-formed, and wrong"),
    errors.InvalidPoll: Problem(422, "invalid-poll", "The poll cannot be as described"),
    errors.InvalidChoice: Problem(422, "invalid-choice", "This is not a choice of the poll"),
    errors.ReceiptInvalid: Problem(422, "receipt-invalid", "The receipt is not valid"),
    errors.IdempotencyKeyReused: Problem(422, "idempotency-key-reused", "The key was used before"),
    errors.Conflict: Problem(409, "edit-refused", "This is at odds with what stands"),
    errors.AlreadyVoted: Problem(409, "already-voted", "Another choice stands already"),
    errors.StaleRevision: Problem(409, "stale-revision", "The vote was changed since"),
    errors.OptionFull: Problem(409, "option-full", "The option is full"),
    errors.PollExists: Problem(409, "poll-exists", "Another poll has this id"),
    errors.EditRefused: Problem(409, "edit-refused", "The edit would falsify votes"),
    errors.PhaseConflict: Problem(409, "phase-conflict", "The poll is in another phase"),
    errors.VersionMismatch: Problem(412, "version-mismatch", "The poll was edited since"),
    errors.Unavailable: Problem(503, "overloaded", "Not just now"),
    errors.StoreUnavailable: Problem(503, "store-unavailable", "The store does not answer"),
    errors.Overloaded: Problem(503, "overloaded", "The service is busy"),
    errors.RateLimited: Problem(429, "rate-limited", "Too many requests"),
    errors.ChallengeRequired: Problem(429, "challenge-required", "A challenge is to be solved"),
}
"""Every error of the tree; contract: section 6 of the protocol."""

_TIMES: Final = ("opens_at", "closed_at")
_FACTS: Final = (
    "field",
    "poll",
    "act",
    "phase",
    "choice",
    "revision",
    "option",
    "version",
    "scope",
    "mode",
    "limit_bytes",
    "challenge",
)

_NO_STORE: Final = (
    (b"content-type", CONTENT_TYPE.encode()),
    (b"cache-control", b"private, no-store"),
)


def problem_of(error: PollwireError) -> Problem:
    """The error's line of the table, or its nearest ancestor's."""
    for kind in type(error).__mro__:
        if kind in TABLE:
            return TABLE[kind]
    return TABLE[PollwireError]  # pragma: no cover - the root is in the table


def problem_document(error: PollwireError, instance: str | None = None) -> dict[str, object]:
    """The RFC 9457 object: the standard members, then the facts that the error carries.

    ``instance`` is the path that was asked for, without its query: a ticket
    may stand there.
    """
    problem = problem_of(error)
    document: dict[str, object] = {
        "type": f"/problems/{problem.slug}",
        "title": problem.title,
        "status": problem.status,
        "detail": error.detail,
    }
    if instance is not None:
        document["instance"] = instance
    document.update(_extension_members(error))
    return document


def problem_response(error: PollwireError, instance: str) -> HttpResponse:
    """The whole HTTP answer for a refusal of the request for the path ``instance``."""
    body = msgspec.json.encode(problem_document(error, instance))
    return HttpResponse(problem_of(error).status, (*_NO_STORE, *_headers(error)), body)


def to_pollwire_error(exception: BaseException) -> PollwireError:
    """Any exception as an error of the tree; what nobody foresaw is logged loudly and told as ``Overloaded``.

    No request gets a 500: to its sender an unforeseen failure is a request
    that may be sent again, and the log names the reference that they read.
    """
    match exception:
        case PollwireError():
            return exception
        case NotFoundException():
            return errors.NotFound("There is nothing at this address; /docs lists what there is.")
        case MethodNotAllowedException():
            return errors.MethodNotAllowed(_allowed(exception))
        case SerializationException():
            return errors.MalformedBody("The body must be a JSON object in UTF-8.")
        case HTTPException():
            return _error_of_status(exception)
    return _unexpected_error(exception)


def _error_of_status(exception: HTTPException) -> PollwireError:
    match exception.status_code:
        case 413:
            return errors.BodyTooLarge(LARGEST_BODY_BYTES)
        case 415:
            return errors.UnsupportedMediaType("application/json")
        case 404 | 410:
            return errors.NotFound("There is nothing at this address; /docs lists what there is.")
        case 422:
            return errors.InvalidPoll("body", "The request does not have the shape that this address takes.")
    if isinstance(exception, ClientException):
        return errors.MalformedBody("The request cannot be understood.")
    return _unexpected_error(exception)


def _unexpected_error(exception: BaseException) -> PollwireError:
    reference = secrets.token_hex(4)
    log.critical("unforeseen failure %s", reference, exc_info=exception)
    error = errors.Overloaded(retry_after_s=1)
    error.detail = f"Something went wrong here (reference {reference}); the same request may be sent again."
    return error


def _allowed(exception: MethodNotAllowedException) -> tuple[str, ...]:
    """The methods that the route takes, HEAD beside GET (RFC 9110, 9.3.2)."""
    named = (exception.headers or {}).get("allow", "")
    return add_head_method(method.strip() for method in named.split(",") if method.strip())


def add_head_method(methods: Iterable[str]) -> tuple[str, ...]:
    """``methods`` sorted, HEAD among them wherever GET is; what is no method (a socket) left out."""
    known = {method for method in methods if method.isupper()}
    return tuple(sorted(known | {"HEAD"} if "GET" in known else known))


def _extension_members(error: PollwireError) -> dict[str, object]:
    """What helps the reader, from the attributes that the error carries."""
    facts = {name: value for name in _FACTS if (value := getattr(error, name, None)) is not None}
    for name in _TIMES:
        instant = getattr(error, name, None)
        if instant is not None:
            facts[name] = format_instant(instant)
    if isinstance(error, errors.Unavailable):
        facts["retry_after"] = error.retry_after_s
    return facts


def _limits_told(error: errors.RateLimited) -> tuple[tuple[bytes, bytes], ...]:
    """When to come back, and what was used up, in the fields of the IETF's draft on rate limits (httpapi)."""
    after_s, limit, policy = error.retry_after_s, error.limit, f'"{error.policy}"'
    return (
        (b"retry-after", str(after_s).encode()),
        (b"ratelimit-policy", f"{policy};q={limit.count};w={limit.seconds}".encode()),
        (b"ratelimit", f"{policy};r=0;t={after_s}".encode()),
    )


def _headers(error: PollwireError) -> tuple[tuple[bytes, bytes], ...]:
    """The headers that HTTP itself wants beside a status."""
    match error:
        case errors.RateLimited():
            return _limits_told(error)
        case errors.Unavailable():
            return ((b"retry-after", str(error.retry_after_s).encode()),)
        case errors.MethodNotAllowed():  # RFC 9110, 15.5.6: a 405 MUST carry Allow
            return ((b"allow", ", ".join(error.allowed).encode()),)
        case errors.Unauthenticated():  # RFC 9110, 15.5.2: a 401 MUST carry a challenge
            return ((b"www-authenticate", b'Bearer realm="pollwire"'),)
        case errors.UnsupportedMediaType():  # RFC 9110, 15.5.16: what would have been read
            return ((b"accept", error.accepted.encode()),)
    return ()
