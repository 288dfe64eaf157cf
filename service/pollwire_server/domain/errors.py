"""All errors of the domain, as one tree.

An error carries the facts that help its reader (the opening time, the invalid field), not the format of one
channel. ``problem_details`` translates each class to an HTTP status and an RFC 9457 document, in one table.

::

    PollwireError
    ├── BadRequest            the request itself is malformed
    │   ├── MalformedBody
    │   ├── BodyTooLarge          limit_bytes
    │   ├── UriTooLong            limit_bytes
    │   ├── UnsupportedMediaType  accepted
    │   │   └── UnsupportedContentCoding  accepted
    │   ├── MethodNotAllowed      allowed
    │   ├── UnsupportedFormat     offered
    │   ├── UnsupportedTransferCoding
    │   └── UnsupportedHttpVersion
    ├── Unauthenticated       credentials are missing or invalid
    │   ├── VoterTokenRequired
    │   ├── VoterTokenInvalid
    │   ├── ApiKeyRequired
    │   └── ApiKeyInvalid
    ├── Forbidden             the caller does not have permission
    │   ├── ScopeMissing          scope
    │   │   └── PollOutsideKey        scope, poll
    │   ├── OriginNotAllowed      origin
    │   ├── ResultsHidden         mode
    │   ├── PollNotOpen           opens_at
    │   └── PollClosed            closed_at
    ├── NotFound
    │   ├── PollNotFound          poll
    │   └── VoteNotFound          poll
    ├── Invalid               well-formed, but not valid
    │   ├── InvalidPoll           field
    │   ├── InvalidChoice         field
    │   ├── ReceiptInvalid
    │   └── IdempotencyKeyReused
    ├── Conflict              valid, but in conflict with the current state
    │   ├── AlreadyVoted          choice, revision
    │   ├── StaleRevision         revision
    │   ├── ChangesUsed           limit
    │   ├── OptionFull            option
    │   ├── PollExists            poll
    │   ├── EditRefused           field
    │   ├── PhaseConflict         act, phase
    │   └── VersionMismatch       version
    └── Unavailable           temporary; the same request may be sent again
        ├── StoreUnavailable      retry_after_s
        ├── Overloaded            retry_after_s
        └── RateLimited           retry_after_s, policy, limit
            └── ChallengeRequired     retry_after_s, policy, limit, challenge
"""

from __future__ import annotations

from typing import Final

from pollwire_server.domain.rate_limit import RateLimit


class PollwireError(Exception):
    """Base class. ``detail`` is a sentence for people: the problem, and how to fix it."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class BadRequest(PollwireError):
    """Raised for a request that the service cannot interpret."""


class MalformedBody(BadRequest):
    """Raised if the body is not a JSON object."""


class BodyTooLarge(BadRequest):
    """Raised if the body exceeds the limit of the route."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"The body must not exceed {limit_bytes} bytes.")
        self.limit_bytes = limit_bytes


class UnsupportedMediaType(BadRequest):
    """Raised for a ``Content-Type`` that the route does not accept."""

    def __init__(self, accepted: str, detail: str | None = None) -> None:
        super().__init__(detail or f"Send the body as {accepted} and set Content-Type accordingly.")
        self.accepted = accepted


class UnsupportedContentCoding(UnsupportedMediaType):
    """Raised for a body with a ``Content-Encoding``. ``accepted`` lists the content codings."""

    def __init__(self) -> None:
        super().__init__(
            "identity", "Send the body without a Content-Encoding header. Content codings are not supported."
        )


class MethodNotAllowed(BadRequest):
    """Raised if the path exists, but not for this method."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        super().__init__(f"This path supports only {', '.join(allowed)}.")
        self.allowed = allowed


class UnsupportedFormat(BadRequest):
    """Raised for a response format that the route does not offer."""

    def __init__(self, offered: tuple[str, ...]) -> None:
        super().__init__(f"format must be {' or '.join(offered)}.")
        self.offered = offered


class UriTooLong(BadRequest):
    """Raised for a request target that is longer than all headers may be."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"The request target must not exceed {limit_bytes} bytes.")
        self.limit_bytes = limit_bytes


class UnsupportedTransferCoding(BadRequest):
    """Raised for a transfer coding other than ``chunked``."""

    def __init__(self) -> None:
        super().__init__("The only supported transfer coding is chunked.")


