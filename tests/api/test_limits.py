"""What one network may do, as its people see it: who is limited, who is not, and what they are told."""

from __future__ import annotations

import httpx
import pytest
import websockets
from pollwire_server.auth.client_address import SHOWS_FROM
from pollwire_server.domain.rate_limit import RateLimit

from tests.api.conftest import Serve, Service

DAY = 86_400


def forwarded(address: str, token: str | None = None) -> dict[str, str]:
    """Headers as a proxy sends them on."""
    return {"X-Forwarded-For": address} | ({} if token is None else {"Authorization": f"Bearer {token}"})


async def vote_from(service: Service, poll: str, address: str, choice: str = "rice") -> httpx.Response:
    """A new voter's vote, through a proxy that says where it comes from."""
    headers = forwarded(address, await service.voter())
    return await service.http.post(f"/v1/polls/{poll}/votes", json={"choice": choice}, headers=headers)


async def test_beyond_the_limit_a_vote_is_told_when_to_come_back(serve: Serve) -> None:
    """429 with Retry-After and RateLimit; nothing of it is counted, and what stands is told still."""
    async with serve(limit_votes=RateLimit(2, DAY)) as service:
        poll = (await service.create_poll())["id"]
        tokens = [await service.voter() for _ in range(3)]
        answers = [await service.vote(poll, "rice", token) for token in (*tokens, tokens[0])]
        assert [answer.status_code for answer in answers] == [200, 200, 429, 200]
        refused, again = answers[2:]
        assert refused.json()["type"] == "/problems/rate-limited"
        after_s = int(refused.headers["retry-after"])
        assert DAY / 2 - 60 < after_s <= DAY / 2
        assert refused.json()["retry_after"] == after_s
        assert refused.headers["ratelimit-policy"] == f'"votes";q=2;w={DAY}'
        assert refused.headers["ratelimit"] == f'"votes";r=0;t={after_s}'
        assert again.json()["status"] == "unchanged"
        assert (await service.http.get(f"/v1/polls/{poll}/results")).json()["voters"] == 2


async def test_who_writes_forwarded_addresses_gets_no_more(serve: Serve) -> None:
    """From a peer that no operator has named, a forwarded address is nothing."""
    async with serve(limit_votes=RateLimit(3, DAY)) as service:
        poll = (await service.create_poll())["id"]
        answers = [await vote_from(service, poll, f"198.51.{place}.1") for place in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]


@pytest.mark.parametrize(
    ("same", "other"),
    [
        (("198.51.100.1", "198.51.100.254"), "198.51.101.1"),
        (("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"), "2001:db8:1:3::1"),
        (("203.0.113.9", "1.2.3.4, 203.0.113.8"), "203.0.114.9"),
    ],
)
async def test_behind_a_trusted_proxy_each_network_has_its_own_share(
    serve: Serve, same: tuple[str, str], other: str
) -> None:
    """A /24 and a /64 share; what a client puts before the proxy's own word does not count."""
    async with serve(limit_votes=RateLimit(1, DAY), trusted_proxies=("127.0.0.0/8", "::1")) as service:
        poll = (await service.create_poll())["id"]
        answers = [await vote_from(service, poll, address) for address in (*same, other)]
        assert [answer.status_code for answer in answers] == [200, 429, 200]


async def test_by_default_this_machine_is_not_limited(serve: Serve) -> None:
    """What comes over loopback without a proxy comes from no network, unless an operator says otherwise."""
    spared = RateLimit(1, DAY, spares_loopback=True)
    async with serve(limit_votes=spared, limit_voters=spared) as service:
        poll = (await service.create_poll())["id"]
        answers = [await service.vote(poll, "rice", await service.voter()) for _ in range(3)]
        assert {answer.status_code for answer in answers} == {200}


