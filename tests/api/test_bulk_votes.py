"""Bulk votes of trusted back ends: in order, streamed, with errors for single lines only."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pollwire_server.auth.voter_ids import (
    voter_id_from_backend,
    voter_id_from_idempotency_key,
    voter_id_from_issuer,
    voter_id_from_token,
)
from pollwire_server.store import open_store

from tests.api.conftest import Service, serving
from tests.valkey import Valkey
from tests.wait import until

NDJSON = {"Content-Type": "application/x-ndjson"}


def line(voter: object, choice: object = "rice", **more: object) -> bytes:
    """Return one vote as a line of NDJSON."""
    return json.dumps({"voter": voter, "choice": choice, **more}).encode() + b"\n"


async def send(service: Service, poll: str, body: bytes | Iterable[bytes]) -> list[dict[str, Any]]:
    """Send a whole body, then read the responses to its lines."""
    content = body if isinstance(body, bytes) else b"".join(body)
    answer = await service.admin.post(
        f"/v1/admin/polls/{poll}/votes", content=content, headers=NDJSON, timeout=60
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(text) for text in answer.text.splitlines()]


async def voters(service: Service, poll: str) -> int:
    """Return the number of voters."""
    return int((await service.admin.get(f"/v1/admin/polls/{poll}/results")).json()["voters"])


class Talk:
    """One request with body and response streamed at once, over a plain socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def say(self, data: bytes) -> None:
        """Send a chunk of the body (RFC 9112, section 7.1)."""
        self.writer.write(b"%x\r\n%b\r\n" % (len(data), data))

    async def head(self) -> bytes:
        """Read the response's status line and headers."""
        return await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 5)

    async def answers(self) -> list[dict[str, Any]]:
        """Read the lines of the next chunk of the response; none at its end."""
        size = int(await asyncio.wait_for(self.reader.readline(), 5), 16)
        chunk = await self.reader.readexactly(size + 2)
        return [json.loads(text) for text in chunk.splitlines() if text]


