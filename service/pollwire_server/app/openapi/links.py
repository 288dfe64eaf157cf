"""What can be asked for with an answer in hand: OpenAPI links, from a poll made to everything about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pollwire_server.app.openapi.schemas import Json

Route = tuple[str, str]
"""Method and address."""

_ID: Final = "$response.body#/id"
_PATH_NAMES: Final[dict[Route, str]] = {
    ("post", "/v1/admin/polls"): "poll_id",
    ("post", "/v1/admin/keys"): "key_id",
    ("post", "/v1/admin/issuers"): "issuer_id",
    ("post", "/v1/admin/webhooks"): "webhook_id",
}
"""What makes a thing, and the name by which other addresses have its id."""

_IRREVOCABLE: Final = (("delete", "/v1/admin/polls/{poll_id}"), ("post", "/v1/admin/polls/{poll_id}/reset"))
_VOTES: Final[Route] = ("post", "/v1/polls/{poll_id}/votes")
_RECEIPTS: Final[Route] = ("post", "/v1/polls/{poll_id}/receipts")


def links_of(ids: Mapping[Route, str]) -> dict[Route, Json]:
    """The links of each route that has any; ``ids``: every route's operation id."""
    links = {maker: _about(name, ids) for maker, name in _PATH_NAMES.items() if maker in ids}
    shown = {"receipt": "$response.body#/receipt"}
    path = {"poll_id": "$request.path.poll_id"}
    links[_VOTES] = {
        "checkReceipt": {"operationId": ids[_RECEIPTS], "parameters": path, "requestBody": shown}
    }
    return links


def _about(name: str, ids: Mapping[Route, str]) -> Json:
    """A link to every address that has the id in it."""
    return {
        operation: {"operationId": operation, "parameters": {name: _ID}, **_confirmed(route)}
        for route, operation in ids.items()
        if f"{{{name}}}" in route[1]
    }


def _confirmed(route: Route) -> Json:
    """What cannot be undone wants the poll's id once more."""
    return {"requestBody": {"confirm": _ID}} if route in _IRREVOCABLE else {}
