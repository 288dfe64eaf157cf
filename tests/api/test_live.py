"""One poll's socket."""

from __future__ import annotations

import asyncio
import itertools
import json
from datetime import datetime, timedelta
from time import perf_counter

import pytest
from websockets.exceptions import InvalidStatus

from tests.api.conftest import Serve, Service
from tests.api.streams import apart_from_time, live, results, socket_at, soon, ticket_of


async def test_the_first_frame_is_the_whole_results(service: Service) -> None:
    """What a socket says first is what a fresh read says."""
    poll = await service.create_poll()
    await service.vote(poll["id"], "yam", await service.voter())
    async with socket_at(service, live(poll)) as socket:
        first = await socket.results()
        assert apart_from_time(first) == apart_from_time(await results(service, poll))


async def test_a_vote_is_seen_at_once(service: Service) -> None:
    """The first change after quiet does not wait for the rate."""
    poll = await service.create_poll()
    async with socket_at(service, live(poll)) as socket:
        await socket.results()
        began = perf_counter()
        await service.vote(poll["id"], "rice", await service.voter())
        assert (await socket.results())["counts"] == {"rice": 1, "yam": 0}
        assert perf_counter() - began < 0.09


async def test_a_burst_comes_at_the_rate_and_ends_on_the_truth(serve: Serve) -> None:
    """Frames keep the rate, never go back, and the last one is what a fresh read says."""
    async with serve(stream_hz=10) as service:
        poll = await service.create_poll(identity="open")
        async with socket_at(service, live(poll)) as socket:
            await socket.results()
            times: list[float] = []

            async def vote_for_a_while() -> None:
                until = perf_counter() + 0.6
                while perf_counter() < until:
                    await service.vote(poll["id"], "rice")

            voting = asyncio.create_task(vote_for_a_while())
            while not voting.done():
                await socket.results()
                times.append(perf_counter())
            truth = await results(service, poll)
            if socket.messages[-1]["seq"] < truth["seq"]:
                await socket.until(lambda said: said["seq"] == truth["seq"])
        assert apart_from_time(socket.messages[-1]) == apart_from_time(truth)
        seqs = [said["seq"] for said in socket.messages]
        assert seqs == sorted(seqs)
        assert truth["seq"] > len(socket.messages)
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert sum(gaps) / len(gaps) > 0.095


async def test_the_clock_closes_the_poll_for_its_readers(service: Service) -> None:
    """At ``closes_at`` a frame says so within 300 ms, though nobody votes or acts."""
    poll = await service.create_poll(closes_at=soon(0.4))
    async with socket_at(service, live(poll)) as socket:
        assert (await socket.results())["final"] is False
        last = await socket.results()
        assert (last["phase"], last["final"]) == ("closed", True)
        assert last["as_of"] < _later(poll["closes_at"], ms=300)


async def test_the_clock_opens_the_poll_for_its_readers(service: Service) -> None:
    """At ``opens_at`` a frame says so."""
    poll = await service.create_poll(opens_at=soon(0.4))
    async with socket_at(service, live(poll)) as socket:
        assert (await socket.results())["phase"] == "scheduled"
        assert (await socket.results())["phase"] == "open"


async def test_acts_are_seen(service: Service) -> None:
    """Closing and reopening by an operator arrive as they happen."""
    poll = await service.create_poll()
    async with socket_at(service, live(poll)) as socket:
        await socket.results()
        await service.act(poll["id"], "close")
        assert (await socket.results())["final"] is True
        await service.act(poll["id"], "reopen")
        assert (await socket.results())["phase"] == "open"


async def test_reconnecting_never_goes_back(service: Service) -> None:
    """Every new socket begins at or after what was last answered, under a stream of votes."""
    poll = await service.create_poll(identity="open")
    for _ in range(15):
        vote = await service.vote(poll["id"], "rice")
        async with socket_at(service, live(poll)) as socket:
            assert (await socket.results())["seq"] >= vote.json()["seq"]


