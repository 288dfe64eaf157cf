"""Rate limits for each network, over HTTP."""

from __future__ import annotations

import httpx
import pytest
import websockets
from pollwire_server.auth.client_address import DETECTION_THRESHOLD
from pollwire_server.auth.network_tags import UNKNOWN_SHARES
from pollwire_server.domain.rate_limit import RateLimit

from tests.api.conftest import Serve, Service

DAY = 86_400
LOOPBACK = ("127.0.0.0/8", "::1")


def forwarded(address: str, token: str | None = None) -> dict[str, str]:
    """Return headers as a proxy forwards them."""
    return {"X-Forwarded-For": address} | ({} if token is None else {"Authorization": f"Bearer {token}"})


async def vote_from(service: Service, poll: str, address: str, choice: str = "rice") -> httpx.Response:
    """Vote as a new voter through a proxy that forwards this client address."""
    headers = forwarded(address, await service.voter())
    return await service.http.post(f"/v1/polls/{poll}/votes", json={"choice": choice}, headers=headers)


async def test_vote_over_the_limit_returns_429_with_retry_after(serve: Serve) -> None:
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


async def test_vote_forwarded_address_of_an_untrusted_peer_is_ignored(serve: Serve) -> None:
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
async def test_vote_behind_a_trusted_proxy_is_limited_by_network(
    serve: Serve, same: tuple[str, str], other: str
) -> None:
    async with serve(limit_votes=RateLimit(1, DAY), trusted_proxies=("127.0.0.0/8", "::1")) as service:
        poll = (await service.create_poll())["id"]
        answers = [await vote_from(service, poll, address) for address in (*same, other)]
        assert [answer.status_code for answer in answers] == [200, 429, 200]


async def test_vote_over_exempt_loopback_is_not_limited(serve: Serve) -> None:
    spared = RateLimit(1, DAY, spares_loopback=True)
    async with serve(limit_votes=spared, limit_voters=spared) as service:
        poll = (await service.create_poll())["id"]
        answers = [await service.vote(poll, "rice", await service.voter()) for _ in range(3)]
        assert {answer.status_code for answer in answers} == {200}


async def test_vote_open_poll_is_limited(serve: Serve) -> None:
    async with serve(limit_votes=RateLimit(2, DAY)) as service:
        poll = (await service.create_poll(identity="open"))["id"]
        assert [(await service.vote(poll, "rice")).status_code for _ in range(4)] == [200, 200, 429, 429]


async def test_register_behind_a_trusted_tls_proxy_sets_a_secure_cookie(serve: Serve) -> None:
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.1"}
    for trusted, is_secure in ((("127.0.0.1",), True), (None, False)):
        async with serve(trusted_proxies=trusted) as service:
            for content in (b"", b"{}"):
                headers = forwarded | ({"Content-Type": "application/json"} if content else {})
                answer = await service.http.post("/v1/voters", headers=headers, content=content)
                assert ("; Secure" in answer.headers["set-cookie"]) is is_secure
                service.http.cookies.clear()


async def test_forged_headers_lift_no_limit_and_only_operators_are_warned(serve: Serve) -> None:
    async with serve(limit_votes=RateLimit(3, DAY)) as service:
        poll = (await service.create_poll(identity="open"))["id"]
        assert "notes" not in (await service.http.get("/readyz")).json()
        votes = [
            await service.http.post(
                f"/v1/polls/{poll}/votes", json={"choice": "rice"}, headers=forwarded("198.51.100.1")
            )
            for _ in range(DETECTION_THRESHOLD + 5)
        ]
        assert [vote.status_code for vote in votes[:5]] == [200, 200, 200, 429, 429]
        assert {vote.status_code for vote in votes[3:]} == {429}
        for headers in ({}, {"Authorization": "Bearer pwk_0123456789ab_wrong"}):
            assert "notes" not in (await service.http.get("/readyz", headers=headers)).json()
        (warning,) = (await service.admin.get("/readyz")).json()["notes"]
        assert "POLLWIRE_TRUSTED_PROXIES" in warning


async def test_clients_without_address_share_one_generous_limit(serve: Serve) -> None:
    async with serve(
        limit_votes=RateLimit(1, DAY),
        limit_voters=RateLimit(2, DAY),
        challenges=False,
        trusted_proxies=LOOPBACK,
    ) as service:
        poll = (await service.create_poll(identity="open"))["id"]
        hidden = [{"X-Forwarded-For": text} for text in ("unknown", "_hidden", "unix:", "")] * (
            UNKNOWN_SHARES
        )
        votes = [
            await service.http.post(f"/v1/polls/{poll}/votes", json={"choice": "rice"}, headers=headers)
            for headers in hidden
        ]
        voters = []
        for headers in hidden:
            voters.append(await service.http.post("/v1/voters", headers=headers))
            service.http.cookies.clear()
        assert sum(vote.status_code == 200 for vote in votes) == UNKNOWN_SHARES
        assert sum(voter.status_code == 201 for voter in voters) == 2 * UNKNOWN_SHARES


async def test_loopback_client_is_limited_unless_exempt_and_direct(serve: Serve) -> None:
    for limit, headers, status in (
        (RateLimit(1, DAY), {}, 429),
        (RateLimit(1, DAY, spares_loopback=True), {}, 200),
        (RateLimit(1, DAY, spares_loopback=True), forwarded("198.51.100.1"), 429),
    ):
        async with serve(limit_votes=limit) as service:
            poll = (await service.create_poll(identity="open"))["id"]
            votes = [
                await service.http.post(f"/v1/polls/{poll}/votes", json={"choice": "rice"}, headers=headers)
                for _ in range(2)
            ]
            assert [vote.status_code for vote in votes] == [200, status]


async def test_proxy_that_writes_forwarded_alone_does_not_pass_forged_addresses(serve: Serve) -> None:
    for header in ("auto", "forwarded"):
        async with serve(
            limit_votes=RateLimit(1, DAY), trusted_proxies=LOOPBACK, forwarded_header=header
        ) as service:
            poll = (await service.create_poll(identity="open"))["id"]
            votes = [
                await service.http.post(
                    f"/v1/polls/{poll}/votes",
                    json={"choice": "rice"},
                    headers={"Forwarded": "for=198.51.100.7", "X-Forwarded-For": f"203.0.{number}.1"},
                )
                for number in range(5)
            ]
            assert [vote.status_code for vote in votes] == [200, 429, 429, 429, 429]


async def test_stream_over_the_connection_limit_returns_503(serve: Serve) -> None:
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
async def test_stream_limit_counts_each_address_separately(serve: Serve, path: str) -> None:
    async with serve(limit_sockets=1, trusted_proxies=("127.0.0.1",)) as service:
        poll = (await service.create_poll(results="after_vote"))["id"]
        address = service.ws_url + path.format(poll=poll)

        async def opened(client: str, token: str | None) -> websockets.ClientConnection:
            return await websockets.connect(address, additional_headers=forwarded(client, token))

        for token in (None, await service.voter()):  # the voter's own view needs the store: the slow path
            here, there = await opened("198.51.100.1", token), await opened("198.51.100.2", token)
            with pytest.raises(websockets.InvalidStatus):
                await opened("198.51.100.2", token)
            await here.close()
            await there.close()
