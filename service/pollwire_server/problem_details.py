"""Translation of errors to RFC 9457 problem documents, in one table.

Every API builds its error responses here. ``problem_response`` builds HTTP responses, ``problem_document``
the messages on sockets, and ``to_pollwire_error`` translates exceptions of the web framework. A class without
its own row in ``TABLE`` uses the row of its nearest base class.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable
from typing import Annotated, Any, Final, NamedTuple

import msgspec
from litestar.exceptions import (
    ClientException,
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
    SerializationException,
)
from msgspec import UNSET, Meta, UnsetType

from pollwire_server.domain import errors
from pollwire_server.domain.ballot import Choice
from pollwire_server.domain.errors import PollwireError
from pollwire_server.domain.timestamps import TimestampText, format_timestamp

log = logging.getLogger("pollwire.problem_details")

CONTENT_TYPE: Final = "application/problem+json"
LARGEST_BODY_BYTES: Final = 256 * 1024
"""The largest body that any route accepts. Reported if the framework rejects a body before a route does."""


_UNKNOWN_PATH: Final = "There is no resource at this path. See /docs for the API reference."


class HttpResponse(msgspec.Struct, frozen=True):
    """An HTTP response as plain values. Header names are lower-case. The sender adds ``content-length``."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    poll_origins: tuple[str, ...] | None = None
    """Origins that may read the response: those of the poll, or None for those of the service.

    The fast path's writer adds the CORS headers for them. The ASGI path takes the rule from the request.
    """


class Problem(NamedTuple):
    """One row of the table: the HTTP status, the last part of ``type``, and the ``title``."""

    status: int
    slug: str
    title: str

    @property
    def type(self) -> str:
        """Return the ``type`` of problem documents, a relative reference to a page of the service."""
        return f"/problems/{self.slug}"


TABLE: Final[dict[type[PollwireError], Problem]] = {
    errors.PollwireError: Problem(400, "malformed-body", "Malformed request"),
    errors.BadRequest: Problem(400, "malformed-body", "Malformed request"),
    errors.MalformedBody: Problem(400, "malformed-body", "Body must be a JSON object"),
    errors.BodyTooLarge: Problem(413, "body-too-large", "Body too large"),
    errors.UnsupportedMediaType: Problem(415, "unsupported-media-type", "Unsupported media type"),
    errors.UnsupportedContentCoding: Problem(415, "unsupported-media-type", "Unsupported media type"),
    errors.MethodNotAllowed: Problem(405, "method-not-allowed", "Method not allowed"),
    errors.UnsupportedFormat: Problem(501, "unsupported-format", "Unsupported format"),
    errors.UriTooLong: Problem(414, "uri-too-long", "Request target too long"),
    errors.UnsupportedTransferCoding: Problem(
        501, "unsupported-transfer-coding", "Unsupported transfer coding"
    ),
    errors.UnsupportedHttpVersion: Problem(505, "http-version-not-supported", "HTTP version not supported"),
    errors.Unauthenticated: Problem(401, "voter-token-required", "Authentication required"),
    errors.VoterTokenRequired: Problem(401, "voter-token-required", "Voter token required"),
    errors.VoterTokenInvalid: Problem(401, "voter-token-invalid", "Invalid voter token"),
    errors.ApiKeyRequired: Problem(401, "api-key-required", "API key required"),
    errors.ApiKeyInvalid: Problem(401, "api-key-invalid", "Invalid API key"),
    errors.Forbidden: Problem(403, "origin-not-allowed", "Forbidden"),
    errors.ScopeMissing: Problem(403, "scope-missing", "Insufficient scope"),
    errors.PollOutsideKey: Problem(403, "scope-missing", "Poll outside the API key"),
    errors.OriginNotAllowed: Problem(403, "origin-not-allowed", "Origin not allowed"),
    errors.ResultsHidden: Problem(403, "results-hidden", "Results are hidden"),
    errors.PollNotOpen: Problem(403, "poll-not-open", "Poll is not open"),
    errors.PollClosed: Problem(403, "poll-closed", "Poll is closed"),
    errors.NotFound: Problem(404, "not-found", "Not found"),
    errors.PollNotFound: Problem(404, "poll-not-found", "Poll not found"),
    errors.VoteNotFound: Problem(404, "vote-not-found", "Vote not found"),
    errors.Invalid: Problem(422, "invalid-poll", "Validation failed"),
    errors.InvalidPoll: Problem(422, "invalid-poll", "Invalid poll"),
    errors.InvalidChoice: Problem(422, "invalid-choice", "Invalid choice"),
    errors.ReceiptInvalid: Problem(422, "receipt-invalid", "Invalid receipt"),
    errors.IdempotencyKeyReused: Problem(422, "idempotency-key-reused", "Idempotency key reused"),
    errors.Conflict: Problem(409, "edit-refused", "Conflict with the current state"),
    errors.AlreadyVoted: Problem(409, "already-voted", "Already voted"),
    errors.StaleRevision: Problem(409, "stale-revision", "Vote was changed since this revision"),
    errors.ChangesUsed: Problem(409, "changes-used", "Too many changes"),
    errors.OptionFull: Problem(409, "option-full", "Option is full"),
    errors.PollExists: Problem(409, "poll-exists", "Poll already exists"),
    errors.EditRefused: Problem(409, "edit-refused", "Edit not allowed"),
    errors.PhaseConflict: Problem(409, "phase-conflict", "Action not allowed in this phase"),
    errors.VersionMismatch: Problem(412, "version-mismatch", "Poll version has changed"),
    errors.Unavailable: Problem(503, "overloaded", "Temporarily unavailable"),
    errors.StoreUnavailable: Problem(503, "store-unavailable", "Database unavailable"),
    errors.Overloaded: Problem(503, "overloaded", "Service is busy"),
    errors.RateLimited: Problem(429, "rate-limited", "Too many requests"),
    errors.ChallengeRequired: Problem(429, "challenge-required", "Challenge required"),
}
"""Every error of the tree. The documentation of the API lists the types."""

