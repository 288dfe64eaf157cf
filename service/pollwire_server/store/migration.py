"""Migration of data that an earlier version wrote under other key and field names.

How. The key ``<namespace>:schema`` holds the version of the names. Whenever the
connection opens, it compares that key with ``SCHEMA_VERSION``. If the key is
missing or older, one worker takes a lease and scans all masters for old names.
Calls are refused until the migration is complete, so no request sees half of it.

Safety. ``functions/migrate_key.lua`` renames a key and its fields in one step and
never overwrites a new name, so steps can be repeated after an interruption. In a
cluster, a key whose slot changes is copied first and then removed; the copy never
overwrites either. The scan is repeated until it finds nothing, because a slot may
move between masters during a scan. The version is written last.

Limits. Workers of the earlier version must be stopped first: they know only the
old names. There is no way back, except to restore a backup.

Alternatives. Reading both names everywhere would keep the old names in the code
and cost the hot path a second lookup.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, NamedTuple

from redis.crc import key_slot
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from pollwire_server.store.keys import migration_lease_key, schema_key
from pollwire_server.store.transport.function_library import FunctionLibrary, UnsupportedStore
from pollwire_server.store.transport.single_server import SingleServer, StoreServers
from pollwire_server.store.transport.store_errors import StoreErrorKind, error_code, kind_of

_log = logging.getLogger("pollwire.store")

SCHEMA_VERSION: Final = 2
"""Version of the key and field names. Version 1 had no marker."""

LEASE_MS: Final = 10_000
"""Far longer than one page takes; the lease is extended before every page."""
PAGE_SIZE: Final = 500
"""Keys that one SCAN looks at. Every page is one round trip of function calls per master."""

_NAMESPACE_KEYS: Final = {"polls": "poll_index", "dues": "schedule", "voters-key": "issuer_voter_key"}
"""Keys with a fixed name. The lease ``relay`` is left out: it expires by itself."""
_NAMESPACE_PREFIXES: Final = {
    "allowances:": "rate_limits:",
    "spent:": "used_once:",
    "{roster:": "{registry:",
}
_POLL_PARTS: Final = {
    "aside": "recount_saved",
    "allowances": "rate_limits",
    "met": "scored_voters",
    "home": "location",
}
_POLL_FIELDS: Final = ("birth", "incarnation", "acted", "last_action", "told", "announced_phase")
_LOCATION_FIELDS: Final = ("birth", "incarnation", "left", "released")
_SERIES_FIELDS: Final = ("living", "active_polls")
_WEBHOOK_FIELDS: Final = ("given_up_at", "disabled_at", "given_up_for", "disabled_reason")


class KeyMigration(NamedTuple):
    """One key that has an old name or may have old fields."""

    old: str
    new: str
    fields: tuple[str, ...] = ()
    """Old field, new field, ..."""


class MigrationInProgress(RedisConnectionError):
    """Another worker migrates the data. The connection counts as down until it is done."""


def plan(namespace: str, key: str) -> KeyMigration | None:
    """Return the migration of the key. Return None if neither its name nor its fields ever changed."""
    prefix = f"{namespace}:"
    if not key.startswith(prefix):
        return None
    name = key.removeprefix(prefix)
    if name in _NAMESPACE_KEYS:
        return KeyMigration(key, prefix + _NAMESPACE_KEYS[name])
    for old, new in _NAMESPACE_PREFIXES.items():
        if name.startswith(old):
            return KeyMigration(key, prefix + new + name.removeprefix(old))
    slot, _, part = key.rpartition(":")
    if name.startswith("{webhook:"):
        return _webhook_plan(slot, part)
    if name.startswith(("{p:", "{s:")):
        return _poll_plan(slot, part, in_series=name.startswith("{s:"))
    return None


def _webhook_plan(slot: str, part: str) -> KeyMigration | None:
    if part == "strands":
        return KeyMigration(f"{slot}:strands", f"{slot}:queues")
    return KeyMigration(f"{slot}:state", f"{slot}:state", _WEBHOOK_FIELDS) if part == "state" else None


def _poll_plan(slot: str, part: str, *, in_series: bool) -> KeyMigration | None:
    key = f"{slot}:{part}"
    if part == "poll":
        return KeyMigration(key, key, _POLL_FIELDS)
    if part == "series" and in_series:
        return KeyMigration(key, key, _SERIES_FIELDS)
    if part in ("home", "location"):
        return KeyMigration(key, f"{slot}:location", _LOCATION_FIELDS)
    return KeyMigration(key, f"{slot}:{_POLL_PARTS[part]}") if part in _POLL_PARTS else None


class Migration:
    """The migration of one namespace. ``run`` brings the store to ``SCHEMA_VERSION``."""

    def __init__(self, servers: StoreServers, library: FunctionLibrary, namespace: str) -> None:
        self._servers = servers
        self._function = library.name_of("migrate_key")
        self._namespace = namespace
        self._schema = schema_key(namespace)
        self._lease = migration_lease_key(namespace)
        self._token = secrets.token_hex(8).encode()

    async def run(self) -> None:
        """Migrate the data unless it has the current version.

        Raises ``MigrationInProgress`` while another worker does so, ``UnsupportedStore`` if the data is newer
        than this version or the server refuses a command, and redis' errors.
        """
        if await self._is_current():
            return
        try:
            await self._extend_lease()
            if await self._is_current():  # the worker that held the lease before has finished
                return
            migrated = 0
            while changes := await self._migrate_all():
                migrated += changes
            await self._servers.command("SET", self._schema, SCHEMA_VERSION)
            await self._servers.command("DEL", self._lease)
        except ResponseError as error:
            if kind_of(error) is StoreErrorKind.REJECTED:
                raise UnsupportedStore(f"The store refuses the migration of its data: {error}") from error
            raise
        if migrated:
            _log.info(
                "Store data migrated: namespace %s, schema version %d, %d keys and fields renamed",
                self._namespace,
                SCHEMA_VERSION,
                migrated,
            )

    async def _is_current(self) -> bool:
        found = await self._servers.command("GET", self._schema)
        version = 0 if found is None else int(found)
        if version > SCHEMA_VERSION:
            raise UnsupportedStore(
                f"The store's data has schema version {version}, this release knows {SCHEMA_VERSION};"
                " install the newer release."
            )
        return version == SCHEMA_VERSION

    async def _extend_lease(self) -> None:
        if await self._servers.command("SET", self._lease, self._token, "NX", "PX", LEASE_MS):
            return
        if await self._servers.command("GET", self._lease) != self._token:
            raise MigrationInProgress("another worker migrates the store's data")
        await self._servers.command("PEXPIRE", self._lease, LEASE_MS)

    async def _migrate_all(self) -> int:
        """Scan every master once. Return the number of changes."""
        changes = 0
        for master in await self._servers.masters():
            async for keys in self._pages(master):
                await self._extend_lease()
                found = [step for key in keys if (step := plan(self._namespace, key)) is not None]
                changes += await self._migrate(found)
        return changes

    async def _pages(self, master: SingleServer) -> AsyncIterator[list[str]]:
        pattern, cursor = f"{_escaped(self._namespace)}:*", 0
        while True:
            words = ("SCAN", cursor, "MATCH", pattern, "COUNT", PAGE_SIZE)
            (reply,) = await master.send([words])
            if isinstance(reply, Exception):
                raise reply
            cursor = int(reply[0])
            yield [key.decode("utf-8", "surrogateescape") for key in reply[1]]
            if cursor == 0:
                return

    async def _migrate(self, steps: Sequence[KeyMigration]) -> int:
        here = [step for step in steps if not self._changes_slot(step)]
        changes = 0
        for step in steps:
            if self._changes_slot(step):
                changes += await self._copy(_bytes(step.old), _bytes(step.new))
        if not here:
            return changes
        replies = await self._servers.send(
            [("FCALL", self._function, 2, _bytes(step.old), _bytes(step.new), *step.fields) for step in here]
        )
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
            changes += reply[1]
        return changes

    def _changes_slot(self, step: KeyMigration) -> bool:
        return self._servers.is_cluster and key_slot(_bytes(step.old)) != key_slot(_bytes(step.new))

    async def _copy(self, old: bytes, new: bytes) -> int:
        """Copy a key to another slot, then remove it.

        A new key that exists is the copy of a run that was cut off before it removed the old one.
        """
        payload: Any = await self._servers.command("DUMP", old)
        expires_ms = await self._servers.command("PTTL", old)
        if payload is None or expires_ms == _NO_SUCH_KEY:
            return 0
        try:
            await self._servers.command("RESTORE", new, max(expires_ms, 0), payload)
        except ResponseError as error:
            if error_code(error) != "BUSYKEY":
                raise
        await self._servers.command("UNLINK", old)
        return 1


_NO_SUCH_KEY: Final = -2
"""PTTL's reply for a key that does not exist."""


def _escaped(text: str) -> str:
    """Return the text as a pattern of SCAN that matches only itself."""
    return "".join(f"\\{letter}" if letter in "*?[]\\^" else letter for letter in text)


def _bytes(key: str) -> bytes:
    return key.encode("utf-8", "surrogateescape")
