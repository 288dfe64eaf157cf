"""Signed polls: voters with tokens of an external issuer."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest
from pollwire_server.auth import jwks as key_sets
from pollwire_server.server import running_service

from tests.api.conftest import Serve, Service
from tests.jwt_issuer import AUDIENCE, ISSUER, generate_key, jwk, public_pem, publishing, token

ISSUERS = "/v1/admin/issuers"
ALGORITHMS = ("HS256", "EdDSA", "RS256")


def slug(answer: httpx.Response) -> str:
    return str(answer.json()["type"].removeprefix("/problems/"))


async def register(service: Service, key: Any = None, algorithm: str = "EdDSA", **fields: object) -> Any:
    """Register an issuer and return it."""
    given = {} if key is None else {"key": public_pem(key)}
    body = {"issuer": ISSUER, "algorithm": algorithm, "audience": AUDIENCE, **given, **fields}
    answer = await service.admin.post(ISSUERS, json=body)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


async def signed_poll(service: Service, **fields: object) -> str:
    return str((await service.create_poll(identity="signed", issuer=ISSUER, **fields))["id"])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_vote_issuer_tokens_of_one_subject_are_one_voter(service: Service, algorithm: str) -> None:
    key = generate_key(algorithm)
    await register(service, key, algorithm)
    poll = await signed_poll(service)
    first = await service.vote(poll, "rice", token(key, algorithm))
    assert (first.status_code, first.json()["status"]) == (200, "counted")
    again = await service.vote(poll, "rice", token(key, algorithm, jti="another"))
    assert again.json()["status"] == "unchanged"
    assert slug(await service.vote(poll, "yam", token(key, algorithm))) == "already-voted"
    assert (await service.vote(poll, "yam", token(key, algorithm, sub="bob"))).json()["status"] == "counted"
    results = (await service.http.get(f"/v1/polls/{poll}/results")).json()
    assert results["counts"] == {"rice": 1, "yam": 1}


async def test_vote_invalid_issuer_token_returns_401(service: Service) -> None:
    key, other = generate_key("EdDSA"), generate_key("EdDSA")
    await register(service, key)
    await register(service, other, issuer="https://other.example")
    poll = await signed_poll(service)
    past = int(time.time()) - 3600
    bad = {
        "none": token(None, "none"),
        "wrong key": token(other, "EdDSA"),
        "the public key as a secret": _confused(public_pem(key)),
        "expired": token(key, "EdDSA", exp=past),
        "not yet": token(key, "EdDSA", nbf=-past + 2 * int(time.time())),
        "other audience": token(key, "EdDSA", aud="shop"),
        "unknown issuer": token(key, "EdDSA", iss="https://unknown.example"),
        "another site's": token(other, "EdDSA", iss="https://other.example"),
        **{f"no {claim}": token(key, "EdDSA", **{claim: None}) for claim in ("iss", "aud", "exp", "sub")},
        "empty sub": token(key, "EdDSA", sub=""),
        "long sub": token(key, "EdDSA", sub="x" * 256),
        "long": token(key, "EdDSA", more="x" * 9000),
        "cut": token(key, "EdDSA")[:-4],
        "dots": "..",
        "words": "a.b.c",
        "ours": await service.voter(),
    }
    answers = {name: await service.vote(poll, "rice", text) for name, text in bad.items()}
    rejections = {name: (answer.status_code, slug(answer)) for name, answer in answers.items()}
    assert rejections == dict.fromkeys(bad, (401, "voter-token-invalid"))
    assert {ISSUER in answer.json()["detail"] for answer in answers.values()} == {True}
    assert (await service.vote(poll, "rice")).status_code == 401
    assert slug(await service.vote(poll, "rice")) == "voter-token-required"
    assert (await service.http.get(f"/v1/polls/{poll}/results")).json()["voters"] == 0


def _confused(pem: str) -> str:
    """Sign with the issuer's public key as an HMAC secret, which PyJWT itself refuses to do."""
    import base64  # noqa: PLC0415
    import hashlib  # noqa: PLC0415
    import hmac  # noqa: PLC0415
    import json  # noqa: PLC0415

    def text(part: bytes) -> bytes:
        return base64.urlsafe_b64encode(part).rstrip(b"=")

    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "exp": int(time.time()) + 60}
    signed = text(b'{"alg":"HS256","typ":"JWT"}') + b"." + text(json.dumps(claims).encode())
    return (signed + b"." + text(hmac.digest(pem.encode(), signed, hashlib.sha256))).decode()


