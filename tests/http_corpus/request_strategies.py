"""Hypothesis strategies: valid requests composed at random, then damaged and split at any byte."""

from __future__ import annotations

import itertools
import json

from hypothesis import strategies as st

from tests.http_corpus.case import JSON, chunked, request
from tests.http_corpus.servers import FRIEND, NEWS, POLLS, STRANGER, voter

_PIECES = (
    *(b"\r\n", b"\r", b"\n", b"\0", b" ", b"\t", b":", b"/", b"%00", b"%2f", b"?", b"#", b'"', b"{", b"\\u"),
    *(b"\xff", b"\xc3\xa9", b"1" * 40, b"content-length: 0\r\n", b"transfer-encoding: chunked\r\n"),
    *(b"connection: close\r\n", b"expect: 100-continue\r\n", b"upgrade: h2c\r\n", b"HTTP/1.0", b"HTTP/2.0"),
)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("rice"),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["choice", "a"]), inner, max_size=2)
    ),
    max_leaves=5,
)
choices = st.sampled_from(["rice", "yam"]) | values
bodies = st.one_of(
    st.fixed_dictionaries({"choice": choices}, optional={"revision": st.integers(-1, 3) | values}).map(
        json.dumps
    ),
    values.map(json.dumps),
    st.text(max_size=12),
)
voters = st.sampled_from(["ama", "kofi", "esi"]).map(lambda name: f"authorization: Bearer {voter(name)}")
optional_headers = st.lists(
    st.one_of(
        voters,
        st.sampled_from([f"origin: {site}" for site in (NEWS, FRIEND, STRANGER, "null")]),
        st.sampled_from(["connection: keep-alive", "authorization: Bearer forged", "x-a: b", "cookie: a=b"]),
        st.sampled_from([f"cookie: pollwire_voter={voter('efua')}", "idempotency-key: one", "expect: tea"]),
    ),
    max_size=3,
    unique_by=lambda line: line.partition(":")[0],
)


@st.composite
def votes(draw: st.DrawFn) -> bytes:
    """Generate a vote that is valid or nearly so.

    It is never for the open poll, where every vote counts. A vote with an aborted response would make the
    namespaces differ.
    """
    known = [poll for poll in POLLS if poll != "box"]
    poll = draw(st.sampled_from([*known, "nowhere", "Odd", "x" * 65]))
    body = draw(bodies)
    headers = [draw(st.sampled_from([JSON, JSON + ";charset=utf-8", "content-type: text/plain"]))]
    headers += draw(optional_headers)
    if draw(st.integers(0, 5)) == 0 and body.isascii():
        headers, body = [*headers, "transfer-encoding: chunked"], chunked(body)
    return request(f"POST /v1/polls/{poll}/votes", *headers, body=body)


@st.composite
def others(draw: st.DrawFn) -> bytes:
    """Generate another request of the fast path: registration, preflight or results."""
    headers = draw(optional_headers)
    line = draw(
        st.sampled_from(
            [
                "POST /v1/voters",
                "POST /v1/voters?poll=friends",
                "OPTIONS /v1/polls/lunch/votes",
                "GET /v1/polls/strict/results",
                "GET /v1/polls/after-vote/results",
                "GET /v1/polls/nowhere/results",
            ]
        )
    )
    if line.startswith("OPTIONS"):
        headers = [*headers, "access-control-request-method: POST"]
    return request(line, *headers)


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """Generate a damaged request, with bytes inserted, removed, replaced or repeated."""
    sent = whole
    for _ in range(draw(st.integers(0, 2))):
        start = draw(st.integers(0, len(sent)))
        end = min(len(sent), start + draw(st.integers(0, 8)))
        put = draw(st.sampled_from(_PIECES) | st.binary(max_size=3) | st.just(sent[start:end] * 2))
        sent = sent[:start] + put + sent[end:]
    return sent


requests = (votes() | votes() | votes() | others()).flatmap(damaged)


@st.composite
def segments(draw: st.DrawFn, whole: bytes) -> list[bytes]:
    """Split the bytes into up to five segments."""
    places = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=4)))
    edges = [0, *places, len(whole)]
    return [whole[start:end] for start, end in itertools.pairwise(edges) if end > start]
