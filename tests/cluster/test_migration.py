"""Migration in a cluster, where some keys change their slot and so their server."""

from __future__ import annotations

import json
import secrets
from typing import Any

from pollwire_server.store import open_store
from pollwire_server.store.migration import plan
from pollwire_server.store.transport.url import servers_from_url

from tests.cluster.clusters import Cluster
from tests.store.ballot_helpers import tally_of
from tests.store.test_migration import FIXTURE, raw


async def restore(servers: Any, namespace: str) -> None:
    """Write all keys of the fixture into the namespace."""
    for line in FIXTURE.read_text().splitlines():
        entry: dict[str, Any] = json.loads(line)
        key, value = raw(entry["key"].replace("pw:", f"{namespace}:", 1)), entry["value"]
        match entry["type"]:
            case "string":
                await servers.command("SET", key, raw(value))
            case "hash":
                await servers.command("HSET", key, *(raw(part) for pair in value for part in pair))
            case "zset":
                words = (raw(part) for member, score in value for part in (score, member))
                await servers.command("ZADD", key, *words)
            case "list":
                await servers.command("RPUSH", key, *map(raw, value))
            case "stream":
                for stream_id, fields in value:
                    words = (raw(part) for pair in fields for part in pair)
                    await servers.command("XADD", key, raw(stream_id), *words)


async def old_names(servers: Any, namespace: str) -> set[str]:
    """Return the keys of the namespace that a migration would rename."""
    found: set[str] = set()
    for master in await servers.masters():
        names = await master.command("KEYS", f"{namespace}:*")
        steps = (plan(namespace, name.decode("latin-1")) for name in names)
        found |= {step.old for step in steps if step is not None and step.old != step.new}
    return found


async def test_migration_moves_keys_between_slots(cluster: Cluster) -> None:
    namespace = f"c{secrets.token_hex(4)}"
    servers = servers_from_url(cluster.url)
    await restore(servers, namespace)
    assert len(await old_names(servers, namespace)) > 10
    store = await open_store(cluster.url, namespace)
    assert await old_names(servers, namespace) == set()
    assert (await tally_of(store, await store.polls.get("lunch"))).counts == {"A": 2, "B": 1}
    assert len((await store.series.rows("cup", after=0, limit=9))[0]) == 6
    assert len((await store.polls.list())[0]) == 10
    assert set(await store.webhooks.read_fresh(0)) == {"active000001", "silent000001"}
    assert (await store.delivery_queue.state("silent000001")).disabled_reason == "answered 500"
    (issuer,) = (await store.issuers.read_fresh(0)).values()
    assert json.loads(issuer)["voters_key"] == (await store.voters_key()).hex()
    await store.close()
    await servers.aclose()
