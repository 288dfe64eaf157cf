"""Registration over HTTP: voter tokens, their cookie, and tickets."""

from __future__ import annotations

import time
from http.cookies import SimpleCookie

import httpx
from pollwire_server.auth.tickets import Tickets
from pollwire_server.auth.voter_tokens import VoterToken, VoterTokens
from pollwire_server.domain.timestamps import parse_timestamp

from tests.api.conftest import Serve, Service

JSON = {"Content-Type": "application/json"}
DAY_MS = 24 * 3600 * 1000


def now_ms() -> int:
    """Return this machine's clock in milliseconds."""
    return time.time_ns() // 1_000_000


def token_of(service: Service, answer: httpx.Response) -> VoterToken:
    """Return the voter id of an issued token."""
    voter = VoterTokens(service.settings.secrets, now_ms).verify(answer.json()["token"].encode())
    assert voter is not None
    return voter


def token_of_text(service: Service, token: str) -> bytes:
    """Return the voter id in a token."""
    voter = VoterTokens(service.settings.secrets, now_ms).verify(token.encode())
    assert voter is not None
    return voter.id


async def register(service: Service, headers: dict[str, str] | None = None, **body: object) -> httpx.Response:
    """Request a token without keeping cookies, and return the response."""
    send = {"json": body} if body else {}
    answer = await service.http.post("/v1/voters", headers=headers, **send)  # type: ignore[arg-type]
    service.http.cookies.clear()
    return answer


async def test_register_returns_a_token_for_400_days(service: Service) -> None:
    for body in ({}, {"name": "Ama"}):
        answer = await register(service, None, **body)
        assert answer.status_code == 201
        assert set(answer.json()) == {"token", "expires_at"}
        assert answer.headers["cache-control"] == "private, no-store"
        lasts_ms = parse_timestamp(answer.json()["expires_at"], None, "expires_at") - now_ms()
        assert abs(lasts_ms - 400 * DAY_MS) < 60_000
        assert token_of(service, answer).name == body.get("name")


