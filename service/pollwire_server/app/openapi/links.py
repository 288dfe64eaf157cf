"""OpenAPI links: the requests that can follow a response, such as all routes of a created poll."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pollwire_server.app.openapi.schemas import Json

Route = tuple[str, str]
"""Method and path."""

_ID: Final = "$response.body#/id"
_PATH_NAMES: Final[dict[Route, str]] = {
    ("post", "/v1/admin/polls"): "poll_id",
    ("post", "/v1/admin/keys"): "key_id",
    ("post", "/v1/admin/issuers"): "issuer_id",
    ("post", "/v1/admin/webhooks"): "webhook_id",
}
"""Routes that create a resource, and the name of its id in other paths."""

_IRREVOCABLE: Final = (("delete", "/v1/admin/polls/{poll_id}"), ("post", "/v1/admin/polls/{poll_id}/reset"))
_VOTES: Final[Route] = ("post", "/v1/polls/{poll_id}/votes")
_RECEIPTS: Final[Route] = ("post", "/v1/polls/{poll_id}/receipts")


def links_of(ids: Mapping[Route, str]) -> dict[Route, Json]:
    """Return the links by route. ``ids`` has the operation id of every route."""
    links = {maker: _about(name, ids) for maker, name in _PATH_NAMES.items() if maker in ids}
    shown = {"receipt": "$response.body#/receipt"}
    path = {"poll_id": "$request.path.poll_id"}
    links[_VOTES] = {
        "checkReceipt": {"operationId": ids[_RECEIPTS], "parameters": path, "requestBody": shown}
    }
    return links


def _about(name: str, ids: Mapping[Route, str]) -> Json:
    """Return links to all routes with this id in their path."""
    return {
        operation: {"operationId": operation, "parameters": {name: _ID}, **_confirmed(route)}
        for route, operation in ids.items()
        if f"{{{name}}}" in route[1]
    }


def _confirmed(route: Route) -> Json:
    """Return the body that confirms an irreversible action with the poll's id, empty for other routes."""
    return {"requestBody": {"confirm": _ID}} if route in _IRREVOCABLE else {}
