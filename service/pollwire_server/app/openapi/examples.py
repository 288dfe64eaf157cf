"""Examples of request and response bodies, by schema name. Tests validate them by the schemas.

``examples_of`` returns the examples of one body. Problems have an example for each type.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import msgspec

from pollwire_server.app.openapi.schemas import Json
from pollwire_server.domain import errors
from pollwire_server.domain.errors import PollwireError
from pollwire_server.domain.rate_limit import RateLimit
from pollwire_server.problem_details import problem_document, problem_of

_OPTIONS: Final = [{"id": "npp", "label": "NPP"}, {"id": "ndc", "label": "NDC"}]
_QUESTION: Final = "Which team has the higher chance of winning?"
_CLOSING: Final = "2026-12-07T17:00:00.000Z"
_RESULTS: Final[Json] = {
    "type": "results",
    "poll": "winner",
    "epoch": "019ab5a1c2d3",
    "seq": 42,
    "phase": "open",
    "final": False,
    "as_of": "2026-11-24T12:00:00.123Z",
    "closes_at": _CLOSING,
    "voters": 42,
    "counts": {"npp": 23, "ndc": 19},
}
_WEBHOOK: Final[Json] = {
    "id": "3f81c02be9d4",
    "url": "https://studio.example.org/polls",
    "events": ["poll.closed"],
    "polls": None,
    "results": "public",
    "created_at": "2026-11-24T11:00:00.000Z",
    "created_by": "newsroom",
    "status": "active",
    "disabled_at": None,
    "disabled_reason": None,
    "waiting": 0,
    "dropped": 0,
    "failures": 0,
    "last_success_at": "2026-11-24T12:00:00.123Z",
    "last_failure_at": None,
    "last_error": None,
}
_DELIVERY: Final[Json] = {
    "id": "7c01aa93be52-3",
    "type": "poll.closed",
    "poll": "winner",
    "attempt": 1,
    "at": "2026-11-24T12:00:00.123Z",
    "delivered": True,
    "status": 204,
    "error": None,
    "took_ms": 48,
}
_POLL: Final[Json] = {
    "id": "winner",
    "kind": "single",
    "question": _QUESTION,
    "description": None,
    "options": _OPTIONS,
    "choices": None,
    "scale": None,
    "forecast": False,
    "ordered": False,
    "opens_at": "2026-11-24T11:00:00.000Z",
    "closes_at": _CLOSING,
    "visible_at": None,
    "timezone": None,
    "revote": "change",
    "identity": "device",
    "issuer": None,
    "results": "always",
    "series": None,
    "resolve_by": None,
    "shards": 1,
    "ties": None,
    "tie_seed": None,
    "origins": None,
    "network_tags": False,
    "shuffle": False,
    "lang": None,
    "phase": "open",
    "resolution": None,
    "planned_closes_at": None,
    "created_at": "2026-11-24T11:00:00.000Z",
    "version": 1,
}
_PREDICTION: Final = _POLL | {"kind": "prediction", "series": "election-2026"}
_KEY: Final[Json] = {
    "id": "k7d2m4q9",
    "name": "newsroom",
    "scopes": ["polls:read", "polls:write"],
    "polls": ["lunch-*"],
    "series": None,
    "expires_at": "2026-12-31T00:00:00.000Z",
    "created_at": "2026-11-24T11:00:00.000Z",
    "last_used_at": None,
}
_AUDIT_ENTRY: Final[Json] = {
    "n": 1042,
    "at": "2026-11-24T12:00:00.123Z",
    "act": "key.created",
    "by": {"id": "000000000000", "name": "admin"},
    "target": "5f0c9a7be1d2",
    "detail": {"name": "newsroom", "scopes": ["polls:read"]},
    "previous": "9b0f" * 16,
    "hash": "3c1e" * 16,
}
_ISSUER: Final[Json] = {
    "issuer": "https://news.example",
    "algorithm": "EdDSA",
    "audience": "polls",
    "jwks_url": "https://news.example/keys",
}
_REGISTERED_ISSUER: Final[Json] = {
    "id": "i3f8",
    **_ISSUER,
    "key": None,
    "created_at": "2026-11-24T11:00:00.000Z",
}
_CALIBRATION_BIN: Final[Json] = {
    "from": 0.6,
    "to": 0.7,
    "n": 2,
    "mean": 0.64,
    "rate": 0.5,
    "low": 0.094531,
    "high": 0.905469,
}
_SERIES: Final[Json] = {
    "series": "cup",
    "title": "World Cup",
    "rank_by": "accuracy",
    "minimum": 1,
    "version": 12,
    "polls": {"open": 3, "closed": 1, "resolved": 12, "canceled": 0},
    "crowd": None,
}
_ROW: Final[Json] = {
    "rank": 1,
    "name": "Ama",
    "forecasts": 12,
    "brier": None,
    "baseline": None,
    "peer": None,
    "accuracy": 0.75,
    "coverage": 0.0,
    "skill": None,
}
_TOTALS: Final[Json] = {"voters": 42, "counts": {"npp": 23, "ndc": 19}}

EXAMPLES: Final[dict[str, Json]] = {
    "PollDraft": {
        "id": "winner",
        "kind": "single",
        "question": _QUESTION,
        "options": _OPTIONS,
        "closes_at": "2026-12-07T17:00:00Z",
        "revote": "change",
    },
    "PollPatch": {"question": "Which team will win?", "closes_at": None},
    "Poll": _POLL,
    "PollPage": {"items": [_POLL], "next": None},
    "ReopenBody": {"closes_at": "2026-12-08T17:00", "timezone": "Africa/Accra"},
    "ConfirmationBody": {"confirm": "winner"},
    "EmptyBody": {},
    "RegistrationBody": {"name": "Ama"},
    "TokenResponse": {"token": "AbCd...", "expires_at": "2027-12-29T12:00:00.000Z"},
    "TicketResponse": {"ticket": "EfGh...", "expires_at": "2026-11-24T12:01:00.000Z"},
    "Vote": {"choice": "npp", "revision": 0},
    "VoteResponse": {
        "status": "counted",
        "poll": "winner",
        "choice": "npp",
        "at": "2026-11-24T12:00:00.000Z",
        "revision": 1,
        "seq": 42,
        "receipt": "IjKl...",
    },
    "OwnVoteResponse": {"poll": "winner", "choice": "npp", "at": "2026-11-24T12:00:00.000Z", "revision": 1},
    "ResolutionDraft": {
        "outcome": "npp",
        "effective_at": "2026-12-07T17:00:00Z",
        "note": "Declared.",
        "source": "https://example.com/declaration",
    },
    "SeriesDraft": {"title": "World Cup", "rank_by": "peer", "minimum": 5},
    "Series": _SERIES,
    "ScoringProgress": {"done": 250000, "total": 1000000},
    "LeaderboardPage": {
        "items": [_ROW],
        "next": None,
        "about": _SERIES,
    },
    "OwnSeriesPage": {
        "row": _ROW,
        "items": [
            {
                "poll": "winner",
                "question": _QUESTION,
                "phase": "resolved",
                "choice": "npp",
                "at": "2026-11-24T12:00:00.000Z",
                "outcome": "npp",
                "correct": True,
                "scored": True,
            }
        ],
        "next": None,
        "calibration": [_CALIBRATION_BIN],
    },
    "CalibrationResponse": {"series": "cup", "crowd": [_CALIBRATION_BIN]},
    "ReceiptBody": {"receipt": "IjKl..."},
    "ReceiptResponse": {"valid": True, "counted": True, "choice": "npp", "at": "2026-11-24T12:00:00.000Z"},
    "Results": _RESULTS,
    "Timeline": {
        "points": [
            {"at": "2026-11-24T11:00:00.000Z", "voters": 0, "counts": {"npp": 0, "ndc": 0}},
            {"at": "2026-11-24T12:00:00.000Z", **_TOTALS},
        ]
    },
    "Distribution": {"bins": [0.25, 0.75], "counts": {"npp": [19, 23], "ndc": [23, 19]}},
    "BulkVoteLine": {"voter": "member 1023", "choice": "npp"},
    "BulkVoteResult": {"line": 1, "status": "counted", "revision": 1},
    "BulkVoteProblem": {
        "line": 2,
        "problem": "/problems/invalid-choice",
        "status": 422,
        "detail": "choice must be the id of one option: npp, ndc.",
        "field": "choice",
    },
    "PurgeBody": {
        "from": "2026-11-24T12:00:00Z",
        "to": "2026-11-24T12:05:00Z",
        "confirm": "winner",
    },
    "ErasedResponse": {"erased": True},
    "ErasureResponse": {"poll": "winner", "counts": True},
    "PurgeResponse": {"purged": 120},
    "FraudReport": {
        "votes": 4200,
        "usual_per_minute": 12.0,
        "bursts": [
            {
                "from": "2026-11-24T12:00:00.000Z",
                "to": "2026-11-24T12:05:00.000Z",
                "votes": 1900,
                "choice": "npp",
                "share": 0.99,
                "share_elsewhere": 0.51,
            }
        ],
        "tags": [
            {
                "tag": "9f3a01c4",
                "votes": 1840,
                "share": 0.4381,
                "choice": "npp",
                "choice_share": 1.0,
                "share_elsewhere": 0.52,
                "busiest_minute": "2026-11-24T12:03:00.000Z",
                "votes_in_minute": 610,
            }
        ],
    },
    "Recount": {"matches": True, "stored": _TOTALS, "recounted": _TOTALS},
    "AuditPage": {
        "items": [
            {
                "at": "2026-11-24T13:00:00.000Z",
                "by": "newsroom",
                "act": "close",
                "before": {"version": 1, "phase": "open"},
                "after": {"version": 2, "phase": "closed"},
            }
        ],
        "next": None,
    },
    "KeyDraft": {
        "name": "newsroom",
        "scopes": ["polls:read", "polls:write"],
        "polls": ["lunch-*"],
        "expires_at": "2026-12-31T00:00:00Z",
    },
    "ApiKey": _KEY,
    "OwnApiKey": {name: _KEY[name] for name in ("name", "scopes", "polls", "series", "expires_at")},
    "CreatedApiKey": {**_KEY, "key": "pw_..."},
    "ApiKeyPage": {"items": [_KEY], "next": None},
    "ServiceAuditEntry": _AUDIT_ENTRY,
    "ServiceAuditPage": {"items": [_AUDIT_ENTRY], "next": None},
    "IssuerDraft": _ISSUER,
    "Issuer": _REGISTERED_ISSUER,
    "IssuerPage": {"items": [_REGISTERED_ISSUER], "next": None},
    "WebhookDraft": {"url": "https://studio.example.org/polls", "events": ["poll.closed"]},
    "Webhook": _WEBHOOK,
    "WebhookPage": {"items": [_WEBHOOK], "next": None},
    "CreatedWebhook": {**_WEBHOOK, "secret": "whsec_..."},
    "Delivery": _DELIVERY,
    "DeliveryPage": {"items": [_DELIVERY], "next": None},
    "HealthReport": {"status": "ready", "degraded": False},
}
"""The main example of each schema."""

_FORECAST: Final[Json] = {"npp": 0.6, "ndc": 0.4}

VARIANTS: Final[dict[str, dict[str, Json]]] = {
    "PollDraft": {
        "rating": {"kind": "rating", "question": "How was the debate?", "scale": {"min": 1, "max": 5}},
        "ranked": {"kind": "ranked", "question": _QUESTION, "options": _OPTIONS},
        "forecast": {
            "kind": "prediction",
            "forecast": True,
            "question": "Which party will win?",
            "options": _OPTIONS,
            "series": "election-2026",
            "closes_at": "2026-12-07T17:00",
            "timezone": "Africa/Accra",
        },
    },
    "Vote": {
        "multiple": {"choice": ["npp", "ndc"]},
        "rating": {"choice": 4},
        "ranked": {"choice": ["ndc", "npp"]},
        "forecast": {"choice": _FORECAST},
    },
    "Results": {
        "hidden": {
            **{name: value for name, value in _RESULTS.items() if name not in _TOTALS},
            "seq": 0,
            "hidden": True,
        },
        "rating": {**_RESULTS, "counts": {"1": 2, "2": 3, "3": 9, "4": 16, "5": 12}, "mean": 3.7857},
        "forecast": {
            **_RESULTS,
            "forecast": _FORECAST,
            "spread": {
                "npp": {"low": 0.5, "median": 0.6, "high": 0.7},
                "ndc": {"low": 0.3, "median": 0.4, "high": 0.5},
            },
            "mean_log": {"npp": -0.55, "ndc": -0.98},
        },
    },
    "ResolutionDraft": {
        "annulled": {"outcome": None, "note": "The vote was postponed."},
        "corrected": {"outcome": "ndc", "correct": True},
    },
    "PurgeBody": {"network": {"tag": "9f3a01c4", "confirm": "winner"}},
    "HealthReport": {
        "degraded": {"status": "degraded", "degraded": True, "reason": "The store is not responding."}
    },
}
"""More examples of a schema."""

BY_OPERATION: Final[dict[str, Json]] = {
    "openPoll": _POLL | {"version": 2},
    "closePoll": _POLL | {"phase": "closed", "planned_closes_at": _CLOSING, "version": 2},
    "reopenPoll": _POLL | {"closes_at": "2026-12-08T17:00:00.000Z", "version": 3},
    "publishPoll": _POLL | {"phase": "closed", "version": 3},
    "cancelPoll": _POLL | {"phase": "canceled", "version": 2},
    "archivePoll": _POLL | {"phase": "archived", "version": 3},
    "resetPoll": _POLL | {"version": 2},
    "updatePoll": _POLL | {"question": "Which team will win?", "closes_at": None, "version": 2},
    "resolvePoll": _PREDICTION
    | {
        "phase": "resolved",
        "resolution": {
            "outcome": "npp",
            "at": "2026-12-08T09:00:00.000Z",
            "effective_at": _CLOSING,
            "by": "newsroom",
            "version": 2,
            "note": "Declared.",
            "source": "https://example.com/declaration",
        },
        "version": 2,
    },
    "unresolvePoll": _PREDICTION | {"phase": "closed", "version": 3},
    "withdrawVote": {
        "status": "withdrawn",
        "poll": "winner",
        "choice": None,
        "at": "2026-11-24T12:00:00.000Z",
        "revision": 2,
        "seq": 43,
    },
    "checkLiveness": {"status": "alive"},
    "testWebhook": _DELIVERY | {"id": "test-5b0c9c2d8e7f6a41", "type": "webhook.test", "poll": None},
}
"""Successful responses of operations for which the example of the schema would be misleading."""

TEXTS: Final = {
    "text/csv": "voter,choice,label,at,revision\r\nv5d41402abc4b2a76,npp,NPP,2026-11-24T12:00:00.000Z,1\r\n",
    "application/x-ndjson": (
        '{"voter":"5d41402abc4b2a76","choice":"npp","at":"2026-11-24T12:00:00.000Z","revision":1}\n'
    ),
    "text/event-stream": (
        "retry: 2000\n\nevent: results\nid: winner-019ab5a1c2d3-42\n"
        f"data: {msgspec.json.encode(_RESULTS).decode()}\n\n"
    ),
}
"""Responses that are not JSON, by media type."""

_RATE_LIMIT: Final = RateLimit(60, 60)
_CHALLENGE: Final[dict[str, object]] = {"parameters": {"algorithm": "PBKDF2/SHA-256"}, "signature": "..."}
PROBLEMS: Final[tuple[PollwireError, ...]] = (
    errors.MalformedBody("The body must be a JSON object."),
    errors.BodyTooLarge(16 * 1024),
    errors.UnsupportedMediaType("application/json"),
    errors.VoterTokenRequired(),
    errors.VoterTokenInvalid(),
    errors.ApiKeyRequired(),
    errors.ApiKeyInvalid(),
    errors.ScopeMissing("polls:write"),
    errors.OriginNotAllowed("https://news.example"),
    errors.ResultsHidden("after_close"),
    errors.PollNotOpen(1_795_518_000_000),
    errors.PollClosed(1_796_662_800_000),
    errors.NotFound("There is no such webhook."),
    errors.PollNotFound("winner"),
    errors.VoteNotFound("winner"),
    errors.InvalidPoll("options[0].label", "options[0].label must not be empty."),
    errors.InvalidChoice("choice must be the id of one option: npp, ndc."),
    errors.ReceiptInvalid(),
    errors.IdempotencyKeyReused(),
    errors.AlreadyVoted("npp", 1),
    errors.StaleRevision(2),
    errors.ChangesUsed(100),
    errors.OptionFull("npp"),
    errors.PollExists("winner"),
    errors.EditRefused("options", "An option that has votes cannot be removed."),
    errors.PhaseConflict("reopen", "archived"),
    errors.VersionMismatch(3),
    errors.StoreUnavailable(),
    errors.Overloaded(),
    errors.RateLimited(30, "votes", _RATE_LIMIT),
    errors.ChallengeRequired(30, "registrations", _RATE_LIMIT, _CHALLENGE),
)
"""One error of each type that routes of the document return."""


def examples_of(schema: str) -> Json:
    """Return the examples of a schema in the form of OpenAPI: ``{name: {"value": example}}``."""
    name = f"{schema[0].lower()}{schema[1:]}"
    values = {name: EXAMPLES[schema], **VARIANTS.get(schema, {})}
    return {name: {"value": value} for name, value in values.items()}


@cache
def problem_examples() -> dict[str, Json]:
    """Return an example of each problem, by slug."""
    documents = ((problem_of(error), problem_document(error)) for error in PROBLEMS)
    return {
        row.slug: {"summary": row.title, "value": msgspec.to_builtins(document)}
        for row, document in documents
    }
