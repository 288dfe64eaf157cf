"""Everything that can be refused, as one tree.

Each error carries the facts that help its reader (when the poll opens, which
field is wrong), never their wording for one channel: ``service.problems``
translates them to answers, in one table.

::

    PollwireError
    ├── BadRequest            the message itself is not one of ours
    │   ├── MalformedBody
    │   ├── BodyTooLarge          limit_bytes
    │   ├── UnsupportedMediaType  accepted
    │   ├── MethodNotAllowed      allowed
    │   └── UnsupportedFormat      offered
    ├── Unauthenticated       we do not know who asks
    │   ├── VoterTokenRequired
    │   ├── VoterTokenInvalid
    │   ├── ApiKeyRequired
    │   └── ApiKeyInvalid
    ├── Forbidden             we know, and they may not
    │   ├── ScopeMissing          scope
    │   ├── OriginNotAllowed      origin
    │   ├── ResultsHidden         mode
    │   ├── PollNotOpen           opens_at
    │   └── PollClosed            closed_at
    ├── NotFound
    │   ├── PollNotFound          poll
    │   └── VoteNotFound          poll
    ├── Invalid               well-formed, and wrong
    │   ├── InvalidPoll           field
    │   ├── InvalidChoice         field
    │   ├── ReceiptInvalid
    │   └── IdempotencyKeyReused
    ├── Conflict              right in itself, and at odds with what stands
    │   ├── AlreadyVoted          choice, revision
    │   ├── StaleRevision         revision
    │   ├── OptionFull            option
    │   ├── PollExists            poll
    │   ├── EditRefused           field
    │   ├── PhaseConflict         act, phase
    │   └── VersionMismatch       version
    └── Unavailable           right, and not now; may be tried again
        ├── StoreUnavailable      retry_after_s
        ├── Overloaded            retry_after_s
        └── RateLimited           retry_after_s, policy, limit
            └── ChallengeRequired     retry_after_s, policy, limit, challenge
"""

from __future__ import annotations

from typing import Final

from pollwire_server.domain.rate_limit import RateLimit


class PollwireError(Exception):
    """The root. ``detail`` is a sentence for people that says what to do."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class BadRequest(PollwireError):
    """The message itself is not one this service understands."""


class MalformedBody(BadRequest):
    """The body is not a JSON object."""


class BodyTooLarge(BadRequest):
    """The body is longer than this route takes."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"The body may have at most {limit_bytes} bytes.")
        self.limit_bytes = limit_bytes


class UnsupportedMediaType(BadRequest):
    """The body is of a type that this route does not read."""

    def __init__(self, accepted: str) -> None:
        super().__init__(f"Send the body as {accepted}, and say so in Content-Type.")
        self.accepted = accepted


class MethodNotAllowed(BadRequest):
    """The route exists, and not for this method."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        super().__init__(f"This address takes {', '.join(allowed)}.")
        self.allowed = allowed


class UnsupportedFormat(BadRequest):
    """The answer exists, and not in this form."""

    def __init__(self, offered: tuple[str, ...]) -> None:
        super().__init__(f"format must be {' or '.join(offered)}.")
        self.offered = offered


class Unauthenticated(PollwireError):
    """It is not known who asks."""


class VoterTokenRequired(Unauthenticated):
    """The act is a voter's, and no token came; ``site`` where one vouches for the voters of the poll."""

    def __init__(self, site: str | None = None) -> None:
        whence = "Ask for a token with POST /v1/voters" if site is None else f"Get a token of {site}"
        super().__init__(f"{whence} and send it as Authorization: Bearer <token>.")


class VoterTokenInvalid(Unauthenticated):
    """A token that neither this service nor the ``site`` that vouches for voters gave, or that expired."""

    def __init__(self, site: str | None = None) -> None:
        issued = "was not issued here, or has expired. Ask for a new one with POST /v1/voters."
        vouched = f"is no good one of {site}, or has expired. Get a new one of that site."
        super().__init__(f"This voter token {issued if site is None else vouched}")


class ApiKeyRequired(Unauthenticated):
    """The act is an operator's, and no key came."""

    def __init__(self) -> None:
        super().__init__("Send an operator's key as Authorization: Bearer <API key>.")


class ApiKeyInvalid(Unauthenticated):
    """A key came that is not, or no longer, known."""

    def __init__(self) -> None:
        super().__init__("This API key is unknown or was revoked.")


class Forbidden(PollwireError):
    """It is known who asks, or it does not matter, and they may not."""


class ScopeMissing(Forbidden):
    """The key is good, and not for this."""

    def __init__(self, scope: str) -> None:
        super().__init__(f"This API key lacks the scope {scope}.")
        self.scope = scope


class OriginNotAllowed(Forbidden):
    """A page of a site that may not embed this poll."""

    def __init__(self, origin: str) -> None:
        super().__init__(f"Pages of {origin} may not use this poll; an operator can allow them.")
        self.origin = origin


_SHOWN: Final = {
    "after_vote": "to those who have voted, and to everybody once it is closed",
    "after_close": "once it is closed",
    "operators": "to its operators alone, until they publish them",
}


