"""The OpenAPI document: what the framework knows of the routes, and what we know of them.

``schemas`` has the bodies and answers, ``parameters`` queries and headers,
``refusals`` the problems of each route, ``chains`` what follows from an answer.
"""

from __future__ import annotations

from typing import Final

from litestar import Litestar

from pollwire_server.app.openapi.error_responses import refusals_of, slugs_of
from pollwire_server.app.openapi.examples import EXAMPLES
from pollwire_server.app.openapi.links import links_of
from pollwire_server.app.openapi.parameters import parameters_of
from pollwire_server.app.openapi.schemas import REF, Json, schemas

TITLE: Final = "Pollwire"
DESCRIPTION: Final = (
    "Polls and predictions with live results. Voters send `Authorization: Bearer` with a token of"
    " `POST /v1/voters`, operators with their API key. Live results come over WebSocket"
    " (`/v1/polls/{id}/live`, `/v1/live`) and as server-sent events. HEAD goes wherever GET does."
)

_ADMIN: Final = "/v1/admin/polls"
_POLL: Final = f"{_ADMIN}/{{poll_id}}"
_WEBHOOKS: Final = "/v1/admin/webhooks"
_WEBHOOK: Final = f"{_WEBHOOKS}/{{webhook_id}}"

_MEANING: Final[dict[tuple[str, str], tuple[str | None, str | None]]] = {
    # (method, address): (the body's schema, the answer's schema)
    ("post", _ADMIN): ("PollDraft", "Poll"),
    ("get", _ADMIN): (None, "Polls"),
    ("get", _POLL): (None, "Poll"),
    ("patch", _POLL): ("PollPatch", "Poll"),
    ("delete", _POLL): ("Confirmation", None),
    ("post", f"{_POLL}/open"): ("Nothing", "Poll"),
    ("post", f"{_POLL}/close"): ("Nothing", "Poll"),
    ("post", f"{_POLL}/reopen"): ("Reopening", "Poll"),
    ("post", f"{_POLL}/publish"): ("Nothing", "Poll"),
    ("post", f"{_POLL}/cancel"): ("Nothing", "Poll"),
    ("post", f"{_POLL}/archive"): ("Nothing", "Poll"),
    ("post", f"{_POLL}/reset"): ("Confirmation", "Poll"),
    ("post", f"{_POLL}/resolve"): ("ResolutionDraft", "Poll"),
    ("post", f"{_POLL}/unresolve"): ("Nothing", "Poll"),
    ("get", f"{_POLL}/audit"): (None, "Audit"),
    ("post", f"{_POLL}/recount"): ("Nothing", "Recount"),
    ("post", f"{_POLL}/purge"): ("PurgeDraft", "Purged"),
    ("get", f"{_POLL}/report"): (None, "Report"),
    ("post", f"{_POLL}/erase"): ("Receipt", "Erased"),
    ("get", f"{_POLL}/results"): (None, "Results"),
    ("get", f"{_POLL}/timeline"): (None, "Timeline"),
    ("post", "/v1/admin/keys"): ("KeyDraft", "MadeKey"),
    ("get", "/v1/admin/keys"): (None, "Keys"),
    ("get", "/v1/admin/keys/mine"): (None, "OwnKey"),
    ("post", "/v1/admin/issuers"): ("IssuerDraft", "Issuer"),
    ("get", "/v1/admin/issuers"): (None, "Issuers"),
    ("post", _WEBHOOKS): ("WebhookDraft", "MadeWebhook"),
    ("get", _WEBHOOKS): (None, "Webhooks"),
    ("get", _WEBHOOK): (None, "Webhook"),
    ("post", f"{_WEBHOOK}/test"): ("Nothing", "Delivery"),
    ("post", f"{_WEBHOOK}/enable"): ("Nothing", "Webhook"),
    ("get", f"{_WEBHOOK}/deliveries"): (None, "Deliveries"),
    ("post", "/v1/voters"): ("Voter", "Token"),
    ("post", "/v1/tickets"): ("Nothing", "Ticket"),
    ("get", "/v1/polls/{poll_id}"): (None, "Poll"),
    ("get", "/v1/polls/{poll_id}/results"): (None, "Results"),
    ("get", "/v1/polls/{poll_id}/timeline"): (None, "Timeline"),
    ("post", "/v1/polls/{poll_id}/votes"): ("Vote", "Counted"),
    ("get", "/v1/polls/{poll_id}/votes/mine"): (None, "Standing"),
    ("delete", "/v1/polls/{poll_id}/votes/mine"): (None, "Counted"),
    ("delete", "/v1/polls/{poll_id}/voters/me"): (None, "Erasure"),
    ("post", "/v1/polls/{poll_id}/receipts"): ("Receipt", "ReceiptAnswer"),
    ("get", "/v1/series/{series_id}/leaderboard"): (None, "Leaderboard"),
    ("get", "/v1/series/{series_id}/mine"): (None, "OwnStanding"),
    ("get", "/livez"): (None, "Probe"),
    ("get", "/readyz"): (None, "Probe"),
}

