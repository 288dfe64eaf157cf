"""Tokens, the cookie beside them, and tickets."""

from __future__ import annotations

import time
from http.cookies import SimpleCookie

import httpx
from pollwire_server.auth.tickets import Tickets
from pollwire_server.auth.voter_tokens import VoterToken, VoterTokens
from pollwire_server.domain.window import parse_instant

from tests.api.conftest import Serve, Service

JSON = {"Content-Type": "application/json"}
DAY_MS = 24 * 3600 * 1000


def now_ms() -> int:
    """This machine's clock."""
    return time.time_ns() // 1_000_000


def voter_of(service: Service, answer: httpx.Response) -> VoterToken:
    """Whom an issued token speaks for."""
    voter = VoterTokens(service.settings.secrets, now_ms).verify(answer.json()["token"].encode())
    assert voter is not None
    return voter


async def enrol(service: Service, headers: dict[str, str] | None = None, **body: object) -> httpx.Response:
    """The answer to somebody who comes for a token, and keeps no cookies."""
    send = {"json": body} if body else {}
    answer = await service.http.post("/v1/voters", headers=headers, **send)  # type: ignore[arg-type]
    service.http.cookies.clear()
    return answer


async def test_a_voter_gets_a_token_for_400_days_with_or_without_a_body(service: Service) -> None:
    """201 with token and expiry, never to be kept by a cache."""
    for body in ({}, {"name": "Ama"}):
        answer = await enrol(service, None, **body)
        assert answer.status_code == 201
        assert set(answer.json()) == {"token", "expires_at"}
        assert answer.headers["cache-control"] == "private, no-store"
        lasts_ms = parse_instant(answer.json()["expires_at"], None, "expires_at") - now_ms()
        assert abs(lasts_ms - 400 * DAY_MS) < 60_000
        assert voter_of(service, answer).name == body.get("name")


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(service: Service) -> None:
    """HttpOnly, SameSite=Lax, for every path, as long as the token; not Secure where the page is plain."""
    answer = await enrol(service)
    cookie = SimpleCookie(answer.headers["set-cookie"])["pollwire_voter"]
    assert cookie.value == answer.json()["token"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    assert cookie["max-age"] == str(400 * 24 * 3600)
    assert (cookie["secure"], cookie["domain"]) == ("", "")


async def test_behind_https_the_cookie_is_secure(serve: Serve) -> None:
    """A public address of https says so, though the proxy speaks plain http to the service."""
    async with serve(public_url="https://polls.example") as service:
        answer = await enrol(service)
        assert SimpleCookie(answer.headers["set-cookie"])["pollwire_voter"]["secure"] is True


async def test_a_valid_token_or_cookie_renews_the_same_voter(service: Service) -> None:
    """The voter stays who they are, named as before unless they say otherwise."""
    first = await enrol(service, name="Ama")
    voter = voter_of(service, first)
    token = first.json()["token"]
    by_bearer = await enrol(service, {"Authorization": f"Bearer {token}"})
    by_cookie = await enrol(service, {"Cookie": f"pollwire_voter={token}"})
    for renewed in (by_bearer, by_cookie):
        assert voter_of(service, renewed) == voter
    renamed = await enrol(service, {"Authorization": f"Bearer {token}"}, name="Efua")
    assert (voter_of(service, renamed).id, voter_of(service, renamed).name) == (voter.id, "Efua")


async def test_whoever_comes_with_a_bad_token_gets_a_new_one(service: Service) -> None:
    """An expired cookie that scripts cannot remove must not lock its owner out."""
    answer = await enrol(service, {"Authorization": "Bearer expired", "Cookie": "pollwire_voter=old"})
    assert answer.status_code == 201
    voter_of(service, answer)


async def test_the_renewed_voter_s_vote_still_stands(service: Service) -> None:
    """A new token of the same voter is no second vote, also when it comes by cookie."""
    poll = await service.create_poll()
    first = await enrol(service)
    await service.vote(poll["id"], "rice", first.json()["token"])
    renewed = await enrol(service, {"Authorization": f"Bearer {first.json()['token']}"})
    service.http.cookies.set("pollwire_voter", renewed.json()["token"])
    again = await service.vote(poll["id"], "rice")
    assert again.json()["status"] == "unchanged"


async def test_a_name_is_1_to_40_characters_that_can_be_read(service: Service) -> None:
    """Others, and unknown fields, are 422 with the field; space around a name is not part of it."""
    for name in ("", " ", "x" * 41, "a\nb", "\x00", 5, ["x"]):
        answer = await enrol(service, name=name)
        assert (answer.status_code, answer.json()["field"]) == (422, "name"), name
    for name in ("x", "é" * 40, "Kwame Nkrumah", "\N{EARTH GLOBE EUROPE-AFRICA}"):
        assert voter_of(service, await enrol(service, name=name)).name == name
    assert voter_of(service, await enrol(service, name=" Ama ")).name == "Ama"
    answer = await enrol(service, name="Ama", age=5)
    assert (answer.status_code, answer.json()["field"]) == (422, "age")


async def test_bodies_are_checked_as_everywhere(service: Service) -> None:
    """415, 413, 400 in this order, for tokens and tickets alike."""
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


async def test_a_ticket_reads_as_the_voter_or_the_operator_who_asked(service: Service) -> None:
    """201 with a ticket for 60 s, by a voter's token, a cookie or an API key."""
    tickets = Tickets(service.settings.secrets, now_ms)
    enrolled = await enrol(service)
    token, voter = enrolled.json()["token"], voter_of(service, enrolled)
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
        lasts_ms = parse_instant(answer.json()["expires_at"], None, "expires_at") - now_ms()
        assert 50_000 < lasts_ms <= 60_000
        ticket = tickets.verify(answer.json()["ticket"])
        assert ticket is not None
        assert ticket.voter_id == voter_id


async def test_nobody_gets_no_ticket(service: Service) -> None:
    """401 without a token, with a bad one, and before a wrong field is told."""
    for headers, slug in (
        ({}, "voter-token-required"),
        ({"Authorization": "Bearer bad"}, "voter-token-invalid"),
    ):
        answer = await service.http.post("/v1/tickets", headers=headers, json={"wrong": 1})
        assert (answer.status_code, answer.json()["type"]) == (401, f"/problems/{slug}")
    headers = {"Authorization": f"Bearer {await service.voter()}"}
    answer = await service.http.post("/v1/tickets", headers=headers, json={"wrong": 1})
    assert (answer.status_code, answer.json()["field"]) == (422, "wrong")


async def test_a_ticket_is_no_token(service: Service) -> None:
    """What travels in a URL cannot vote."""
    poll = await service.create_poll()
    headers = {"Authorization": f"Bearer {await service.voter()}"}
    ticket = (await service.http.post("/v1/tickets", headers=headers)).json()["ticket"]
    assert (await service.vote(poll["id"], "rice", ticket)).status_code == 401
