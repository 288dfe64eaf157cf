"""Operations of the OpenAPI document: their names, tags, and the structs of their bodies.

The names become functions in generated clients, and the tags become modules.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from pollwire_server.admin.api_keys import ApiKeyPage, CreatedApiKey, KeyDraft, OwnApiKey
from pollwire_server.admin.audit_routes import AUDIT_PATH, ServiceAuditPage
from pollwire_server.admin.bulk_votes import BulkVoteLine, BulkVoteProblem, BulkVoteResult
from pollwire_server.admin.issuers import IssuerDocument, IssuerDraft, IssuerPage
from pollwire_server.admin.moderation import ErasedResponse, FraudReport, PurgeBody, PurgeResponse
from pollwire_server.admin.polls import AuditPage, ConfirmationBody, PollPage, ReopenBody
from pollwire_server.admin.predictions import ResolutionDraft, ScoringProgress
from pollwire_server.admin.series import SeriesDraft
from pollwire_server.admin.webhooks.service import (
    CreatedWebhook,
    DeliveryPage,
    Webhook,
    WebhookDraft,
    WebhookPage,
)
from pollwire_server.app.health import HealthReport
from pollwire_server.domain.ballot import ReceiptBody, Vote
from pollwire_server.domain.crowd import Distribution
from pollwire_server.domain.decoding import EmptyBody
from pollwire_server.domain.poll_document import PollDocument
from pollwire_server.domain.poll_draft import PollDraft, PollPatch
from pollwire_server.domain.recount import Recount
from pollwire_server.domain.series_document import SeriesDocument
from pollwire_server.domain.tally import Results
from pollwire_server.domain.timeline import Timeline
from pollwire_server.store.webhooks.delivery_queue import Delivery
from pollwire_server.voting.registration import RegistrationBody
from pollwire_server.voting.responses import (
    ErasureResponse,
    OwnVoteResponse,
    ReceiptResponse,
    TicketResponse,
    TokenResponse,
    VoteResponse,
)
from pollwire_server.voting.series_service import CalibrationResponse, LeaderboardPage, OwnSeriesPage

Shape = type[msgspec.Struct]
Route = tuple[str, str]
"""Method in lower case, and path."""

JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"

TAGS: Final = {
    "voting": "Register voters, vote, and check receipts. Voters need no account.",
    "results": "Read a poll and its results, once or as a stream of server-sent events.",
    "series": "Series of predictions and their leaderboards.",
    "polls": "Create polls, edit them and change their phase. Needs an API key.",
    "predictions": "Resolve predictions and set up series. Needs an API key.",
    "moderation": "Find and remove votes, and submit votes from your server. Needs an API key.",
    "audit": "Read the audit log of the service. Needs an API key with the scope `audit:read`.",
    "api-keys": "Manage API keys. Needs an API key with the scope `keys:write`.",
    "issuers": "Manage the sites whose tokens identify voters. Needs an API key with `issuers:write`.",
    "webhooks": "Manage webhooks and look at their deliveries. Needs an API key with `webhooks:write`.",
    "probes": "Health checks for load balancers and orchestrators.",
}
"""Descriptions of the tags, in the order of the reference."""


class Operation(NamedTuple):
    """An operation: its name and tag, and the structs of its bodies. Of several, a body has one of them."""

    id: str
    tag: str
    body: Shape | None = None
    response: Shape | tuple[Shape, ...] | None = None
    second: tuple[int, str, Shape | None] | None = None
    """Another response that is not an error: status, description and struct."""
    media_type: str = JSON


_POLLS: Final = "/v1/admin/polls"
_POLL: Final = f"{_POLLS}/{{poll_id}}"
_KEYS: Final = "/v1/admin/keys"
_ISSUERS: Final = "/v1/admin/issuers"
_WEBHOOKS: Final = "/v1/admin/webhooks"
_WEBHOOK: Final = f"{_WEBHOOKS}/{{webhook_id}}"
_PUBLIC: Final = "/v1/polls/{poll_id}"
_NOT_MODIFIED: Final = (304, "Not changed since the entity tag in `If-None-Match`.", None)


def _act(name: str, body: Shape = EmptyBody) -> Operation:
    return Operation(name, "polls", body, PollDocument)


OPERATIONS: Final[dict[Route, Operation]] = {
    ("post", "/v1/voters"): Operation("registerVoter", "voting", RegistrationBody, TokenResponse),
    ("post", "/v1/tickets"): Operation("createTicket", "voting", EmptyBody, TicketResponse),
    ("post", f"{_PUBLIC}/votes"): Operation("castVote", "voting", Vote, VoteResponse),
    ("get", f"{_PUBLIC}/votes/mine"): Operation("getOwnVote", "voting", None, OwnVoteResponse),
    ("delete", f"{_PUBLIC}/votes/mine"): Operation("withdrawVote", "voting", None, VoteResponse),
    ("delete", f"{_PUBLIC}/voters/me"): Operation("eraseOwnVote", "voting", None, ErasureResponse),
    ("post", f"{_PUBLIC}/receipts"): Operation("checkReceipt", "voting", ReceiptBody, ReceiptResponse),
    ("get", _PUBLIC): Operation("getPoll", "results", None, PollDocument, _NOT_MODIFIED),
    ("get", f"{_PUBLIC}/results"): Operation("getResults", "results", None, Results, _NOT_MODIFIED),
    ("get", f"{_PUBLIC}/timeline"): Operation("getTimeline", "results", None, Timeline, _NOT_MODIFIED),
    ("get", f"{_PUBLIC}/distribution"): Operation(
        "getDistribution", "results", None, Distribution, _NOT_MODIFIED
    ),
    ("get", "/v1/events"): Operation("watchPolls", "results"),
    ("get", f"{_PUBLIC}/events"): Operation("watchPoll", "results"),
    ("get", "/v1/series/{series_id}"): Operation("getSeries", "series", None, SeriesDocument),
    ("get", "/v1/series/{series_id}/calibration"): Operation(
        "getCalibration", "series", None, CalibrationResponse
    ),
    ("get", "/v1/series/{series_id}/leaderboard"): Operation(
        "getLeaderboard", "series", None, LeaderboardPage
    ),
    ("get", "/v1/series/{series_id}/mine"): Operation("getOwnSeriesResults", "series", None, OwnSeriesPage),
    ("post", _POLLS): Operation(
        "createPoll",
        "polls",
        PollDraft,
        PollDocument,
        (200, "The same request was sent before. The response is the existing poll.", PollDocument),
    ),
    ("get", _POLLS): Operation("listPolls", "polls", None, PollPage),
    ("get", _POLL): Operation("getPollAsOperator", "polls", None, PollDocument),
    ("patch", _POLL): Operation("updatePoll", "polls", PollPatch, PollDocument),
    ("delete", _POLL): Operation("deletePoll", "polls", ConfirmationBody),
    ("post", f"{_POLL}/open"): _act("openPoll"),
    ("post", f"{_POLL}/close"): _act("closePoll"),
    ("post", f"{_POLL}/reopen"): _act("reopenPoll", ReopenBody),
    ("post", f"{_POLL}/publish"): _act("publishPoll"),
    ("post", f"{_POLL}/cancel"): _act("cancelPoll"),
    ("post", f"{_POLL}/archive"): _act("archivePoll"),
    ("post", f"{_POLL}/reset"): _act("resetPoll", ConfirmationBody),
    ("get", f"{_POLL}/results"): Operation("getResultsAsOperator", "polls", None, Results),
    ("get", f"{_POLL}/timeline"): Operation("getTimelineAsOperator", "polls", None, Timeline),
    ("get", f"{_POLL}/audit"): Operation("getAuditLog", "polls", None, AuditPage),
    ("get", f"{_POLL}/export"): Operation("exportVotes", "polls"),
    ("post", f"{_POLL}/recount"): Operation("recountVotes", "polls", EmptyBody, Recount),
    ("post", f"{_POLL}/resolve"): Operation(
        "resolvePoll",
        "predictions",
        ResolutionDraft,
        PollDocument,
        (
            202,
            "Forecasts are being scored. Repeat the request until its response is the poll.",
            ScoringProgress,
        ),
    ),
    ("post", f"{_POLL}/unresolve"): Operation(
        "unresolvePoll",
        "predictions",
        EmptyBody,
        PollDocument,
        (
            202,
            "Scores are being removed. Repeat the request until its response is the poll.",
            ScoringProgress,
        ),
    ),
    ("put", "/v1/admin/series/{series_id}"): Operation(
        "updateSeries",
        "predictions",
        SeriesDraft,
        SeriesDocument,
        (202, "The leaderboard is being ordered. Repeat the request.", ScoringProgress),
    ),
    ("post", f"{_POLL}/votes"): Operation(
        "castBulkVotes", "moderation", BulkVoteLine, (BulkVoteResult, BulkVoteProblem), media_type=NDJSON
    ),
    ("get", f"{_POLL}/report"): Operation("getFraudReport", "moderation", None, FraudReport),
    ("post", f"{_POLL}/purge"): Operation("purgeVotes", "moderation", PurgeBody, PurgeResponse),
    ("post", f"{_POLL}/erase"): Operation("eraseVote", "moderation", ReceiptBody, ErasedResponse),
    ("post", _KEYS): Operation("createApiKey", "api-keys", KeyDraft, CreatedApiKey),
    ("get", _KEYS): Operation("listApiKeys", "api-keys", None, ApiKeyPage),
    ("get", f"{_KEYS}/mine"): Operation("getOwnApiKey", "api-keys", None, OwnApiKey),
    ("delete", f"{_KEYS}/{{key_id}}"): Operation("revokeApiKey", "api-keys"),
    ("get", AUDIT_PATH): Operation("listServiceAudit", "audit", None, ServiceAuditPage),
    ("post", _ISSUERS): Operation(
        "registerIssuer",
        "issuers",
        IssuerDraft,
        IssuerDocument,
        (200, "The issuer was registered before. It has the new key now.", IssuerDocument),
    ),
    ("get", _ISSUERS): Operation("listIssuers", "issuers", None, IssuerPage),
    ("delete", f"{_ISSUERS}/{{issuer_id}}"): Operation("deleteIssuer", "issuers"),
    ("post", _WEBHOOKS): Operation("createWebhook", "webhooks", WebhookDraft, CreatedWebhook),
    ("get", _WEBHOOKS): Operation("listWebhooks", "webhooks", None, WebhookPage),
    ("get", _WEBHOOK): Operation("getWebhook", "webhooks", None, Webhook),
    ("delete", _WEBHOOK): Operation("deleteWebhook", "webhooks"),
    ("post", f"{_WEBHOOK}/test"): Operation("testWebhook", "webhooks", EmptyBody, Delivery),
    ("post", f"{_WEBHOOK}/enable"): Operation("enableWebhook", "webhooks", EmptyBody, Webhook),
    ("get", f"{_WEBHOOK}/deliveries"): Operation("listDeliveries", "webhooks", None, DeliveryPage),
    ("get", "/livez"): Operation("checkLiveness", "probes", None, HealthReport),
    ("get", "/readyz"): Operation(
        "checkReadiness",
        "probes",
        None,
        HealthReport,
        (503, "The service is starting or stopping. Send requests to another instance.", HealthReport),
    ),
}

OPTIONAL_BODIES: Final = (EmptyBody, RegistrationBody, ReopenBody)
"""Bodies without a required field. The request may have no body at all."""

TEXT_RESPONSES: Final[dict[Route, tuple[str, ...]]] = {
    ("get", f"{_POLL}/export"): ("text/csv", NDJSON),
    ("get", "/v1/events"): ("text/event-stream",),
    ("get", f"{_PUBLIC}/events"): ("text/event-stream",),
}
"""Media types of responses that are not JSON."""