class UnsupportedHttpVersion(BadRequest):
    """Raised for a request of another major version than HTTP/1."""

    def __init__(self) -> None:
        super().__init__("Send the request as HTTP/1.1.")


class Unauthenticated(PollwireError):
    """Raised if the credentials are missing or invalid."""


class VoterTokenRequired(Unauthenticated):
    """Raised if a voter token is missing. ``issuer`` is the issuer of the poll's signed voters, if any."""

    def __init__(self, issuer: str | None = None) -> None:
        request = (
            "Request a token with POST /v1/voters" if issuer is None else f"Request a token from {issuer}"
        )
        super().__init__(f"{request} and send it as Authorization: Bearer <token>.")


class VoterTokenInvalid(Unauthenticated):
    """Raised for an expired token, or one that neither this service nor the poll's ``issuer`` issued."""

    def __init__(self, issuer: str | None = None) -> None:
        super().__init__(
            "The voter token was not issued by this service, or it has expired. "
            "Request a new one with POST /v1/voters."
            if issuer is None
            else f"The voter token is not a valid token from {issuer}, or it has expired. "
            f"Request a new one from {issuer}."
        )


class ApiKeyRequired(Unauthenticated):
    """Raised if an API key is missing."""

    def __init__(self) -> None:
        super().__init__("Send an API key as Authorization: Bearer <API key>.")


class ApiKeyInvalid(Unauthenticated):
    """Raised for an unknown or revoked API key."""

    def __init__(self) -> None:
        super().__init__("The API key is unknown or was revoked.")


class Forbidden(PollwireError):
    """Raised if the caller does not have permission."""


class ScopeMissing(Forbidden):
    """Raised if the API key is valid, but does not have the scope."""

    def __init__(self, scope: str) -> None:
        super().__init__(f"The API key does not have the scope {scope}.")
        self.scope = scope


class PollOutsideKey(ScopeMissing):
    """Raised if the API key has the scope, but is bound to other polls."""

    def __init__(self, poll_id: str) -> None:
        PollwireError.__init__(
            self, f"The API key is bound to other polls or series, and cannot create the poll {poll_id!r}."
        )
        self.scope = "polls:write"
        self.poll = poll_id


class OriginNotAllowed(Forbidden):
    """Raised for a page of a site that may not use the poll."""

    def __init__(self, origin: str) -> None:
        super().__init__(f"{origin} is not allowed to use this poll. Add it to the poll's allowed sites.")
        self.origin = origin


_AUDIENCES: Final = {
    "after_vote": "visible after you vote, and to everyone after the poll closes",
    "after_close": "visible after the poll closes",
    "operators": "visible to operators only, until they publish them",
}


class ResultsHidden(Forbidden):
    """Raised if the reader may not see the totals yet."""

    def __init__(self, mode: str) -> None:
        super().__init__(f"The results of this poll are {_AUDIENCES.get(mode, mode)}.")
        self.mode = mode


class PollNotOpen(Forbidden):
    """Raised if the voting window has not started."""

    def __init__(self, opens_at: int) -> None:
        super().__init__("This poll has not opened yet.")
        self.opens_at = opens_at


class PollClosed(Forbidden):
    """Raised if the voting window has ended, by the clock or by an operator. ``closed_at`` may be unknown."""

    def __init__(self, closed_at: int | None) -> None:
        super().__init__("This poll is closed. Votes are no longer counted.")
        self.closed_at = closed_at


class NotFound(PollwireError):
    """Raised if the resource does not exist."""


class PollNotFound(NotFound):
    """Raised if no poll with this id is visible to the reader."""

    def __init__(self, poll: str) -> None:
        super().__init__(f"The poll {poll!r} does not exist.")
        self.poll = poll


class VoteNotFound(NotFound):
    """Raised if the voter has no current vote in the poll."""

    def __init__(self, poll: str) -> None:
        super().__init__("This voter has no current vote in this poll.")
        self.poll = poll


class Invalid(PollwireError):
    """Raised for a well-formed request with invalid values."""


