"""Single-poll WebSocket."""

from __future__ import annotations

import asyncio
import itertools
import json
from datetime import datetime, timedelta
from time import perf_counter

import pytest
from websockets.exceptions import InvalidStatus

from tests.api.conftest import Serve, Service
from tests.api.streams import live, results, socket_at, soon, ticket_of, without_timestamp


async def test_first_frame_equals_fresh_read(service: Service) -> None:
    poll = await service.create_poll()
    await service.vote(poll["id"], "yam", await service.voter())
    async with socket_at(service, live(poll)) as socket:
        first = await socket.results()
        assert without_timestamp(first) == without_timestamp(await results(service, poll))


async def test_first_vote_after_quiet_is_delivered_at_once(service: Service) -> None:
    poll = await service.create_poll()
    async with socket_at(service, live(poll)) as socket:
        await socket.results()
        started_at = perf_counter()
        await service.vote(poll["id"], "rice", await service.voter())
        assert (await socket.results())["counts"] == {"rice": 1, "yam": 0}
        assert perf_counter() - started_at < 0.09


async def test_burst_keeps_stream_rate_and_ends_with_current_results(serve: Serve) -> None:
    async with serve(stream_hz=10) as service:
        poll = await service.create_poll(identity="open")
        async with socket_at(service, live(poll)) as socket:
            await socket.results()
            times: list[float] = []

            async def keep_voting() -> None:
                until = perf_counter() + 0.6
                while perf_counter() < until:
                    await service.vote(poll["id"], "rice")

            voting = asyncio.create_task(keep_voting())
            while not voting.done():
                await socket.results()
                times.append(perf_counter())
            current = await results(service, poll)
            if socket.messages[-1]["seq"] < current["seq"]:
                await socket.until(lambda message: message["seq"] == current["seq"])
        assert without_timestamp(socket.messages[-1]) == without_timestamp(current)
        seqs = [message["seq"] for message in socket.messages]
        assert seqs == sorted(seqs)
        assert current["seq"] > len(socket.messages)
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert sum(gaps) / len(gaps) > 0.095


async def test_closing_by_clock_is_sent_within_300_ms(service: Service) -> None:
    poll = await service.create_poll(closes_at=soon(0.4))
    async with socket_at(service, live(poll)) as socket:
        assert (await socket.results())["final"] is False
        last = await socket.results()
        assert (last["phase"], last["final"]) == ("closed", True)
        assert last["as_of"] < _later(poll["closes_at"], ms=300)


async def test_opening_by_clock_is_sent(service: Service) -> None:
    poll = await service.create_poll(opens_at=soon(0.4))
    async with socket_at(service, live(poll)) as socket:
        assert (await socket.results())["phase"] == "scheduled"
        assert (await socket.results())["phase"] == "open"


async def test_close_and_reopen_are_sent(service: Service) -> None:
    poll = await service.create_poll()
    async with socket_at(service, live(poll)) as socket:
        await socket.results()
        await service.act(poll["id"], "close")
        assert (await socket.results())["final"] is True
        await service.act(poll["id"], "reopen")
        assert (await socket.results())["phase"] == "open"


async def test_reconnect_never_gets_older_results(service: Service) -> None:
    poll = await service.create_poll(identity="open")
    for _ in range(15):
        vote = await service.vote(poll["id"], "rice")
        async with socket_at(service, live(poll)) as socket:
            assert (await socket.results())["seq"] >= vote.json()["seq"]


async def test_deleted_poll_closes_socket_with_4404(service: Service) -> None:
    poll = await service.create_poll()
    async with socket_at(service, live(poll)) as socket:
        await socket.results()
        await service.admin.request("DELETE", f"/v1/admin/polls/{poll['id']}", json={"confirm": poll["id"]})
        message = await socket.next()
        assert (message["type"], message["problem"], message["status"], message["poll"]) == (
            "problem",
            "/problems/poll-not-found",
            404,
            poll["id"],
        )
        assert await socket.close_code() == 4404


@pytest.mark.parametrize(
    ("message", "slug"),
    [
        ("not json", "malformed-body"),
        ("[]", "malformed-body"),
        ("{}", "malformed-body"),
        ('{"watch": ["a"]}', "malformed-body"),
        ('{"unwatch": []}', "malformed-body"),
        ('{"vote": "rice"}', "malformed-body"),
        ('{"ticket": 7}', "malformed-body"),
        ('{"ticket": "forged"}', "voter-token-invalid"),
        (b"\x00\x01", "malformed-body"),
    ],
)
async def test_invalid_message_gets_problem_and_socket_stays_open(
    service: Service, message: str | bytes, slug: str
) -> None:
    poll = await service.create_poll()
    async with socket_at(service, live(poll)) as socket:
        await socket.results()
        await socket.connection.send(message)
        reply = await socket.next()
        assert (reply["type"], reply["problem"]) == ("problem", f"/problems/{slug}")
        assert reply["status"] in (400, 401)
        assert reply["detail"]
        await service.vote(poll["id"], "rice", await service.voter())
        assert (await socket.results())["voters"] == 1


