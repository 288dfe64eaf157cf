"""Error responses of each route in the OpenAPI document: its problem types, by status.

Most follow from the kind of a route. Admin routes check an API key, routes of a poll may not find it, and
routes with a request body may reject it. ``_OWN`` lists the others. The fuzz tests of the API compare every
response with this module.
"""

from __future__ import annotations

from typing import Final

from pollwire_server.app.openapi.examples import problem_examples
from pollwire_server.app.openapi.schemas import REF, Json
from pollwire_server.problem_details import CONTENT_TYPE, TABLE

_STATUS: Final = {problem.slug: problem.status for problem in TABLE.values()}

_ANYWHERE: Final = ("overloaded", "store-unavailable")
_OPERATORS: Final = ("api-key-required", "api-key-invalid", "scope-missing")
_BODY: Final = ("unsupported-media-type", "body-too-large", "malformed-body")
_VOTER: Final = ("voter-token-required", "voter-token-invalid")
_READER: Final = ("voter-token-invalid", "scope-missing")
"""Readers need no token, but a token must be valid."""
_STANDING: Final = ("version-mismatch", "phase-conflict")

_POLL: Final = "/v1/polls/{poll_id}"
_OPERATED: Final = "/v1/admin/polls/{poll_id}"

_OWN: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("post", f"{_POLL}/votes"): (
        *_VOTER,
        *("poll-not-open", "poll-closed", "already-voted", "stale-revision", "changes-used", "option-full"),
        *("idempotency-key-reused", "rate-limited"),
    ),
    ("get", f"{_POLL}/votes/mine"): (*_VOTER, "vote-not-found", "invalid-choice"),
    ("delete", f"{_POLL}/votes/mine"): (
        *_VOTER,
        *("vote-not-found", "poll-not-open", "poll-closed", "already-voted", "stale-revision"),
        "invalid-choice",
    ),
    ("delete", f"{_POLL}/voters/me"): (*_VOTER, "vote-not-found", "phase-conflict", "invalid-choice"),
    ("post", f"{_POLL}/receipts"): ("receipt-invalid",),
    ("get", "/v1/series/{series_id}/leaderboard"): ("invalid-choice",),
    ("get", "/v1/series/{series_id}/mine"): (*_VOTER, "invalid-choice"),
    ("post", "/v1/voters"): ("rate-limited", "challenge-required"),
    ("post", "/v1/tickets"): (*_VOTER, "scope-missing"),
    ("get", _POLL): _READER,
    ("get", f"{_POLL}/results"): _READER,
    ("get", f"{_POLL}/timeline"): (*_READER, "results-hidden", "invalid-poll"),
    ("get", f"{_POLL}/distribution"): (*_READER, "not-found", "results-hidden"),
    ("get", f"{_POLL}/events"): _READER,
    ("get", "/v1/events"): (*_READER, "poll-not-found", "invalid-poll", "origin-not-allowed"),
    ("post", "/v1/admin/polls"): ("poll-exists",),
    ("get", "/v1/admin/polls"): ("invalid-poll",),
    ("patch", _OPERATED): (*_STANDING, "edit-refused"),
    ("delete", _OPERATED): _STANDING,
    ("get", f"{_OPERATED}/audit"): ("invalid-poll",),
    ("get", f"{_OPERATED}/export"): ("invalid-poll", "phase-conflict"),
    ("post", f"{_OPERATED}/votes"): ("unsupported-media-type",),
    ("post", f"{_OPERATED}/recount"): ("phase-conflict",),
    ("post", f"{_OPERATED}/purge"): ("phase-conflict", "invalid-poll"),
    ("post", f"{_OPERATED}/erase"): ("phase-conflict", "receipt-invalid"),
    ("get", f"{_OPERATED}/report"): ("phase-conflict", "invalid-poll"),
    ("get", "/v1/admin/keys"): ("invalid-poll",),
    ("get", "/v1/admin/audit"): ("invalid-poll",),
    ("get", "/v1/admin/issuers"): ("invalid-poll",),
    ("get", "/v1/admin/webhooks"): ("invalid-poll",),
    ("get", "/v1/admin/webhooks/{webhook_id}/deliveries"): ("invalid-poll",),
    **{
        ("post", f"{_OPERATED}/{act}"): _STANDING
        for act in (
            "open",
            "close",
            "reopen",
            "publish",
            "cancel",
            "archive",
            "reset",
            "resolve",
            "unresolve",
        )
    },
}


def slugs_of(method: str, address: str, *, reads_body: bool) -> tuple[str, ...]:
    """Return the slugs of all problems of the route, sorted. Routes outside ``/v1`` have none."""
    if not address.startswith("/v1/"):
        return ()
    slugs = {*_ANYWHERE, *_OWN.get((method, address), ())}
    is_operators = address.startswith("/v1/admin")
    if is_operators:
        slugs.update(_OPERATORS)
    if reads_body:
        slugs.update((*_BODY, "invalid-poll" if is_operators else "invalid-choice"))
    if "{poll_id}" in address:
        slugs.add("poll-not-found")
    elif "{" in address:
        slugs.add("not-found")
    return tuple(sorted(slugs))


def refusals_of(slugs: tuple[str, ...]) -> Json:
    """Return the OpenAPI responses for these problems, by status."""
    by_status: dict[int, list[str]] = {}
    for slug in slugs:
        by_status.setdefault(_STATUS[slug], []).append(slug)
    return {str(status): _response(by_status[status]) for status in sorted(by_status)}


def _response(slugs: list[str]) -> Json:
    types = {"type": {"enum": [f"/problems/{slug}" for slug in slugs]}}
    schema = {"$ref": REF.format(name="Problem"), "properties": types}
    examples = {slug: problem_examples()[slug] for slug in slugs}
    return {
        "description": ", ".join(slugs),
        "content": {CONTENT_TYPE: {"schema": schema, "examples": examples}},
    }