class ResultsHidden(Forbidden):
    """The totals exist, and this reader may not see them yet."""

    def __init__(self, mode: str) -> None:
        super().__init__(f"The totals of this poll are shown {_SHOWN.get(mode, mode)}.")
        self.mode = mode


class PollNotOpen(Forbidden):
    """The window has not begun."""

    def __init__(self, opens_at: int) -> None:
        super().__init__("This poll has not opened yet.")
        self.opens_at = opens_at


class PollClosed(Forbidden):
    """The window has ended, by the clock or by an operator."""

    def __init__(self, closed_at: int | None) -> None:
        super().__init__("This poll has closed; votes are no longer counted.")
        self.closed_at = closed_at


class NotFound(PollwireError):
    """There is no such thing."""


class PollNotFound(NotFound):
    """No poll of this name is visible to the reader."""

    def __init__(self, poll: str) -> None:
        super().__init__(f"There is no poll {poll!r} here.")
        self.poll = poll


class VoteNotFound(NotFound):
    """The voter has no standing choice in this poll."""

    def __init__(self, poll: str) -> None:
        super().__init__("No vote of this voter stands in this poll.")
        self.poll = poll


class Invalid(PollwireError):
    """Well-formed, and wrong."""


class InvalidPoll(Invalid):
    """A poll as submitted cannot be; ``field`` is the path of what is wrong."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field


class InvalidChoice(Invalid):
    """What was submitted is not a choice of this poll."""

    def __init__(self, detail: str, field: str = "choice") -> None:
        super().__init__(detail)
        self.field = field


class ReceiptInvalid(Invalid):
    """The receipt was not issued by this service for this poll."""

    def __init__(self) -> None:
        super().__init__("This receipt was not issued by this service for this poll.")


class IdempotencyKeyReused(Invalid):
    """An Idempotency-Key came again with another choice."""

    def __init__(self) -> None:
        super().__init__(
            "This Idempotency-Key was already used with another choice; use a new key for a new vote."
        )


class Conflict(PollwireError):
    """Right in itself, and at odds with what stands."""


class AlreadyVoted(Conflict):
    """Another choice of this voter stands, and the poll lets nobody change."""

    def __init__(self, choice: object, revision: int) -> None:
        super().__init__("You have already voted in this poll, and that vote stands.")
        self.choice = choice
        self.revision = revision


class StaleRevision(Conflict):
    """The change names a revision that no longer stands."""

    def __init__(self, revision: int) -> None:
        super().__init__("Your vote was changed since; read the standing choice and decide again.")
        self.revision = revision


class OptionFull(Conflict):
    """The option has taken as many votes as it may."""

    def __init__(self, option: str) -> None:
        super().__init__(f"The option {option!r} is full; choose another.")
        self.option = option


class PollExists(Conflict):
    """Another poll has this id."""

    def __init__(self, poll: str) -> None:
        super().__init__(f"A poll {poll!r} exists already and differs; choose another id or edit that one.")
        self.poll = poll


class EditRefused(Conflict):
    """The edit would falsify votes that were cast."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field


_REQUIRES_UNRESOLVE: Final = ("reopen", "cancel", "reset", "delete")


class PhaseConflict(Conflict):
    """The act does not fit the phase that the poll is in; ``reason`` where there is more to say than that."""

    def __init__(self, act: str, phase: str, reason: str | None = None) -> None:
        hint = " Unresolve it first." if phase == "resolved" and act in _REQUIRES_UNRESOLVE else ""
        super().__init__(reason or f"A poll that is {phase} cannot be given the act {act!r}.{hint}")
        self.act = act
        self.phase = phase


class VersionMismatch(Conflict):
    """The poll was edited since the version that the caller names."""

    def __init__(self, version: int) -> None:
        super().__init__(f"The poll is at version {version}; read it again and repeat the edit.")
        self.version = version


class Unavailable(PollwireError):
    """Right, and not now: the same request may be sent again after ``retry_after_s`` seconds."""

    def __init__(self, detail: str, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class StoreUnavailable(Unavailable):
    """The store does not answer; what was asked may or may not have happened, and may be repeated."""

    def __init__(self, retry_after_s: int = 1) -> None:
        super().__init__("The store does not answer just now; send the same request again.", retry_after_s)


class Overloaded(Unavailable):
    """More work is waiting than can be answered in time."""

    def __init__(self, retry_after_s: int = 1) -> None:
        super().__init__("The service is busy just now; send the same request again.", retry_after_s)


class RateLimited(Unavailable):
    """This network has used up its share for now; ``policy`` names what of, ``limit`` says how much."""

    _DETAIL = "Too many {policy} from this network; wait a moment."

    def __init__(self, retry_after_s: int, policy: str, limit: RateLimit) -> None:
        super().__init__(self._DETAIL.format(policy=policy), retry_after_s)
        self.policy = policy
        self.limit = limit


class ChallengeRequired(RateLimited):
    """The same, and whoever solves the challenge need not wait."""

    _DETAIL = "Many {policy} from this network: solve the challenge and send the solution, or wait a moment."

    def __init__(
        self, retry_after_s: int, policy: str, limit: RateLimit, challenge: dict[str, object]
    ) -> None:
        super().__init__(retry_after_s, policy, limit)
        self.challenge = challenge