ProblemType = Annotated[
    str, Meta(extra_json_schema={"enum": sorted({problem.type for problem in TABLE.values()})})
]


class ErrorFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Extension members of a problem: the attributes of its error, with times in RFC 3339."""

    field: str | UnsetType = UNSET
    """The path of the invalid field, such as ``options[0].label``."""
    poll: str | UnsetType = UNSET
    act: str | UnsetType = UNSET
    phase: str | UnsetType = UNSET
    choice: Choice | UnsetType = UNSET
    """The current vote."""
    revision: int | UnsetType = UNSET
    option: str | UnsetType = UNSET
    version: int | UnsetType = UNSET
    scope: str | UnsetType = UNSET
    mode: str | UnsetType = UNSET
    limit_bytes: int | UnsetType = UNSET
    challenge: dict[str, object] | UnsetType = UNSET
    opens_at: TimestampText | UnsetType = UNSET
    closed_at: TimestampText | UnsetType = UNSET
    retry_after: int | UnsetType = UNSET
    """Seconds, as in ``Retry-After``."""


class ProblemDocument(ErrorFacts, frozen=True):
    """Error response (RFC 9457). Beside the standard members it has the facts of its error."""

    type: ProblemType
    title: str
    status: int
    detail: str
    instance: str | UnsetType = UNSET


_TIME_MEMBERS: Final = ("opens_at", "closed_at")
_MEMBERS: Final = tuple(
    name for name in ErrorFacts.__struct_fields__ if name not in (*_TIME_MEMBERS, "retry_after")
)

_NO_STORE: Final = (
    (b"content-type", CONTENT_TYPE.encode()),
    (b"cache-control", b"private, no-store"),
)


def problem_of(error: PollwireError) -> Problem:
    """Return the row for the error's class, or for its nearest base class."""
    for kind in type(error).__mro__:
        if kind in TABLE:
            return TABLE[kind]
    return TABLE[PollwireError]  # pragma: no cover - the base class is in the table


def problem_document(error: PollwireError, instance: str | None = None) -> ProblemDocument:
    """Return the RFC 9457 object: the standard members, then the facts that the error carries.

    ``instance`` is the request path without its query string, which may contain a ticket.
    """
    row = problem_of(error)
    return ProblemDocument(
        row.type, row.title, row.status, error.detail, instance or UNSET, **facts_of(error)
    )