async def test_open_polls_are_limited_alike(serve: Serve) -> None:
    """Where anybody may vote any number of times, the network's share is what bounds it."""
    async with serve(limit_votes=RateLimit(2, DAY)) as service:
        poll = (await service.create_poll(identity="open"))["id"]
        assert [(await service.vote(poll, "rice")).status_code for _ in range(4)] == [200, 200, 429, 429]


async def test_a_trusted_proxy_s_word_makes_cookies_secure(serve: Serve) -> None:
    """Behind a proxy that speaks TLS the voter's cookie is for https alone; nobody else's word does that."""
    told = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.1"}
    for trusted, is_secure in ((("127.0.0.1",), True), (None, False)):
        async with serve(trusted_proxies=trusted) as service:
            for content in (b"", b"{}"):
                headers = told | ({"Content-Type": "application/json"} if content else {})
                answer = await service.http.post("/v1/voters", headers=headers, content=content)
                assert ("; Secure" in answer.headers["set-cookie"]) is is_secure
                service.http.cookies.clear()


async def test_a_proxy_that_nobody_declared_is_told_of(serve: Serve) -> None:
    """Its audience is not shut out as one network, and /readyz says what to set."""
    async with serve(limit_votes=RateLimit(3, DAY)) as service:
        poll = (await service.create_poll(identity="open"))["id"]
        assert "notes" not in (await service.http.get("/readyz")).json()
        votes = [
            await service.http.post(
                f"/v1/polls/{poll}/votes", json={"choice": "rice"}, headers=forwarded("198.51.100.1")
            )
            for _ in range(SHOWS_FROM + 5)
        ]
        assert [vote.status_code for vote in votes[:5]] == [200, 200, 200, 429, 429]
        assert votes[-1].status_code == 200
        (note,) = (await service.http.get("/readyz")).json()["notes"]
        assert "POLLWIRE_TRUSTED_PROXIES" in note


async def test_an_address_has_so_many_streams(serve: Serve) -> None:
    """One more is 503 with Retry-After, on every kind of stream; one that ends makes room."""
    async with serve(limit_sockets=2) as service:
        poll = (await service.create_poll())["id"]
        await service.http.get(f"/v1/polls/{poll}/results")
        socket, events = f"{service.ws_url}/v1/polls/{poll}/live", f"{service.url}/v1/events?poll={poll}"
        async with (
            websockets.connect(socket) as first,
            httpx.AsyncClient() as reader,
            reader.stream("GET", events) as second,
        ):
            await first.recv()
            lines = second.aiter_lines()
            await anext(lines)
            for address in (socket, f"{service.ws_url}/v1/live"):
                with pytest.raises(websockets.InvalidStatus) as refused:
                    await websockets.connect(address)
                assert refused.value.response.status_code == 503
                assert int(refused.value.response.headers["retry-after"]) >= 1
            too_many = await reader.get(events)
            assert (too_many.status_code, too_many.json()["type"]) == (503, "/problems/overloaded")
            assert int(too_many.headers["retry-after"]) >= 1
            await first.close()
            async with websockets.connect(socket) as third:
                await third.recv()


@pytest.mark.parametrize("path", ["/v1/polls/{poll}/live", "/v1/live"])
async def test_streams_of_other_addresses_are_not_counted(serve: Serve, path: str) -> None:
    """Behind a trusted proxy each address has its own seats, in the lane and on the ordinary way."""
    async with serve(limit_sockets=1, trusted_proxies=("127.0.0.1",)) as service:
        poll = (await service.create_poll(results="after_vote"))["id"]
        address = service.ws_url + path.format(poll=poll)

        async def opened(client: str, token: str | None) -> websockets.ClientConnection:
            return await websockets.connect(address, additional_headers=forwarded(client, token))

        for token in (None, await service.voter()):  # a voter's own view needs the store: the ordinary way
            here, there = await opened("198.51.100.1", token), await opened("198.51.100.2", token)
            with pytest.raises(websockets.InvalidStatus):
                await opened("198.51.100.2", token)
            await here.close()
            await there.close()