async def test_signed_voter_can_use_every_voting_endpoint(service: Service) -> None:
    key = generate_key("EdDSA")
    await register(service, key)
    poll = await signed_poll(service, results="after_vote", revote="withdraw")
    me = {"Authorization": f"Bearer {token(key, 'EdDSA')}"}
    results = f"/v1/polls/{poll}/results"
    assert (await service.http.get(results, headers=me)).json()["hidden"]
    voted = await service.vote(poll, "rice", token(key, "EdDSA"))
    assert (await service.http.get(f"/v1/polls/{poll}/votes/mine", headers=me)).json()["choice"] == "rice"
    receipt = {"receipt": voted.json()["receipt"]}
    assert (await service.http.post(f"/v1/polls/{poll}/receipts", json=receipt)).json()["counted"]
    assert (await service.http.get(results, headers=me)).json()["counts"] == {"rice": 1, "yam": 0}
    ticket = (await service.http.post("/v1/tickets", headers=me)).json()["ticket"]
    shown = (await service.http.get(results, params={"ticket": ticket})).json()
    assert shown["counts"] == {"rice": 1, "yam": 0}
    other = {"Authorization": f"Bearer {token(key, 'EdDSA', sub='bob')}"}
    assert (await service.http.get(results, headers=other)).json()["hidden"]
    withdrawal = await service.http.delete(f"/v1/polls/{poll}/votes/mine", headers=me)
    assert withdrawal.json()["status"] == "withdrawn"


async def test_vote_device_poll_rejects_issuer_tokens(service: Service) -> None:
    key = generate_key("EdDSA")
    await register(service, key)
    poll = (await service.create_poll())["id"]
    assert slug(await service.vote(poll, "rice", token(key, "EdDSA"))) == "voter-token-invalid"