def problem_response(
    error: PollwireError, instance: str, poll_origins: tuple[str, ...] | None = None
) -> HttpResponse:
    """Return the complete HTTP response for an error of a request for the path ``instance``."""
    body = msgspec.json.encode(problem_document(error, instance))
    return HttpResponse(problem_of(error).status, (*_NO_STORE, *_headers(error)), body, poll_origins)


def to_pollwire_error(exception: BaseException) -> PollwireError:
    """Translate any exception to an error of the tree.

    An unexpected exception is logged as critical and becomes ``Overloaded``. A client never receives a 500:
    it may send the request again, and the response contains the reference of the log entry.
    """
    match exception:
        case PollwireError():
            return exception
        case NotFoundException():
            return errors.NotFound(_UNKNOWN_PATH)
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
            return errors.NotFound(_UNKNOWN_PATH)
        case 422:
            return errors.InvalidPoll(
                "body", "The body does not match the schema of this endpoint; see /docs."
            )
    if isinstance(exception, ClientException):
        return errors.MalformedBody("The request is malformed.")
    return _unexpected_error(exception)


def _unexpected_error(exception: BaseException) -> PollwireError:
    reference = secrets.token_hex(4)
    log.critical("Unexpected exception, reference %s", reference, exc_info=exception)
    error = errors.Overloaded(retry_after_s=1)
    error.detail = f"Internal error (reference {reference}). Send the same request again."
    return error


def _allowed(exception: MethodNotAllowedException) -> tuple[str, ...]:
    """Return the methods of the route, with HEAD wherever there is GET (RFC 9110, section 9.3.2)."""
    allow = (exception.headers or {}).get("allow", "")
    return add_head_method(method.strip() for method in allow.split(",") if method.strip())


def add_head_method(methods: Iterable[str]) -> tuple[str, ...]:
    """Return ``methods`` sorted, with HEAD if there is GET. Litestar's ``websocket`` is dropped."""
    known = {method for method in methods if method.isupper()}
    return tuple(sorted(known | {"HEAD"} if "GET" in known else known))


def facts_of(error: PollwireError) -> dict[str, Any]:  # Any: a value has the type of its field
    """Return the fields of ``ErrorFacts`` that the error has."""
    members = {name: value for name in _MEMBERS if (value := getattr(error, name, None)) is not None}
    for name in _TIME_MEMBERS:
        instant = getattr(error, name, None)
        if instant is not None:
            members[name] = format_timestamp(instant)
    if isinstance(error, errors.Unavailable):
        members["retry_after"] = error.retry_after_s
    return members


def _rate_limit_headers(error: errors.RateLimited) -> tuple[tuple[bytes, bytes], ...]:
    """Return ``Retry-After`` and the fields of the IETF draft on rate limit headers (httpapi)."""
    after_s, limit, policy = error.retry_after_s, error.limit, f'"{error.policy}"'
    return (
        (b"retry-after", str(after_s).encode()),
        (b"ratelimit-policy", f"{policy};q={limit.count};w={limit.seconds}".encode()),
        (b"ratelimit", f"{policy};r=0;t={after_s}".encode()),
    )


def _headers(error: PollwireError) -> tuple[tuple[bytes, bytes], ...]:
    """Return the headers that HTTP requires or recommends for the status."""
    match error:
        case errors.RateLimited():
            return _rate_limit_headers(error)
        case errors.Unavailable():
            return ((b"retry-after", str(error.retry_after_s).encode()),)
        case errors.MethodNotAllowed():  # RFC 9110, 15.5.6: a 405 MUST carry Allow
            return ((b"allow", ", ".join(error.allowed).encode()),)
        case errors.Unauthenticated():  # RFC 9110, 15.5.2: a 401 MUST carry a challenge
            return ((b"www-authenticate", b'Bearer realm="pollwire"'),)
        case errors.UnsupportedMediaType():  # RFC 9110, 15.5.16: the supported types, or codings
            is_coding = isinstance(error, errors.UnsupportedContentCoding)
            return ((b"accept-encoding" if is_coding else b"accept", error.accepted.encode()),)
    return ()
