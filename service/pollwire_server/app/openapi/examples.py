"""Examples of each request and response body, all of the same poll. A test validates them by the schemas."""

from __future__ import annotations

from typing import Final

from pollwire_server.app.openapi.schemas import Json

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
    "created_by": "night desk",
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
_KEY: Final[Json] = {
    "id": "k7d2m4q9",
    "name": "the news desk",
    "scopes": ["polls:read", "polls:write"],
    "created_at": "2026-11-24T11:00:00.000Z",
    "last_used_at": None,
}
_ISSUER: Final[Json] = {
    "issuer": "https://news.example",
    "algorithm": "EdDSA",
    "audience": "polls",
    "jwks_url": "https://news.example/keys",
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
    "Polls": {"items": [_POLL], "next": None},
    "Reopening": {"closes_at": "2026-12-08T17:00", "timezone": "Africa/Accra"},
    "Confirmation": {"confirm": "winner"},
    "Nothing": {},
    "Voter": {"name": "Ama"},
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
    "ResolutionDraft": {"outcome": "npp", "effective_at": "2026-12-07T17:00:00Z", "note": "Declared."},
    "Progress": {"done": 250000, "total": 1000000},
    "LeaderboardPage": {
        "items": [_ROW],
        "next": None,
        "about": {"series": "cup", "rank_by": "accuracy", "minimum": 1, "version": 3, "crowd": None},
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
    },
    "Receipt": {"receipt": "IjKl..."},
    "ReceiptResponse": {"valid": True, "counted": True, "choice": "npp", "at": "2026-11-24T12:00:00.000Z"},
    "Results": _RESULTS,
    "Timeline": {
        "points": [
            {"at": "2026-11-24T11:00:00.000Z", "voters": 0, "counts": {"npp": 0, "ndc": 0}},
            {"at": "2026-11-24T12:00:00.000Z", **_TOTALS},
        ]
    },
    "Distribution": {"bins": [0.25, 0.75], "counts": {"npp": [19, 23], "ndc": [23, 19]}},
    "SentVote": {"voter": "member 1023", "choice": "npp"},
    "SentVoteAnswer": {"line": 1, "status": "counted", "revision": 1},
    "PurgeDraft": {
        "from": "2026-11-24T12:00:00Z",
        "to": "2026-11-24T12:05:00Z",
        "confirm": "winner",
    },
    "ErasedAnswer": {"erased": True},
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
    "Audit": {
        "items": [
            {
                "at": "2026-11-24T13:00:00.000Z",
                "by": "the news desk",
                "act": "close",
                "before": {"version": 1, "phase": "open"},
                "after": {"version": 2, "phase": "closed"},
            }
        ],
        "next": None,
    },
    "KeyDraft": {"name": "the news desk", "scopes": ["polls:read", "polls:write"]},
    "Key": _KEY,
    "OwnKey": {"name": "the news desk", "scopes": ["polls:read", "polls:write"]},
    "MadeKey": {**_KEY, "key": "pw_..."},
    "Keys": {"items": [_KEY], "next": None},
    "IssuerDraft": _ISSUER,
    "Issuer": {"id": "i3f8", **_ISSUER, "key": None, "created_at": "2026-11-24T11:00:00.000Z"},
    "Issuers": {"items": [], "next": None},
    "WebhookDraft": {"url": "https://studio.example.org/polls", "events": ["poll.closed"]},
    "Webhook": _WEBHOOK,
    "Webhooks": {"items": [_WEBHOOK], "next": None},
    "MadeWebhook": {**_WEBHOOK, "secret": "whsec_..."},
    "Delivery": _DELIVERY,
    "Deliveries": {"items": [_DELIVERY], "next": None},
    "Probe": {"status": "ready", "degraded": False},
    "Problem": {
        "type": "/problems/poll-closed",
        "title": "Poll is closed",
        "status": 403,
        "detail": "This poll is closed. Votes are no longer counted.",
        "instance": "/v1/polls/winner/votes",
    },
}