_MAY_BE_LEFT_OUT: Final = frozenset({"Nothing", "Voter", "Reopening"})
"""Bodies of routes that may come without one."""

_FILES: Final[dict[str, tuple[str, ...]]] = {f"{_POLL}/export": ("text/csv", "application/x-ndjson")}
"""Answers that are no JSON."""

_LINE_BY_LINE: Final[dict[tuple[str, str], tuple[str, str]]] = {
    ("post", f"{_POLL}/votes"): ("SentVote", "SentVoteAnswer")
}
"""Bodies and answers that are streams of lines, and what a line is."""

_ALSO: Final[dict[tuple[str, str], tuple[str, str]]] = {
    ("post", _ADMIN): ("200", "The identical request was answered before; this is the poll that stands."),
    ("post", f"{_POLL}/resolve"): ("202", "Voters are being scored; repeat the act to hear of its end."),
    ("post", f"{_POLL}/unresolve"): ("202", "Scores are being taken back; repeat the act."),
    ("post", "/v1/admin/issuers"): ("200", "Registered again, in the place of what stood."),
    ("get", "/v1/polls/{poll_id}"): ("304", "Still what `If-None-Match` names."),
    ("get", "/v1/polls/{poll_id}/results"): ("304", "Still what `If-None-Match` names."),
    ("get", "/v1/polls/{poll_id}/timeline"): ("304", "Still what `If-None-Match` names."),
    ("get", "/readyz"): ("503", "Starting, or about to stop: send requests elsewhere."),
}
"""A second way in which a route does what it is for."""


def document_of(app: Litestar) -> Json:
    """The whole document, as ``/openapi.json`` serves it."""
    document: Json = app.openapi_schema.to_schema()
    components = document.setdefault("components", {})
    components["schemas"] = {**components.get("schemas", {}), **schemas()}
    for name, example in EXAMPLES.items():
        components["schemas"][name] = {**components["schemas"][name], "examples": [example]}
    components["securitySchemes"] = {
        "voter": {"type": "http", "scheme": "bearer", "description": "A token of POST /v1/voters."},
        "operator": {"type": "http", "scheme": "bearer", "description": "An operator's API key."},
    }
    for address, operations in document["paths"].items():
        for method, operation in operations.items():
            _tell_meaning(method, address, operation)
    _tell_chains(document)
    return document


def _tell_meaning(method: str, address: str, operation: Json) -> None:
    body, answer = _MEANING.get((method, address), (None, None))
    if body is not None:
        content = _content("application/json", body)
        operation["requestBody"] = {"content": content, "required": body not in _MAY_BE_LEFT_OUT}
    if (method, address) in _LINE_BY_LINE:
        content = _content("application/x-ndjson", _LINE_BY_LINE[method, address][0])
        operation["requestBody"] = {"content": content, "required": True}
    if taken := parameters_of(method, address, operation.get("parameters", [])):
        operation["parameters"] = taken
    operation["responses"] = {
        **_successes(method, address, operation["responses"], answer),
        **refusals_of(slugs_of(method, address, reads_body=body is not None)),
    }
    if address.startswith("/v1/admin"):
        operation["security"] = [{"operator": []}]
    elif address.startswith("/v1/"):
        operation["security"] = [{}, {"voter": []}]


def _successes(method: str, address: str, known: Json, answer: str | None) -> Json:
    """The framework's own form of errors, which never leaves this service, is left out."""
    told = {status: response for status, response in known.items() if status.startswith("2")}
    if (method, address) in _ALSO:
        status, description = _ALSO[method, address]
        told[status] = {"description": description}
    for status, response in told.items():
        if (method, address) in _LINE_BY_LINE:
            response["content"] = _content("application/x-ndjson", _LINE_BY_LINE[method, address][1])
        elif address in _FILES:
            response["content"] = {form: {"schema": {"type": "string"}} for form in _FILES[address]}
        elif status == "202":
            response["content"] = _content("application/json", "Progress")
        elif answer is not None and status != "304":
            response["content"] = _content("application/json", answer)
    return told


def _tell_chains(document: Json) -> None:
    """Beside each answer the requests that can be made of it (OpenAPI links)."""
    ids = {
        (method, address): operation["operationId"]
        for address, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    for (method, address), links in links_of(ids).items():
        for status, response in document["paths"][address][method]["responses"].items():
            if status.startswith("2"):
                response["links"] = links


def _content(media_type: str, schema: str) -> Json:
    return {media_type: {"schema": {"$ref": REF.format(name=schema)}}}
