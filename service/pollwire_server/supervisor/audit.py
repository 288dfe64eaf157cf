"""Entry of the audit log for a start of the service, with its settings."""

from __future__ import annotations

from pollwire_server.admin.audit_trail import AuditTrail
from pollwire_server.domain.service_audit import AuditAct
from pollwire_server.settings import SECRET_FIELDS, Settings
from pollwire_server.store import Store


async def record_start(store: Store, settings: Settings) -> None:
    """Record the start with every setting that differs from its default. Secrets are ``***``."""
    defaults = Settings()
    changed = {
        name: "***" if name in SECRET_FIELDS else str(value)
        for name in settings.__struct_fields__
        if (value := getattr(settings, name)) != getattr(defaults, name)
    }
    await AuditTrail(store, b"").record(AuditAct.SERVICE_STARTED, None, settings=changed)