async def test_message_over_16_kib_closes_with_1009(service: Service) -> None:
    poll = await service.create_poll()
    async with socket_at(service, live(poll)) as socket:
        await socket.results()
        await socket.connection.send(json.dumps({"ticket": "x" * 17_000}))
        assert await socket.close_code() == 1009


async def test_rejected_handshake_has_problem_document(serve: Serve) -> None:
    async with serve(allowed_origins=("https://news.example",)) as service:
        poll = await service.create_poll()
        hidden = await service.create_poll(visible_at="2999-01-01T00:00:00Z")
        for path, origin, status, slug in (
            ("/v1/polls/nowhere/live", None, 404, "poll-not-found"),
            (live(hidden), None, 404, "poll-not-found"),
            ("/v1/elsewhere", None, 404, "not-found"),
            (f"/v1/polls/{poll['id']}", None, 404, "not-found"),
            (live(poll), "https://other.example", 403, "origin-not-allowed"),
            (live(poll), "null", 403, "origin-not-allowed"),
            ("/v1/live", "https://other.example", 403, "origin-not-allowed"),
        ):
            with pytest.raises(InvalidStatus) as rejection:
                async with socket_at(service, path, origin=origin):
                    pass
            response = rejection.value.response
            assert (response.status_code, json.loads(response.body or b"")["type"]) == (
                status,
                f"/problems/{slug}",
            ), path
            assert response.headers["content-type"] == "application/problem+json"
        for origin in (None, "https://news.example", service.url):
            async with socket_at(service, live(poll), origin=origin) as socket:
                await socket.results()


async def test_ticket_after_withdrawal_hides_totals(service: Service) -> None:
    poll = await service.create_poll(results="after_vote", revote="withdraw")
    token = await service.voter()
    mine = {"Authorization": f"Bearer {token}"}
    await service.vote(poll["id"], "rice", token)
    async with socket_at(service, live(poll, await ticket_of(service, token))) as socket:
        assert (await socket.results())["voters"] == 1
        assert (
            await service.http.delete(f"/v1/polls/{poll['id']}/votes/mine", headers=mine)
        ).status_code == 200
        assert (await service.http.get(f"/v1/polls/{poll['id']}/results", headers=mine)).json()[
            "hidden"
        ] is True
        await socket.send(ticket=await ticket_of(service, token))
        await socket.until(lambda message: message.get("hidden"))
        await service.vote(poll["id"], "yam", await service.voter())
        await service.act(poll["id"], "close")
        assert (await socket.results())["phase"] == "closed"


async def test_ticket_after_vote_shows_totals(service: Service) -> None:
    poll = await service.create_poll(results="after_vote")
    token = await service.voter()
    async with socket_at(service, live(poll)) as socket:
        assert (await socket.results())["hidden"] is True
        await service.vote(poll["id"], "rice", token)
        await socket.send(ticket=await ticket_of(service, token))
        message = await socket.results()
        assert message["counts"] == {"rice": 1, "yam": 0}
        await service.vote(poll["id"], "yam", await service.voter())
        assert (await socket.results())["voters"] == 2


async def test_socket_negotiates_no_compression(service: Service) -> None:
    """Without extensions the same frame bytes serve every client."""
    poll = await service.create_poll()
    async with socket_at(service, live(poll)) as socket:
        assert socket.connection.protocol.extensions == []


async def test_slow_client_gets_newest_frame_only(serve: Serve) -> None:
    async with serve(stream_hz=100) as service:
        options = [{"id": f"{place:02}-{'x' * 60}", "label": "x" * 200} for place in range(50)]
        polls = [await service.create_poll(options=options, identity="open") for _ in range(40)]
        ids = [poll["id"] for poll in polls]
        async with (
            socket_at(service, "/v1/live", max_queue=1) as slow,
            socket_at(service, live(polls[0])) as quick,
        ):
            slow.connection.transport.pause_reading()
            for _ in range(60):  # each requests 150 KB, more than all buffers hold together
                await slow.send(watch=ids)
            for _ in range(10):
                vote = await service.vote(polls[0]["id"], options[0]["id"])
            seq = vote.json()["seq"]
            await quick.until(lambda message: message["seq"] == seq)
            slow.connection.transport.resume_reading()
            await slow.send(watch=["nowhere"])  # answered after all earlier messages
            await slow.until(lambda message: message["type"] == "problem")
            await slow.send(watch=[ids[0]])
            await slow.until(lambda message: message.get("poll") == ids[0] and message["seq"] == seq)
        assert len(slow.messages) < 60 * len(ids)


def _later(instant: str, *, ms: int) -> str:
    later = datetime.fromisoformat(instant) + timedelta(milliseconds=ms)
    return later.isoformat(timespec="milliseconds").replace("+00:00", "Z")