async def test_issuer_subject_is_never_stored_or_logged(
    own_service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    key, name = generate_key("EdDSA"), "ada.lovelace@example.org"
    await register(own_service, key)
    poll = await signed_poll(own_service)
    assert (await own_service.vote(poll, "rice", token(key, "EdDSA", sub=name))).status_code == 200
    await own_service.vote(poll, "rice", token(key, "EdDSA", sub=name, aud="shop"))
    command = own_service.store.connection.command
    keys = await command("KEYS", f"{own_service.settings.namespace}:*")
    # A key may expire between the two commands; what expired is not stored.
    dumps = [dump for key in keys if (dump := await command("DUMP", key)) is not None]
    assert len(dumps) > 3
    assert not [dump for dump in dumps if b"lovelace" in dump]
    assert "lovelace" not in caplog.text


async def test_issuer_with_a_new_key_keeps_its_voters(service: Service) -> None:
    old, new = generate_key("EdDSA"), generate_key("RS256")
    made = await register(service, old)
    poll = await signed_poll(service)
    await service.vote(poll, "rice", token(old, "EdDSA"))
    assert (await service.admin.delete(f"{ISSUERS}/{made['id']}")).status_code == 204
    assert (await service.admin.delete(f"{ISSUERS}/{made['id']}")).status_code == 404
    await until_status(service, poll, token(old, "EdDSA"), 401)
    await register(service, new, "RS256")
    assert (await service.vote(poll, "rice", token(new, "RS256"))).json()["status"] == "unchanged"
    assert (await service.vote(poll, "rice", token(old, "EdDSA"))).status_code == 401
    replaced = await service.admin.post(
        ISSUERS,
        json={"issuer": ISSUER, "algorithm": "EdDSA", "audience": AUDIENCE, "key": public_pem(old)},
    )
    assert replaced.status_code == 200
    await until_status(service, poll, token(new, "RS256"), 401)
    assert (await service.vote(poll, "rice", token(old, "EdDSA"))).json()["status"] == "unchanged"


async def until_status(service: Service, poll: str, text: str, status: int, url: str = "") -> None:
    """Repeat a vote until it gets this status: other workers learn of a change by a notification."""
    deadline, headers = time.monotonic() + 2, {"Authorization": f"Bearer {text}"}
    address = f"{url}/v1/polls/{poll}/votes"
    while (await service.http.post(address, json={"choice": "rice"}, headers=headers)).status_code != status:
        assert time.monotonic() < deadline


async def test_issuer_is_known_to_other_workers(service: Service) -> None:
    async with running_service(service.settings, service.settings.redis_url or "") as url:
        key = generate_key("EdDSA")
        await register(service, key)
        poll = await signed_poll(service)
        headers = {"Authorization": f"Bearer {token(key, 'EdDSA')}"}
        answer = await service.http.post(
            f"{url}/v1/polls/{poll}/votes", json={"choice": "rice"}, headers=headers
        )
        assert answer.status_code == 200


@pytest.mark.parametrize("algorithm", ["EdDSA", "RS256"])
async def test_jwks_key_is_fetched_and_selected_by_kid(serve: Serve, algorithm: str) -> None:
    key, second = generate_key(algorithm), generate_key(algorithm)
    async with serve(jwks_loopback=True) as service, publishing() as site:
        # real issuers publish invalid keys, too
        site.keys = [jwk(key, algorithm, "a"), {"kty": "oct", "k": "c2VjcmV0"}, {"kty": "RSA"}, "x"]  # type: ignore[list-item]
        await register(service, algorithm=algorithm, jwks_url=site.url)
        poll = await signed_poll(service)
        assert (await service.vote(poll, "rice", token(key, algorithm, kid="a"))).status_code == 200
        assert (await service.vote(poll, "rice", token(key, algorithm))).status_code == 200
        assert (await service.vote(poll, "rice", token(second, algorithm, kid="a"))).status_code == 401
        assert (await service.vote(poll, "rice", token(key, algorithm, kid="b"))).status_code == 401


async def test_jwks_new_key_is_fetched_at_a_limited_rate(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, second = generate_key("EdDSA"), generate_key("EdDSA")
    async with serve(jwks_loopback=True) as service, publishing() as site:
        site.keys = [jwk(key, "EdDSA", "a")]
        await register(service, jwks_url=site.url)
        poll = await signed_poll(service)
        assert (await service.vote(poll, "rice", token(key, "EdDSA", kid="a"))).status_code == 200
        site.keys.append(jwk(second, "EdDSA", "b"))
        new = token(second, "EdDSA", kid="b", sub="bob")
        for _ in range(5):
            assert (await service.vote(poll, "rice", new)).status_code == 401
        assert site.asked == 1
        monkeypatch.setattr(key_sets, "MIN_INTERVAL_S", 0.0)
        assert (await service.vote(poll, "rice", new)).status_code == 200
        assert site.asked == 2


@pytest.mark.parametrize("fault", ["away", "too long", "refuses", "moved"])
async def test_jwks_unavailable_returns_503_for_its_voters_only(serve: Serve, fault: str) -> None:
    key = generate_key("EdDSA")
    async with serve(jwks_loopback=True) as service, publishing() as site:
        site.keys = [jwk(key, "EdDSA", "a")]
        site.padding = "x" * key_sets.MAX_BYTES if fault == "too long" else ""
        site.status = {"refuses": "500 No", "moved": "302 Found\r\nLocation: /keys"}.get(fault, "200 OK")
        url = "http://127.0.0.1:9/keys" if fault == "away" else site.url
        await register(service, jwks_url=url)
        poll = await signed_poll(service)
        answer = await service.vote(poll, "rice", token(key, "EdDSA", kid="a"))
        assert (answer.status_code, slug(answer)) == (503, "overloaded")
        other = (await service.create_poll())["id"]
        assert (await service.vote(other, "rice", await service.voter())).status_code == 200


async def test_list_issuers_hides_shared_secrets(service: Service) -> None:
    secret, public = generate_key("HS256"), generate_key("EdDSA")
    first = await register(service, secret, "HS256")
    await register(service, public, issuer="https://other.example")
    issuers = await service.admin.get(ISSUERS)
    assert secret not in issuers.text
    assert secret not in str(first)
    assert {item["issuer"]: item["key"] for item in issuers.json()["items"]} == {
        ISSUER: None,
        "https://other.example": public_pem(public),
    }
    assert (await service.admin.get(ISSUERS, params={"limit": 1})).json()["next"] is not None


PEM = public_pem(generate_key("EdDSA"))
GOOD = {"issuer": "x", "algorithm": "EdDSA", "audience": "y", "key": PEM}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"issuer": ""}, "issuer"),
        ({"algorithm": "none"}, "algorithm"),
        ({"algorithm": "RS256"}, "key"),
        ({"algorithm": "HS256"}, "key"),
        ({"algorithm": "HS256", "key": "short"}, "key"),
        ({"key": "no PEM"}, "key"),
        ({"key": None}, "key"),
        ({"jwks_url": "https://x.example/keys"}, "key"),
        ({"key": None, "jwks_url": "http://x.example/keys"}, "jwks_url"),
        ({"key": None, "jwks_url": "http://127.0.0.1/keys"}, "jwks_url"),
        ({"key": None, "jwks_url": "https://localhost/keys"}, "jwks_url"),
        *(
            ({"key": None, "jwks_url": f"https://{host}/keys"}, "jwks_url")
            for host in (
                "[::1]",
                "[::ffff:127.0.0.1]",
                "[::]",
                "0",
                "127.1",
                "2130706433",
                "0x7f000001",
                "localhost.",
            )
        ),
        ({"key": None, "jwks_url": "https://a:b@x.example/keys"}, "jwks_url"),
        ({"key": None, "jwks_url": "file:///etc/passwd"}, "jwks_url"),
        ({"key": None, "jwks_url": "https://[x/keys"}, "jwks_url"),
        ({"algorithm": "HS256", "key": None, "jwks_url": "https://x.example/keys"}, "jwks_url"),
        ({"audience": 5}, "audience"),
        ({"kid": "x"}, "kid"),
    ],
)
async def test_create_invalid_issuer_returns_the_field(
    own_service: Service, changes: dict[str, Any], field: str
) -> None:
    answer = await own_service.admin.post(ISSUERS, json=GOOD | changes)
    assert (answer.status_code, answer.json().get("field")) == (422, field), answer.text
    assert (await own_service.admin.get(ISSUERS)).json()["items"] == []


async def test_create_signed_poll_requires_a_registered_issuer(service: Service) -> None:
    key = generate_key("EdDSA")
    await register(service, key)
    await register(service, key, issuer="https://other.example")
    poll = {
        "kind": "single",
        "question": "?",
        "options": [{"id": "a", "label": "A"}, {"id": "b", "label": "B"}],
    }
    for wrong in ({"identity": "signed"}, {"issuer": ISSUER}, {"identity": "signed", "issuer": "x"}):
        answer = await service.admin.post("/v1/admin/polls", json=poll | wrong)
        assert (answer.status_code, answer.json().get("field")) == (422, "issuer")
    made = await signed_poll(service)
    edit = {"issuer": "https://other.example"}
    assert (await service.admin.patch(f"/v1/admin/polls/{made}", json=edit)).json()["issuer"] == edit[
        "issuer"
    ]
    theirs = token(key, "EdDSA", iss=edit["issuer"])
    assert (await service.vote(made, "rice", theirs)).status_code == 200
    refused = await service.admin.patch(f"/v1/admin/polls/{made}", json={"issuer": ISSUER})
    assert (refused.status_code, slug(refused)) == (409, "edit-refused")
