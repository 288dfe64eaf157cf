"""The audit log of the service on the command line."""

from __future__ import annotations

import msgspec
from pollwire_server.domain.service_audit import ServiceAuditEntry, canonical, hash_of
from pollwire_server.store.keys import service_audit_key

from tests.api.conftest import Service
from tests.cli.conftest import Pollwire


async def test_verify_finds_changed_and_removed_entries(pollwire: Pollwire, service: Service) -> None:
    """Check the chain, and that an entry edited in the store is found even if its own hash is correct."""
    for name in ("one", "two é", "three"):
        await pollwire("keys", "create", name, "--scope", "polls:read")
    listed = (await pollwire("audit", "list", "--json")).json["items"]
    assert [entry["detail"]["name"] for entry in listed] == ["three", "two é", "one"]
    verified = await pollwire("audit", "verify", "--trusted", listed[1]["hash"])
    assert (verified.exit_code, "Entries 1 to 3 are unchanged" in verified.out) == (0, True)
    unknown = await pollwire("audit", "verify", "--trusted", "0" * 64)
    assert (unknown.exit_code, "No entry has the hash" in unknown.err) == (1, True)

    store, key = service.store.connection, service_audit_key(service.settings.namespace)
    newest = msgspec.convert(listed[0], ServiceAuditEntry)
    second = msgspec.convert(listed[1] | {"detail": {"name": "other"}}, ServiceAuditEntry)
    forged = msgspec.structs.replace(second, hash=hash_of(second))
    await store.command("DEL", key)
    for entry in (forged, newest):
        fields = ("entry", canonical(entry), "hash", entry.hash)
        await store.command("XADD", key, f"{entry.n}-0", *fields)
    broken = await pollwire("audit", "verify")
    assert (broken.exit_code, "Entry 3 does not follow entry 2" in broken.err) == (1, True)
    await store.command("DEL", key)
    await store.command("XADD", key, "3-0", "entry", canonical(second), "hash", newest.hash)
    changed = await pollwire("audit", "verify")
    assert (changed.exit_code, "was changed" in changed.err) == (1, True)
