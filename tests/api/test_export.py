"""Exports: every current vote exactly once, in a file that is safe to open."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
import secrets
from collections.abc import AsyncIterator

import httpx
import pytest
from pollwire_server.admin.export import safe_cell
from pollwire_server.store.votes.ballots import BallotInput

from tests.api.conftest import Service
from tests.factories import a_voter

POLLS = "/v1/admin/polls"
SEVERAL = [
    {"id": "a", "label": "=HYPERLINK(1)"},
    {"id": "b", "label": "B, or “not b”"},
    {"id": "c", "label": "C"},
]


async def fill(service: Service, poll: str, votes: int, code: str = "A") -> None:
    """Store many votes at once, without the HTTP API."""
    record = await service.store.polls.get(poll)
    for start in range(0, votes, 2_000):
        casts = [BallotInput(a_voter(), code) for _ in range(min(2_000, votes - start))]
        await service.store.ballots.cast_many([(record, casts)])


async def test_ndjson_export_has_one_line_for_each_vote(service: Service) -> None:
    """Check that NDJSON has each current choice once, in the format of votes, and no withdrawn vote."""
    poll = (await service.create_poll(kind="multiple", options=SEVERAL, revote="withdraw"))["id"]
    tokens = [await service.voter() for _ in range(3)]
    for token, choice in zip(tokens, (["a"], ["b", "a"], ["c"]), strict=True):
        vote = await service.vote(poll, choice, token)
        assert vote.status_code == 200, vote.text
    bearer = {"Authorization": f"Bearer {tokens[2]}"}
    assert (await service.http.delete(f"/v1/polls/{poll}/votes/mine", headers=bearer)).status_code == 200
    answer = await service.admin.get(f"{POLLS}/{poll}/export", params={"format": "ndjson"})
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["cache-control"] == "private, no-store"
    assert f'filename="{poll}.ndjson"' in answer.headers["content-disposition"]
    rows = [json.loads(line) for line in answer.text.splitlines()]
    assert sorted(row["choice"] for row in rows) == [["a"], ["a", "b"]]
    assert {tuple(row) for row in rows} == {("voter", "choice", "at", "revision")}


async def test_csv_export_contains_no_formula(service: Service) -> None:
    """Check the default format, CSV: labels that begin like a formula are text, and quoting works."""
    poll = (await service.create_poll(kind="multiple", options=SEVERAL))["id"]
    await service.vote(poll, ["a", "b"], await service.voter())
    answer = await service.admin.get(f"{POLLS}/{poll}/export")
    assert answer.headers["content-type"] == "text/csv; header=present; charset=utf-8"
    head, row = csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""))
    assert head == ["voter", "choice", "label", "at", "revision"]
    assert row[1:3] == ["a b", "'=HYPERLINK(1); B, or “not b”"]
    assert row[4] == "1"


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@a", "\t=1", "\r=1", " =1", "＝1"])
def test_csv_formula_gets_an_apostrophe(text: str) -> None:
    """Check that cells which spreadsheets read as a formula get an apostrophe, and no others do."""
    assert safe_cell(text) == f"'{text}"
    assert safe_cell("rice = yam") == "rice = yam"


@pytest.mark.parametrize(
    "text",
    [
        *("606e108800862246", "1e5", "007", "2024", "2024-05-01", "10-11", "1/2", "3.14", "1,000", "10:30"),
        *("5%", "mar-1", "1-mar", "sept2", "dec1", "may 5", "march-2024", "true", "3pm", "2024-05-01t10"),
        *("1-mai", "okt-3", "5-dic", "1. März", "3 août", "2-ene", "WAHR", "vrai", "#N/A", "#DIV/0!"),
        *("−5", "１２", "٣٤", "₹5", "5 €", "\u00a07", "\u00a0=1", "\u2003+1"),
    ],
)
def test_csv_text_that_spreadsheets_convert_gets_an_apostrophe(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize(
    "text",
    ["rice", "a1", "v606e108800862246", "marble", "mayor", "2 bowls", "x-1", "mars", "may", "set", "#1x"],
)
def test_csv_other_text_is_unchanged(text: str) -> None:
    assert safe_cell(text) == text


async def test_csv_export_opens_correctly_in_spreadsheets(service: Service) -> None:
    """It begins with a byte order mark, and neither voters nor option ids are numbers or dates."""
    options = [{"id": "2024-05-01", "label": "Zürich 東京"}, {"id": "1e5", "label": "Yam"}]
    poll = (await service.create_poll(options=options))["id"]
    await service.vote(poll, "2024-05-01", await service.voter())
    await service.vote(poll, "1e5", await service.voter())
    answer = await service.admin.get(f"{POLLS}/{poll}/export", params={"format": "csv"})
    assert answer.content.startswith(b"\xef\xbb\xbfvoter,")
    assert answer.content.count(b"\xef\xbb\xbf") == 1
    _, *rows = csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""))
    assert {(row[1], row[2]) for row in rows} == {("'2024-05-01", "Zürich 東京"), ("'1e5", "Yam")}
    assert all(re.fullmatch("v[0-9a-f]{16}", row[0]) for row in rows)


async def test_export_contains_no_voter_identity(service: Service) -> None:
    """Check that rows contain neither the token's id nor the store's full voter id."""
    poll, token = (await service.create_poll())["id"], await service.voter()
    await service.vote(poll, "rice", token)
    (row,) = (await service.admin.get(f"{POLLS}/{poll}/export?format=ndjson")).text.splitlines()
    assert len(json.loads(row)["voter"]) == 16
    assert token not in row


async def test_export_of_many_pages_has_every_vote_once(service: Service) -> None:
    """Check that thousands of votes over many pages each occur once, also during concurrent voting."""
    poll = (await service.create_poll())["id"]
    await fill(service, poll, 30_000)
    meanwhile = asyncio.create_task(fill(service, poll, 10_000))
    answer = await service.admin.get(f"{POLLS}/{poll}/export?format=ndjson", timeout=60)
    await meanwhile
    lines = answer.text.splitlines()
    voters = {json.loads(line)["voter"] for line in lines}
    assert 30_000 <= len(voters) == len(lines) <= 40_000


async def test_export_client_disconnecting_does_not_affect_the_next(service: Service) -> None:
    """Check that a client disconnecting during an export affects neither the poll nor the next export."""
    poll = (await service.create_poll())["id"]
    await fill(service, poll, 20_000)
    async with service.admin.stream("GET", f"{POLLS}/{poll}/export") as answer:
        async for _ in answer.aiter_bytes():
            break
    whole = await service.admin.get(f"{POLLS}/{poll}/export", timeout=60)
    assert len(whole.text.splitlines()) == 20_001
    assert (await service.admin.get(f"{POLLS}/{poll}/results")).json()["voters"] == 20_000


async def test_export_during_reset_is_aborted(service: Service) -> None:
    """Check that the transfer is aborted when the votes are reset during the export."""
    poll = (await service.create_poll())["id"]
    await fill(service, poll, 200_000)

    async def rest_of(pieces: AsyncIterator[bytes]) -> list[bytes]:
        return [piece async for piece in pieces]

    async with service.admin.stream("GET", f"{POLLS}/{poll}/export?format=ndjson") as answer:
        pieces = answer.aiter_bytes()
        await anext(pieces)
        await service.act(poll, "reset", confirm=poll)
        with pytest.raises(httpx.RemoteProtocolError):
            await rest_of(pieces)


async def test_export_invalid_request_returns_its_status(service: Service) -> None:
    """Check that an unknown poll is 404, an unknown format 422, and an archived poll 409 with its phase."""
    poll = (await service.create_poll())["id"]
    assert (await service.admin.get(f"{POLLS}/nowhere-{secrets.token_hex(2)}/export")).status_code == 404
    wrong = await service.admin.get(f"{POLLS}/{poll}/export?format=xlsx")
    assert (wrong.status_code, wrong.json()["field"]) == (422, "format")
    await service.act(poll, "cancel")
    await service.act(poll, "archive")
    missing = await service.admin.get(f"{POLLS}/{poll}/export")
    assert (missing.status_code, missing.json()["phase"]) == (409, "archived")
