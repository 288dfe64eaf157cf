"""Sentinels with credentials of their own, and URLs of the wrong kind of server."""

from __future__ import annotations

import pytest
from pollwire_server.store import open_store
from pollwire_server.store.transport.function_library import UnsupportedStore

from tests.cluster.clusters import Cluster
from tests.cluster.nodes import Node, running, until_true
from tests.cluster.sentinel_setup import SERVICE, Sentinel


@pytest.mark.parametrize("login", ["password", "user"])
async def test_sentinels_with_a_login_need_sentinel_options(login: str) -> None:
    with running(Node) as master, running(lambda folder: Sentinel(folder, master)) as sentinel:
        user = "default" if login == "password" else "watch"
        rules = ("on", "resetpass", ">s3cret", "allchannels", "+@all")
        sentinel.command("ACL", "SETUSER", user, *rules)
        if user != "default":
            sentinel.command("ACL", "SETUSER", "default", "off")
        base = f"redis+sentinel://{sentinel.address}/{SERVICE}"
        options = "sentinel_password=s3cret" + ("" if user == "default" else f"&sentinel_username={user}")
        for wrong in (base, f"{base}?sentinel_password=wr0ng"):
            with pytest.raises(UnsupportedStore, match="Add sentinel_password") as refused:
                await open_store(wrong)
            assert "wr0ng" not in str(refused.value)
        store = await open_store(f"{base}?{options}")
        assert store.connection.is_up
        await store.close()


async def test_wrong_kind_of_url_names_the_right_one(cluster: Cluster) -> None:
    with pytest.raises(UnsupportedStore, match=r"use redis\+cluster://"):
        await open_store(f"redis://{cluster.members[0].address}")
    with running(Node) as master, running(lambda folder: Sentinel(folder, master)) as sentinel:
        until_true(lambda: bool(sentinel.command("PING")))
        with pytest.raises(UnsupportedStore, match=r"use redis\+sentinel://"):
            await open_store(f"redis://{sentinel.address}")
        with pytest.raises(UnsupportedStore, match="is not a Sentinel; use redis://"):
            await open_store(f"redis+sentinel://{master.address}/{SERVICE}")
        with pytest.raises(UnsupportedStore, match="is not a cluster; use redis://"):
            await open_store(f"redis+cluster://{master.address}")