class InvalidPoll(Invalid):
    """Raised for an invalid field. ``field`` is its path, such as ``options[0].label``."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field


class InvalidChoice(Invalid):
    """Raised for a choice that the poll does not have."""

    def __init__(self, detail: str, field: str = "choice") -> None:
        super().__init__(detail)
        self.field = field


class ReceiptInvalid(Invalid):
    """Raised for a receipt that this service did not issue for this poll."""

    def __init__(self) -> None:
        super().__init__("This receipt was not issued by this service for this poll.")


class IdempotencyKeyReused(Invalid):
    """Raised if an ``Idempotency-Key`` is reused with another choice."""

    def __init__(self) -> None:
        super().__init__(
            "This Idempotency-Key was already used with another choice. Use a new key for a new vote."
        )


class Conflict(PollwireError):
    """Raised for a valid request that conflicts with the current state."""


class AlreadyVoted(Conflict):
    """Raised if the voter has voted for another choice and the poll does not allow changes."""

    def __init__(self, choice: object, revision: int) -> None:
        super().__init__("You have already voted in this poll, and votes cannot be changed.")
        self.choice = choice
        self.revision = revision


class StaleRevision(Conflict):
    """Raised if the change names a revision that is not the current one."""

    def __init__(self, revision: int) -> None:
        super().__init__("Your vote was changed since this revision. Read your current vote and try again.")
        self.revision = revision


class ChangesUsed(Conflict):
    """Raised if the voter has changed the vote in a prediction as often as the store can keep."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"You have changed this vote {limit} times. It cannot be changed again.")
        self.limit = limit


class OptionFull(Conflict):
    """Raised if the option has reached its capacity."""

    def __init__(self, option: str) -> None:
        super().__init__(f"The option {option!r} is full. Choose another option.")
        self.option = option


class PollExists(Conflict):
    """Raised if a different poll has this id."""

    def __init__(self, poll: str) -> None:
        super().__init__(
            f"A different poll with the id {poll!r} already exists. Choose another id, or edit that poll."
        )
        self.poll = poll


class EditRefused(Conflict):
    """Raised for an edit that would falsify existing votes."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field


_REQUIRES_UNRESOLVE: Final = ("reopen", "cancel", "reset", "delete")


class PhaseConflict(Conflict):
    """Raised if the poll's phase does not allow the action. ``reason`` replaces the standard sentence."""

    def __init__(self, action: str, phase: str, reason: str | None = None) -> None:
        hint = " Unresolve it first." if phase == "resolved" and action in _REQUIRES_UNRESOLVE else ""
        super().__init__(reason or f"Cannot {action} a poll that is {phase}.{hint}")
        self.act = action
        self.phase = phase


class VersionMismatch(Conflict):
    """Raised if the poll was edited since the version that the caller names."""

    def __init__(self, version: int) -> None:
        super().__init__(f"The poll is at version {version}. Read it again and repeat the edit.")
        self.version = version


class Unavailable(PollwireError):
    """Raised for a temporary failure. The same request may be sent again after ``retry_after_s`` seconds."""

    def __init__(self, detail: str, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class StoreUnavailable(Unavailable):
    """Raised if the store does not respond.

    The operation may or may not have taken effect. Repeating it is safe.
    """

    def __init__(self, retry_after_s: int = 1) -> None:
        super().__init__("The database is not responding. Send the same request again.", retry_after_s)


class Overloaded(Unavailable):
    """Raised if the queue is too long to respond in time."""

    def __init__(self, retry_after_s: int = 1) -> None:
        super().__init__("The service is busy. Send the same request again.", retry_after_s)


class RateLimited(Unavailable):
    """Raised if a network exceeds a rate limit. ``policy`` names the limited resource, such as ``votes``."""

    _DETAIL = "Too many {policy} from this network. Wait and try again."

    def __init__(self, retry_after_s: int, policy: str, limit: RateLimit) -> None:
        super().__init__(self._DETAIL.format(policy=policy), retry_after_s)
        self.policy = policy
        self.limit = limit


class ChallengeRequired(RateLimited):
    """Raised like ``RateLimited``. A client that solves the challenge does not have to wait."""

    _DETAIL = "Too many {policy} from this network. Solve the challenge and send the solution, or wait."

    def __init__(
        self, retry_after_s: int, policy: str, limit: RateLimit, challenge: dict[str, object]
    ) -> None:
        super().__init__(retry_after_s, policy, limit)
        self.challenge = challenge
