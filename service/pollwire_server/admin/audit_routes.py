"""Route for the audit log of the service."""

from __future__ import annotations

from typing import Final

from litestar import get
from litestar.handlers import HTTPRouteHandler

from pollwire_server.admin.pagination import Page, limit_of
from pollwire_server.admin.requests import AnyRequest, query_of, require_operator
from pollwire_server.admin.responses import Encoded, json_response
from pollwire_server.auth.api_keys import ApiKeyAuthenticator, Scope
from pollwire_server.domain.service_audit import ServiceAuditEntry
from pollwire_server.store.service_audit_log import ServiceAuditLog

AUDIT_PATH: Final = "/v1/admin/audit"


class ServiceAuditPage(Page[ServiceAuditEntry], frozen=True):
    """One page of the audit log of the service, newest first."""


def handlers(audit_log: ServiceAuditLog, keys: ApiKeyAuthenticator) -> list[HTTPRouteHandler]:
    """Return the route handler that reads the audit log."""

    @get(AUDIT_PATH, summary="Read the audit log of the service, newest first")
    async def read_service_audit(request: AnyRequest) -> Encoded:
        require_operator(keys, request, Scope.AUDIT_READ)
        query = query_of(request, ("limit", "cursor"))
        entries, cursor = await audit_log.entries(
            cursor=query.get("cursor"), limit=limit_of(query.get("limit"))
        )
        return json_response(ServiceAuditPage(entries, cursor))

    return [read_service_audit]
