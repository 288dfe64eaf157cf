"""Polls in a cluster of three masters behave as on one server."""

from __future__ import annotations

import asyncio
import contextlib
import json

from pollwire_server.store import Store
from pollwire_server.store.results.reader import PollReading
from pollwire_server.store.transport.notifications import ChangeNotification
from pollwire_server.store.votes.ballots import BallotInput, BallotStatus, CastReply
from redis.crc import key_slot

from tests.api.conftest import Service
from tests.api.streams import live, socket_at
from tests.cluster.clusters import Cluster
from tests.factories import a_voter
from tests.store.ballot_helpers import made, tally_of
from tests.store.prediction_helpers import a_prediction, closed, picked, resolved, scores_in
from tests.wait import until

POLLS = 60
"""Number of polls at which each master has at least one, with a probability of failure of 1e-10."""


async def test_one_call_casts_votes_on_all_masters(cluster: Cluster, clustered: Store) -> None:
    records = [await made(clustered) for _ in range(POLLS)]
    assert {cluster.owner_of(key_slot(record.keys[0])) for record in records} == set(cluster.members)
    casts = [BallotInput(a_voter(), "AB"[place % 2]) for place in range(10)]
    for status in (BallotStatus.COUNTED, BallotStatus.UNCHANGED):
        for reply in await clustered.ballots.cast_many([(record, casts) for record in records]):
            assert isinstance(reply, CastReply)
            assert [outcome.status for outcome in reply.outcomes or ()] == [status] * len(casts)
    readings = await clustered.results.read_many([record.poll.id for record in records])
    for reading in readings.values():
        assert isinstance(reading, PollReading)
        assert (reading.tally.voters, reading.tally.counts["A"], reading.tally.counts["B"]) == (10, 5, 5)
    states = await clustered.results.positions(readings)
    assert {state and state.seq for state in states.values()} == {10}


async def test_series_is_scored_on_one_master(clustered: Store) -> None:
    ama, kofi = a_voter(), a_voter()
    matches = [await a_prediction(clustered) for _ in range(3)]
    for match in matches:
        await picked(clustered, match, (ama, "A"), (kofi, "B"))
    await resolved(clustered, await closed(clustered, matches[0]), "home")
    await resolved(clustered, await closed(clustered, matches[1]), "home")
    await resolved(clustered, await closed(clustered, matches[2]), "away")
    assert await scores_in(clustered) == {ama: (2, 3), kofi: (1, 3)}
    board = await clustered.series.rows("cup", after=0, limit=1)
    assert (board[0][0].voter, board[1]) == (ama, 2)


async def test_library_lost_by_one_master_is_reloaded(cluster: Cluster, clustered: Store) -> None:
    records = [await made(clustered) for _ in range(POLLS)]
    cluster.members[1].command("FUNCTION FLUSH")
    voter = a_voter()
    replies = await clustered.ballots.cast_many([(record, [BallotInput(voter, "A")]) for record in records])
    assert all(isinstance(reply, CastReply) for reply in replies)
    assert [(await tally_of(clustered, record)).voters for record in records] == [1] * POLLS


async def test_one_subscription_receives_changes_of_all_masters(clustered: Store) -> None:
    records = [await made(clustered) for _ in range(POLLS)]
    changed_polls: set[str] = set()

    def on_change(notice: ChangeNotification) -> None:
        changed_polls.add(notice.poll_id)

    clustered.notifications.on_change(on_change)
    listening = asyncio.create_task(clustered.notifications.run())
    try:
        await clustered.notifications.subscribed()
        await clustered.ballots.cast_many([(record, [BallotInput(a_voter(), "A")]) for record in records])
        await until(lambda: changed_polls == {record.poll.id for record in records})
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def test_http_vote_on_cluster_reaches_socket(service: Service) -> None:
    polls = [await service.create_poll() for _ in range(8)]
    async with contextlib.AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(socket_at(service, live(poll))) for poll in polls]
        for poll, socket in zip(polls, sockets, strict=True):
            await socket.until(lambda frame: frame["type"] == "results")
            vote = await service.vote(poll["id"], "rice", await service.voter())
            assert vote.status_code == 200, vote.text
            seq = vote.json()["seq"]
            frame = await socket.until(lambda frame: frame.get("seq", 0) >= seq)  # noqa: B023  # within this turn
            assert frame["counts"] == {"rice": 1, "yam": 0}


async def test_admin_api_covers_polls_of_all_masters(service: Service) -> None:
    poll_ids = [(await service.create_poll())["id"] for _ in range(12)]
    for poll in poll_ids:
        for choice in ("rice", "rice", "yam"):
            assert (await service.vote(poll, choice, await service.voter())).status_code == 200
    listed = (await service.admin.get("/v1/admin/polls", params={"limit": 50})).json()["items"]
    assert {poll["id"] for poll in listed} == set(poll_ids)
    for poll in poll_ids:
        recounted = (await service.admin.post(f"/v1/admin/polls/{poll}/recount")).json()
        assert recounted["matches"], recounted
        export = await service.admin.get(f"/v1/admin/polls/{poll}/export", params={"format": "ndjson"})
        rows = [json.loads(line)["choice"] for line in export.text.splitlines()]
        assert sorted(rows) == ["rice", "rice", "yam"]
    ready = await service.http.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "degraded": False})