@asynccontextmanager
async def talking(service: Service, poll: str, key: str | None = None) -> AsyncIterator[Talk]:
    """Send a request's headers, by default with the admin key. Close the connection after the block."""
    host, port = service.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    authorization = service.admin.headers["authorization"] if key is None else f"Bearer {key}"
    writer.write(
        f"POST /v1/admin/polls/{poll}/votes HTTP/1.1\r\nHost: {host}\r\nAuthorization: {authorization}\r\n"
        "Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    )
    try:
        yield Talk(reader, writer)
    finally:
        writer.close()


async def test_bulk_votes_stream_a_response_for_each_line(service: Service) -> None:
    """Check that a line's response arrives before the next line is sent."""
    poll = (await service.create_poll(revote="change"))["id"]
    async with talking(service, poll) as talk:
        assert b"200" in (await talk.head()).partition(b"\r\n")[0]
        talk.say(line("ama"))
        assert await talk.answers() == [{"line": 1, "status": "counted", "revision": 1}]
        assert await voters(service, poll) == 1
        talk.say(line("ama", "yam") + b"\n" + line("kofi")[:-9])
        assert await talk.answers() == [{"line": 2, "status": "changed", "revision": 2}]
        talk.say(line("kofi")[-9:])
        assert await talk.answers() == [{"line": 4, "status": "counted", "revision": 1}]
        talk.say(b"")
        assert await talk.answers() == []


async def test_bulk_votes_repeated_lines_are_unchanged(service: Service) -> None:
    """Check that repeated lines are unchanged, and that a voter repeated in one request has one vote."""
    poll = (await service.create_poll())["id"]
    body = [line(f"voter {number}") for number in range(700)]
    assert {result["status"] for result in await send(service, poll, body)} == {"counted"}
    again = await send(service, poll, [*body, body[0].rstrip()])
    assert {result["status"] for result in again} == {"unchanged"}
    assert [result["line"] for result in again] == list(range(1, 702))
    assert await voters(service, poll) == 700


BAD = [
    (b"nonsense", "malformed-body", 400),
    (b"[1]", "malformed-body", 400),
    (b'"text"', "malformed-body", 400),
    (b"\xff\xfe", "malformed-body", 400),
    (b"[" * 10_000, "malformed-body", 400),
    (b'{"voter": "a", "choice": "rice"', "malformed-body", 400),
    (b'{"voter": "a"}', "invalid-choice", 422),
    (b'{"choice": "rice"}', "invalid-choice", 422),
    (b'{"voter": "", "choice": "rice"}', "invalid-choice", 422),
    (json.dumps({"voter": "a" * 201, "choice": "rice"}).encode(), "invalid-choice", 422),
    (b'{"voter": 7, "choice": "rice"}', "invalid-choice", 422),
    (b'{"voter": "a", "choice": "bread"}', "invalid-choice", 422),
    (b'{"voter": "a", "choice": ["rice"]}', "invalid-choice", 422),
    (b'{"voter": "a", "choice": "rice", "revision": -1}', "invalid-choice", 422),
    (b'{"voter": "a", "choice": "rice", "more": 1}', "invalid-choice", 422),
    (b'{"voter": "a", "choice": "rice", "revision": 7}', "stale-revision", 409),
    (b'{"voter": "good 1", "choice": "yam"}', "already-voted", 409),
    (b"x" * 16_385, "body-too-large", 413),
    (b"x" * 1_000_000, "body-too-large", 413),
]


@pytest.mark.parametrize(("bad", "slug", "status"), BAD, ids=lambda value: str(value)[:40])
async def test_bulk_votes_invalid_line_does_not_affect_others(
    service: Service, bad: bytes, slug: str, status: int
) -> None:
    """Check that an invalid line is rejected with its number, and that the lines around it count."""
    poll = (await service.create_poll())["id"]
    first, refused, last = await send(service, poll, line("good 1") + bad + b"\r\n" + line("good 2"))
    assert (first["status"], last["status"]) == ("counted", "counted")
    assert (refused["line"], refused["problem"], refused["status"]) == (2, f"/problems/{slug}", status)
    assert refused["detail"]
    assert last["line"] == 3
    assert await voters(service, poll) == 2


async def test_bulk_voter_ids_never_equal_other_voters(service: Service) -> None:
    """Check that voter ids of back ends, tokens, issuers and idempotency keys never coincide."""
    poll = await service.store.polls.get((await service.create_poll())["id"])
    ways = (voter_id_from_token, voter_id_from_issuer, voter_id_from_idempotency_key)
    names = {way(poll.voter_key, b"ama") for way in ways} | {voter_id_from_backend(poll.voter_key, "ama")}
    assert len(names) == 4


async def test_byte_order_mark_before_a_line_is_ignored(service: Service) -> None:
    """Also before a later line: two files that were joined."""
    poll, mark = (await service.create_poll())["id"], b"\xef\xbb\xbf"
    answers = await send(service, poll, mark + line("a") + line("b") + mark + line("c"))
    assert [answer["status"] for answer in answers] == ["counted"] * 3
    assert (await send(service, poll, mark + mark + line("d")))[0]["status"] == 400


async def test_json_bodies_may_begin_with_a_byte_order_mark(service: Service) -> None:
    bom, headers = b"\xef\xbb\xbf", {"Content-Type": "application/json"}
    document = {
        "kind": "single",
        "question": "Q?",
        "options": [{"id": "a", "label": "A"}, {"id": "b", "label": "B"}],
    }
    made = await service.admin.post(
        "/v1/admin/polls", content=bom + json.dumps(document).encode(), headers=headers
    )
    assert made.status_code == 201, made.text
    voted = await service.http.post(
        f"/v1/polls/{made.json()['id']}/votes",
        content=bom + b'{"choice":"a"}',
        headers={**headers, "Authorization": f"Bearer {await service.voter()}"},
    )
    assert voted.status_code == 200, voted.text
    closing = await service.admin.post(
        f"/v1/admin/polls/{made.json()['id']}/close", content=bom + b"{}", headers=headers
    )
    assert closing.status_code == 200, closing.text
    registered = await service.http.post("/v1/voters", content=bom + b'{"name":"Ama"}', headers=headers)
    assert registered.status_code == 201, registered.text


async def test_voter_names_of_back_ends_are_normalized_and_not_blank(service: Service) -> None:
    poll = (await service.create_poll())["id"]
    composed, decomposed = "Ren\u00e9", "Rene\u0301"
    answers = await send(service, poll, line(composed) + line(decomposed) + line("\u3164") + line(" \u200b"))
    assert [answer["status"] for answer in answers] == ["counted", "unchanged", 422, 422]
    assert [answer.get("field") for answer in answers[2:]] == ["voter", "voter"]


@pytest.mark.parametrize("name", ["\u3164", "\u2800", "\u200b\ufe0f", "a\u2028b", "a\u0085b"])
async def test_blank_or_broken_display_name_is_rejected(service: Service, name: str) -> None:
    answer = await service.http.post("/v1/voters", json={"name": name})
    assert (answer.status_code, answer.json()["field"]) == (422, "name")


async def test_bulk_votes_after_the_end_are_rejected(service: Service) -> None:
    """Check that lines after the poll's end are rejected, and that options added meanwhile are accepted."""
    poll = (await service.create_poll())["id"]
    async with talking(service, poll) as talk:
        await talk.head()
        talk.say(line("ama", "bread"))
        assert (await talk.answers())[0]["problem"] == "/problems/invalid-choice"
        options = [{"id": name, "label": name} for name in ("rice", "yam", "bread")]
        edited = await service.admin.patch(f"/v1/admin/polls/{poll}", json={"options": options})
        assert edited.status_code == 200
        talk.say(line("ama", "bread"))
        assert (await talk.answers())[0]["status"] == "counted"
        await service.act(poll, "close")
        talk.say(line("kofi"))
        assert (await talk.answers())[0]["problem"] == "/problems/poll-closed"
        await service.admin.request("DELETE", f"/v1/admin/polls/{poll}", json={"confirm": poll})
        talk.say(line("esi"))
        assert (await talk.answers())[0]["problem"] == "/problems/poll-not-found"


async def test_bulk_votes_client_disconnecting_counts_complete_lines(service: Service) -> None:
    """Check that complete lines received before a disconnect count once, and a partial line does not."""
    poll = (await service.create_poll())["id"]
    async with talking(service, poll) as talk:
        await talk.head()
        talk.say(line("ama") + line("kofi")[:10])
        await talk.answers()
    await until(lambda: voters(service, poll))
    assert await voters(service, poll) == 1
    assert [result["status"] for result in await send(service, poll, line("ama") + line("kofi"))] == [
        "unchanged",
        "counted",
    ]


@pytest.mark.slow
async def test_bulk_votes_100000_lines_are_counted_in_order(service: Service) -> None:
    """Check that all lines are counted in order although the client reads nothing before the last is sent."""
    poll = (await service.create_poll())["id"]
    body = [line(f"voter {number}", "rice" if number % 10 else "bread") for number in range(100_000)]
    result = await send(service, poll, body)
    assert [one["line"] for one in result] == list(range(1, 100_001))
    assert sum(one["status"] == "counted" for one in result) == await voters(service, poll) == 90_000


async def test_bulk_votes_invalid_request_returns_its_status(service: Service) -> None:
    """Check status codes: wrong scope 403, no key 401, unknown poll 404, type 415, GET 405, empty 200."""
    poll = (await service.create_poll())["id"]
    url = f"/v1/admin/polls/{poll}/votes"
    body = {"name": "reader", "scopes": ["polls:read", "polls:write"]}
    key = (await service.admin.post("/v1/admin/keys", json=body)).json()["key"]
    headers = {**NDJSON, "Authorization": f"Bearer {key}"}
    refused = await service.http.post(url, content=line("a"), headers=headers)
    assert (refused.status_code, refused.json()["scope"]) == (403, "votes:write")
    assert (await service.http.post(url, content=line("a"), headers=NDJSON)).status_code == 401
    assert (await service.admin.get(url)).status_code == 405
    nowhere = await service.admin.post("/v1/admin/polls/nowhere/votes", content=line("a"), headers=NDJSON)
    assert nowhere.status_code == 404
    other = await service.admin.post(url, json={"voter": "a", "choice": "rice"})
    assert (other.status_code, other.headers["accept"]) == (415, "application/x-ndjson")
    assert await send(service, poll, b"") == await send(service, poll, b"\n \r\n") == []
    assert await voters(service, poll) == 0


async def test_bulk_votes_during_store_outage_are_rejected_line_by_line(own_valkey: Valkey) -> None:
    """Check that lines sent during a store outage are rejected, and count once when sent again."""
    store = await open_store(own_valkey.url, namespace="t")
    async with serving(store, own_valkey.url) as service:
        poll = (await service.create_poll())["id"]
        async with talking(service, poll) as talk:
            await talk.head()
            talk.say(line("ama"))
            assert (await talk.answers())[0]["status"] == "counted"
            with own_valkey.away():
                talk.say(line("ama") + line("kofi") + b"nonsense\n")
                refused = await talk.answers()
            assert [result["problem"] for result in refused] == [
                "/problems/store-unavailable",
                "/problems/store-unavailable",
                "/problems/malformed-body",
            ]
            assert refused[0]["retry_after"] >= 1
        await until(lambda: is_back(service))
        again = await send(service, poll, line("ama") + line("kofi"))
        assert [result["status"] for result in again] == ["unchanged", "counted"]
    await store.close()


async def is_back(service: Service) -> bool:
    """Return True if the store responds."""
    return (await service.admin.get("/v1/admin/polls")).status_code == 200