async def test_a_deleted_poll_ends_its_stream(service: Service) -> None:
    """The reader is told 404, and the socket is closed with 4404."""
    poll = await service.create_poll()
    async with socket_at(service, live(poll)) as socket:
        await socket.results()
        await service.admin.request("DELETE", f"/v1/admin/polls/{poll['id']}", json={"confirm": poll["id"]})
        said = await socket.next()
        assert (said["type"], said["problem"], said["status"], said["poll"]) == (
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
async def test_what_is_said_wrong_is_answered_and_the_socket_lives_on(
    service: Service, message: str | bytes, slug: str
) -> None:
    """A broken message gets a problem, and totals go on coming."""
    poll = await service.create_poll()
    async with socket_at(service, live(poll)) as socket:
        await socket.results()
        await socket.connection.send(message)
        said = await socket.next()
        assert (said["type"], said["problem"]) == ("problem", f"/problems/{slug}")
        assert said["status"] in (400, 401)
        assert said["detail"]
        await service.vote(poll["id"], "rice", await service.voter())
        assert (await socket.results())["voters"] == 1


async def test_a_message_too_long_ends_the_socket(service: Service) -> None:
    """More than 16 KiB in one message is closed with 1009."""
    poll = await service.create_poll()
    async with socket_at(service, live(poll)) as socket:
        await socket.results()
        await socket.connection.send(json.dumps({"ticket": "x" * 17_000}))
        assert await socket.close_code() == 1009


async def test_handshakes_are_refused_with_a_reason(serve: Serve) -> None:
    """Unknown polls and addresses are 404, foreign pages 403, each with its problem; others are let in."""
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
            with pytest.raises(InvalidStatus) as refusal:
                async with socket_at(service, path, origin=origin):
                    pass
            response = refusal.value.response
            assert (response.status_code, json.loads(response.body or b"")["type"]) == (
                status,
                f"/problems/{slug}",
            ), path
            assert response.headers["content-type"] == "application/problem+json"
        for origin in (None, "https://news.example", service.url):
            async with socket_at(service, live(poll), origin=origin) as socket:
                await socket.results()


async def test_a_ticket_given_after_taking_a_vote_back_hides_the_totals(service: Service) -> None:
    """Reads hide them at once, the open socket when it is shown who reads; it tells of no later vote."""
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
        await socket.say(ticket=await ticket_of(service, token))
        await socket.until(lambda said: said.get("hidden"))
        await service.vote(poll["id"], "yam", await service.voter())
        await service.act(poll["id"], "close")
        assert (await socket.results())["phase"] == "closed"


async def test_a_ticket_given_after_voting_shows_the_totals(service: Service) -> None:
    """On an open socket a voter's ticket turns the hidden view into the whole, others' votes too."""
    poll = await service.create_poll(results="after_vote")
    token = await service.voter()
    async with socket_at(service, live(poll)) as socket:
        assert (await socket.results())["hidden"] is True
        await service.vote(poll["id"], "rice", token)
        await socket.say(ticket=await ticket_of(service, token))
        said = await socket.results()
        assert said["counts"] == {"rice": 1, "yam": 0}
        await service.vote(poll["id"], "yam", await service.voter())
        assert (await socket.results())["voters"] == 2


async def test_a_socket_is_not_compressed(service: Service) -> None:
    """No extension is agreed on: one frame's bytes serve every reader."""
    poll = await service.create_poll()
    async with socket_at(service, live(poll)) as socket:
        assert socket.connection.protocol.extensions == []


async def test_a_slow_reader_gets_the_newest_only(serve: Serve) -> None:
    """A reader who stops reading holds nobody up, is sent no backlog, and ends on the truth."""
    async with serve(stream_hz=100) as service:
        options = [{"id": f"{place:02}-{'x' * 60}", "label": "x" * 200} for place in range(50)]
        polls = [await service.create_poll(options=options, identity="open") for _ in range(40)]
        ids = [poll["id"] for poll in polls]
        async with (
            socket_at(service, "/v1/live", max_queue=1) as slow,
            socket_at(service, live(polls[0])) as quick,
        ):
            slow.connection.transport.pause_reading()
            for _ in range(60):  # each asks for 150 KB, more than all buffers take together
                await slow.say(watch=ids)
            for _ in range(10):
                vote = await service.vote(polls[0]["id"], options[0]["id"])
            seq = vote.json()["seq"]
            await quick.until(lambda said: said["seq"] == seq)
            slow.connection.transport.resume_reading()
            await slow.say(watch=["nowhere"])  # answered after all that was said before it
            await slow.until(lambda said: said["type"] == "problem")
            await slow.say(watch=[ids[0]])
            await slow.until(lambda said: said.get("poll") == ids[0] and said["seq"] == seq)
        assert len(slow.messages) < 60 * len(ids)


def _later(instant: str, *, ms: int) -> str:
    later = datetime.fromisoformat(instant) + timedelta(milliseconds=ms)
    return later.isoformat(timespec="milliseconds").replace("+00:00", "Z")
