"""The OpenAPI document: what the framework knows of the routes, and what we know of bodies and errors."""

from __future__ import annotations

from typing import Final

from litestar import Litestar

from service.app.reference.schemas import REF, Json, schemas
from service.problems import CONTENT_TYPE

TITLE: Final = "Pollwire"
DESCRIPTION: Final = (
    "Polls and predictions with live results. Voters send `Authorization: Bearer` with a token of"
    " `POST /v1/voters`, operators with their API key. Live results come over WebSocket"
    " (`/v1/polls/{id}/live`, `/v1/live`) and as server-sent events."
)

_ADMIN: Final = "/v1/admin/polls"
_POLL: Final = f"{_ADMIN}/{{poll_id}}"

_MEANING: Final[dict[tuple[str, str], tuple[str | None, str | None]]] = {
    # (method, address): (the body's schema, the answer's schema)
    ("post", _ADMIN): ("PollDraft", "Poll"),
    ("get", _ADMIN): (None, "Polls"),
    ("get", _POLL): (None, "Poll"),
    ("patch", _POLL): ("PollPatch", "Poll"),
    ("delete", _POLL): ("Confirmation", None),
    ("post", f"{_POLL}/open"): (None, "Poll"),
    ("post", f"{_POLL}/close"): (None, "Poll"),
    ("post", f"{_POLL}/reopen"): ("Reopening", "Poll"),
    ("post", f"{_POLL}/publish"): (None, "Poll"),
    ("post", f"{_POLL}/cancel"): (None, "Poll"),
    ("post", f"{_POLL}/archive"): (None, "Poll"),
    ("post", f"{_POLL}/reset"): ("Confirmation", "Poll"),
    ("get", f"{_POLL}/audit"): (None, "Audit"),
    ("post", f"{_POLL}/recount"): (None, "Recount"),
    ("get", f"{_POLL}/results"): (None, "Results"),
    ("post", "/v1/voters"): ("Voter", "Token"),
    ("post", "/v1/tickets"): (None, "Ticket"),
    ("get", "/v1/polls/{poll_id}"): (None, "Poll"),
    ("get", "/v1/polls/{poll_id}/results"): (None, "Results"),
    ("post", "/v1/polls/{poll_id}/votes"): ("Vote", "Counted"),
    ("get", "/v1/polls/{poll_id}/votes/mine"): (None, "Counted"),
    ("delete", "/v1/polls/{poll_id}/votes/mine"): (None, "Counted"),
    ("post", "/v1/polls/{poll_id}/receipts"): ("Receipt", "ReceiptAnswer"),
}


_POLLS_NAMED: Final[dict[tuple[str, str], str]] = {
    ("post", "/v1/voters"): "For a page whose site this poll alone allows.",
    ("post", "/v1/tickets"): "For a page whose site this poll alone allows.",
    ("get", "/v1/events"): "What to watch; may be given up to 100 times.",
}
"""Where ``?poll=`` is read, and what for."""


def document_of(app: Litestar) -> Json:
    """The whole document, as ``/openapi.json`` serves it."""
    document: Json = app.openapi_schema.to_schema()
    components = document.setdefault("components", {})
    components["schemas"] = {**components.get("schemas", {}), **schemas()}
    components["securitySchemes"] = {
        "voter": {"type": "http", "scheme": "bearer", "description": "A token of POST /v1/voters."},
        "operator": {"type": "http", "scheme": "bearer", "description": "An operator's API key."},
    }
    for address, operations in document["paths"].items():
        for method, operation in operations.items():
            _tell_meaning(method, address, operation)
    return document


def _tell_meaning(method: str, address: str, operation: Json) -> None:
    body, answer = _MEANING.get((method, address), (None, None))
    if body is not None:
        operation["requestBody"] = {"content": _content("application/json", body)}
    if (method, address) in _POLLS_NAMED:
        named = {"name": "poll", "in": "query", "schema": {"type": "string"}}
        operation["parameters"] = [named | {"description": _POLLS_NAMED[method, address]}]
    responses = operation.setdefault("responses", {})
    if answer is not None:
        for status, response in responses.items():
            if status.startswith("2"):
                response["content"] = _content("application/json", answer)
    responses.pop("400", None)  # the framework's own form of errors, which never leaves this service
    responses["default"] = {"description": "Refused", "content": _content(CONTENT_TYPE, "Problem")}
    if address.startswith("/v1/admin"):
        operation["security"] = [{"operator": []}]


def _content(media_type: str, schema: str) -> Json:
    return {media_type: {"schema": {"$ref": REF.format(name=schema)}}}