async def test_register_cookie_is_http_only_and_same_site_lax(service: Service) -> None:
    answer = await register(service)
    cookie = SimpleCookie(answer.headers["set-cookie"])["pollwire_voter"]
    assert cookie.value == answer.json()["token"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    assert cookie["max-age"] == str(400 * 24 * 3600)
    assert (cookie["secure"], cookie["domain"]) == ("", "")


async def test_register_https_public_url_sets_a_secure_cookie(serve: Serve) -> None:
    async with serve(public_url="https://polls.example") as service:
        answer = await register(service)
        cookie = SimpleCookie(answer.headers["set-cookie"])["__Host-pollwire_voter"]
        assert (cookie["secure"], cookie["path"], cookie["domain"]) == (True, "/", "")


async def test_cookie_planted_by_a_sibling_domain_is_ignored(serve: Serve) -> None:
    """Check that with https only the ``__Host-`` cookie names the voter: for votes, results and renewal."""
    async with serve(public_url="https://polls.example") as service:
        poll = await service.create_poll(results="after_vote")
        own, attacker = await service.voter(), await service.voter()
        await service.vote(poll["id"], "rice", attacker)
        planted = {"Cookie": f"pollwire_voter={attacker}"}
        assert token_of(service, await register(service, planted)).id != token_of_text(service, attacker)
        mine = f"/v1/polls/{poll['id']}/votes/mine"
        assert (await service.http.get(mine, headers=planted)).status_code == 401
        shown = await service.http.get(f"/v1/polls/{poll['id']}/results", headers=planted)
        assert shown.json()["hidden"] is True
        both = {"Cookie": f"pollwire_voter={attacker}; __Host-pollwire_voter={own}"}
        assert (await service.http.get(mine, headers=both)).status_code == 404
        renewed = await register(service, both)
        assert token_of(service, renewed).id == token_of_text(service, own)


async def test_two_cookies_of_one_name_are_none(service: Service) -> None:
    poll = await service.create_poll()
    tokens = [await service.voter(), await service.voter()]
    twice = {"Cookie": "; ".join(f"pollwire_voter={token}" for token in tokens)}
    answer = await service.http.get(f"/v1/polls/{poll['id']}/votes/mine", headers=twice)
    assert answer.status_code == 401


async def test_register_valid_token_or_cookie_renews_the_same_voter(service: Service) -> None:
    first = await register(service, name="Ama")
    voter = token_of(service, first)
    token = first.json()["token"]
    by_bearer = await register(service, {"Authorization": f"Bearer {token}"})
    by_cookie = await register(service, {"Cookie": f"pollwire_voter={token}"})
    for renewed in (by_bearer, by_cookie):
        assert token_of(service, renewed) == voter
    renamed = await register(service, {"Authorization": f"Bearer {token}"}, name="Efua")
    assert (token_of(service, renamed).id, token_of(service, renamed).name) == (voter.id, "Efua")


async def test_register_invalid_token_issues_a_new_one(service: Service) -> None:
    """An expired cookie, which scripts cannot remove, must not lock a voter out."""
    answer = await register(service, {"Authorization": "Bearer expired", "Cookie": "pollwire_voter=old"})
    assert answer.status_code == 201
    token_of(service, answer)


async def test_register_renewed_voter_keeps_the_vote(service: Service) -> None:
    poll = await service.create_poll()
    first = await register(service)
    await service.vote(poll["id"], "rice", first.json()["token"])
    renewed = await register(service, {"Authorization": f"Bearer {first.json()['token']}"})
    service.http.cookies.set("pollwire_voter", renewed.json()["token"])
    again = await service.vote(poll["id"], "rice")
    assert again.json()["status"] == "unchanged"


async def test_register_name_accepts_1_to_40_visible_characters(service: Service) -> None:
    for name in ("", " ", "x" * 41, "a\nb", "\x00", 5, ["x"]):
        answer = await register(service, name=name)
        assert (answer.status_code, answer.json()["field"]) == (422, "name"), name
    for name in ("x", "é" * 40, "Kwame Nkrumah", "\N{EARTH GLOBE EUROPE-AFRICA}"):
        assert token_of(service, await register(service, name=name)).name == name
    assert token_of(service, await register(service, name=" Ama ")).name == "Ama"
    answer = await register(service, name="Ama", age=5)
    assert (answer.status_code, answer.json()["field"]) == (422, "age")


async def test_register_and_ticket_check_bodies_in_order(service: Service) -> None:
    plain = {"Content-Type": "text/plain"}
    for path in ("/v1/voters", "/v1/tickets"):
        for headers, body, status in (
            (plain, b"x" * 17_000, 415),
            (JSON, b"x" * 17_000, 413),
            (JSON, b"[]", 400),
            (JSON, b"{", 400),
        ):
            answer = await service.http.post(path, headers=headers, content=body)
            assert answer.status_code == status, (path, body[:10])
            assert answer.headers["content-type"] == "application/problem+json"
        assert (await service.http.get(path)).status_code == 405


async def test_ticket_is_issued_to_voters_and_operators(service: Service) -> None:
    tickets = Tickets(service.settings.secrets, now_ms)
    registered = await register(service)
    token, voter = registered.json()["token"], token_of(service, registered)
    key = service.settings.admin_key
    for headers, voter_id in (
        ({"Authorization": f"Bearer {token}"}, voter.id),
        ({"Cookie": f"pollwire_voter={token}"}, voter.id),
        ({"Authorization": f"Bearer {key}"}, None),
    ):
        answer = await service.http.post("/v1/tickets", headers=headers)
        assert answer.status_code == 201
        assert set(answer.json()) == {"ticket", "expires_at"}
        assert answer.headers["cache-control"] == "private, no-store"
        lasts_ms = parse_timestamp(answer.json()["expires_at"], None, "expires_at") - now_ms()
        assert 50_000 < lasts_ms <= 60_000
        ticket = tickets.verify(answer.json()["ticket"])
        assert ticket is not None
        assert ticket.voter_id == voter_id


async def test_ticket_without_a_valid_token_returns_401(service: Service) -> None:
    for headers, slug in (
        ({}, "voter-token-required"),
        ({"Authorization": "Bearer bad"}, "voter-token-invalid"),
    ):
        answer = await service.http.post("/v1/tickets", headers=headers, json={"wrong": 1})
        assert (answer.status_code, answer.json()["type"]) == (401, f"/problems/{slug}")
    headers = {"Authorization": f"Bearer {await service.voter()}"}
    answer = await service.http.post("/v1/tickets", headers=headers, json={"wrong": 1})
    assert (answer.status_code, answer.json()["field"]) == (422, "wrong")


async def test_ticket_cannot_vote(service: Service) -> None:
    """Tickets travel in URLs, which are logged."""
    poll = await service.create_poll()
    headers = {"Authorization": f"Bearer {await service.voter()}"}
    ticket = (await service.http.post("/v1/tickets", headers=headers)).json()["ticket"]
    assert (await service.vote(poll["id"], "rice", ticket)).status_code == 401
