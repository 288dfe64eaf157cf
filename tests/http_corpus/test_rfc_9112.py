"""The requirements of RFC 9112 on servers: one row for each MUST and MUST NOT, with its section.

Each row is sent to the server with the fast path and to the server without it. ``closes`` is None if the
requirement leaves the connection's state open.
"""

from __future__ import annotations

import asyncio
import re
from typing import NamedTuple

import pytest

from tests.http_corpus.case import JSON, VOTE, chunked, request, vote
from tests.http_corpus.raw_client import WITHIN_S, raw_connection
from tests.http_corpus.servers import ADMIN_KEY, CorpusServer, voter

pytestmark = pytest.mark.asyncio(loop_scope="package")

RESULTS = "GET /v1/polls/strict/results"
EXPORT = "GET /v1/admin/polls/strict/export"
EVENTS = "GET /v1/polls/strict/events"
KEY = f"authorization: Bearer {ADMIN_KEY}"
CHUNKED = "transfer-encoding: chunked"


class Requirement(NamedTuple):
    """One requirement: the bytes sent, the statuses of the responses, and how the connection ends."""

    section: str
    rule: str
    sent: bytes
    statuses: tuple[int, ...]
    closes: bool | None = None
    absent: bytes = b""
    """Must not occur in the responses."""
    present: bytes = b""


def _raw(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode("latin-1")


def _vote_line(line: str, *headers: str, host: str = "host: polls.example") -> bytes:
    bearer = f"authorization: Bearer {voter('rfc')}"
    return request(line, JSON, bearer, *headers, body=VOTE, host=host)


VOTES = "POST /v1/polls/odd/votes"

REQUIREMENTS = [
    # 2 Message
    Requirement(
        "2.2", "an empty line before the request line is ignored", b"\r\n" + request(RESULTS), (200,)
    ),
    Requirement("2.2", "a bare CR is invalid", request(RESULTS, "x-a: 1\rb: 2"), (400,), closes=True),
    Requirement(
        "2.2",
        "whitespace between start line and first header is rejected",
        _raw("GET /livez HTTP/1.1\n host: a\n\n"),
        (400,),
        closes=True,
    ),
    Requirement("2.2", "text that is not HTTP gets 400", b"hello\r\n\r\n", (400,), closes=True),
    Requirement("2.3", "a higher minor version is read as 1.1", request(RESULTS, version="HTTP/1.9"), (200,)),
    Requirement(
        "2.3", "another major version gets 505", request(RESULTS, version="HTTP/2.0"), (505,), closes=True
    ),
    Requirement("2.3", "version 3.0 gets 505", request(RESULTS, version="HTTP/3.0"), (505,), closes=True),
    Requirement(
        "2.3", "the version is case-sensitive", request(RESULTS, version="http/1.1"), (400,), closes=True
    ),
    # 3 Request line
    Requirement("3", "whitespace in the target gets 400", request("GET /a b"), (400,), closes=True),
    Requirement(
        "3", "a target that is too long gets 414", request("GET /" + "a" * 70_000), (414,), closes=True
    ),
    Requirement("3.2", "no Host in HTTP/1.1 gets 400", request(RESULTS, host=""), (400,), closes=True),
    Requirement("3.2", "no Host on the fast path gets 400", _vote_line(VOTES, host=""), (400,), closes=True),
    Requirement("3.2", "two Host lines get 400", request(RESULTS, "host: a"), (400,), closes=True),
    Requirement(
        "3.2", "two equal Host lines get 400", request(RESULTS, "Host: polls.example"), (400,), closes=True
    ),
    Requirement("3.2", "a Host list gets 400", request(RESULTS, host="host: a, b"), (400,), closes=True),
    Requirement(
        "3.2",
        "a Host with user information gets 400",
        request(RESULTS, host="host: u@a"),
        (400,),
        closes=True,
    ),
    Requirement(
        "3.2", "a Host with a path gets 400", request(RESULTS, host="host: a/b"), (400,), closes=True
    ),
    Requirement(
        "3.2", "a Host with a bad port gets 400", request(RESULTS, host="host: a:x"), (400,), closes=True
    ),
    Requirement("3.2", "an IPv6 Host is valid", request(RESULTS, host="host: [::1]:80"), (200,)),
    Requirement(
        "3.2", "HTTP/1.0 needs no Host", request(RESULTS, host="", version="HTTP/1.0"), (200,), closes=True
    ),
    Requirement(
        "3.2", "two Host lines in HTTP/1.0 get 400", request(RESULTS, "host: a", version="HTTP/1.0"), (400,)
    ),
    Requirement("3.2.1", "a target that is no path gets 400", request("GET livez"), (400,), closes=True),
    Requirement("3.2.2", "the absolute form is accepted", request("GET http://polls.example/livez"), (200,)),
    Requirement("3.2.2", "an absolute form without path is /", request("GET HTTPS://polls.example"), (200,)),
    Requirement("3.2.2", "an absolute form with query only", request("GET http://polls.example?a=1"), (200,)),
    Requirement(
        "3.2.2", "the absolute form of a vote", _vote_line("POST http://a.example/v1/polls/odd/votes"), (200,)
    ),
    Requirement(
        "3.2.2",
        "the Host is ignored for an absolute form",
        request("GET http://real.example/oembed?url=x", host="host: other.example"),
        (404,),
        present=b"//real.example/polls/",
        absent=b"other.example",
    ),
    Requirement("3.2.2", "an absolute form still needs Host", request("GET http://a/livez", host=""), (400,)),
    Requirement(
        "3.2.2", "an http URI without host gets 400", request("GET http:///livez"), (400,), closes=True
    ),
    Requirement(
        "3.2.2", "a URI with user information gets 400", request("GET http://u@a/livez"), (400,), closes=True
    ),
    Requirement(
        "3.2.2", "a URI of another scheme gets 400", request("GET ftp://a/livez"), (400,), closes=True
    ),
    Requirement(
        "3.2.3", "the authority form is for CONNECT only", request("GET a.example:80"), (400,), closes=True
    ),
    Requirement("3.2.4", "the asterisk form is for OPTIONS only", request("GET *"), (400,), closes=True),
    # 5 Field syntax
    Requirement(
        "5.1", "whitespace before the colon gets 400", request(RESULTS, "x-a : 1"), (400,), closes=True
    ),
    Requirement(
        "5.1",
        "whitespace around a value is removed",
        request(RESULTS, host="host:\t polls.example \t"),
        (200,),
    ),
    Requirement(
        "5.2", "obsolete line folding gets 400", request(RESULTS, "x-a: 1\r\n 2"), (400,), closes=True
    ),
    # 6 Message body
    Requirement(
        "6.1", "chunked bodies are read", vote("te", CHUNKED, poll="odd", body=chunked(VOTE)), (200,)
    ),
    Requirement(
        "6.1",
        "chunked is case-insensitive",
        vote("te", "Transfer-Encoding: CHUNKED", poll="odd", body=chunked(VOTE)),
        (200,),
    ),
    Requirement(
        "6.1",
        "an unknown transfer coding gets 501",
        vote("te", "transfer-encoding: gzip, chunked", poll="odd", body=chunked(VOTE)),
        (501,),
        closes=True,
    ),
    Requirement(
        "6.1",
        "an unknown coding in a line of its own gets 501",
        vote("te", "transfer-encoding: gzip", CHUNKED, poll="odd", body=chunked(VOTE)),
        (501,),
        closes=True,
    ),
    Requirement(
        "6.1",
        "chunked twice is invalid",
        vote("te", "transfer-encoding: chunked, chunked", poll="odd", body=chunked(VOTE)),
        (400,),
        closes=True,
    ),
    Requirement(
        "6.1",
        "Transfer-Encoding with Content-Length closes",
        vote("te", CHUNKED, "content-length: 17", poll="odd", body=chunked(VOTE)),
        (400,),
        closes=True,
    ),
    Requirement(
        "6.1",
        "Content-Length with Transfer-Encoding closes",
        vote("te", "content-length: 17", CHUNKED, poll="odd", body=chunked(VOTE)),
        (400,),
        closes=True,
    ),
    Requirement(
        "6.1",
        "Transfer-Encoding in HTTP/1.0 is faulty and closes",
        vote("te", CHUNKED, poll="odd", body=chunked(VOTE), version="HTTP/1.0"),
        (400,),
        closes=True,
    ),
    Requirement(
        "6.1",
        "an export to HTTP/1.0 is not chunked",
        request(EXPORT, KEY, version="HTTP/1.0"),
        (200,),
        closes=True,
        absent=b"transfer-encoding",
    ),
    Requirement(
        "6.1",
        "bulk vote results to HTTP/1.0 are not chunked",
        request(
            "POST /v1/admin/polls/odd/votes",
            KEY,
            "content-type: application/x-ndjson",
            body='{"voter":"a","choice":"rice"}\n',
            version="HTTP/1.0",
        ),
        (200,),
        closes=True,
        absent=b"transfer-encoding",
    ),
    Requirement(
        "6.1",
        "an export to HTTP/1.1 is chunked",
        request(EXPORT, KEY),
        (200,),
        closes=False,
        present=b"transfer-encoding: chunked",
    ),
    Requirement(
        "6.1",
        "a 204 has no Transfer-Encoding",
        request(
            f"OPTIONS {VOTES[5:]}", "origin: https://news.example", "access-control-request-method: POST"
        ),
        (204,),
        absent=b"transfer-encoding",
    ),
    Requirement(
        "6.2",
        "a 204 has no Content-Length",
        request(
            f"OPTIONS {VOTES[5:]}", "origin: https://news.example", "access-control-request-method: POST"
        ),
        (204,),
        absent=b"content-length",
    ),
    Requirement(
        "6.2",
        "Content-Length is decimal",
        vote("cl", "content-length: 0x11", poll="odd"),
        (400,),
        closes=True,
    ),
    Requirement(
        "6.3", "a HEAD response has no body", request("HEAD /v1/polls/strict/results"), (200,), closes=False
    ),
    Requirement(
        "6.3",
        "chunked that is not last gets 400",
        vote("te", "transfer-encoding: chunked, gzip", poll="odd", body=chunked(VOTE)),
        (400,),
        closes=True,
    ),
    Requirement(
        "6.3",
        "a transfer coding without chunked gets 400",
        vote("te", "transfer-encoding: gzip", poll="odd", body=VOTE),
        (400,),
        closes=True,
    ),
    Requirement(
        "6.3",
        "identity is not a transfer coding",
        vote("te", "transfer-encoding: identity", poll="odd", body=VOTE),
        (400,),
        closes=True,
    ),
    Requirement(
        "6.3",
        "an invalid Content-Length gets 400",
        vote("cl", "content-length: 1a", poll="odd"),
        (400,),
        closes=True,
    ),
    Requirement(
        "6.3",
        "differing lengths in one list get 400",
        vote("cl", "content-length: 17, 18", poll="odd"),
        (400,),
        closes=True,
    ),
    Requirement("6.3", "no length means no body", request("POST /v1/voters"), (201,), closes=False),
    # 7 Transfer codings
    Requirement(
        "7.1",
        "a chunk size that overflows gets 400",
        vote("te", CHUNKED, poll="odd", body="F" * 17 + "\r\n"),
        (400,),
        closes=True,
    ),
    Requirement(
        "7.1",
        "chunk sizes are hexadecimal in both cases",
        vote("te", CHUNKED, poll="odd", body=chunked(VOTE, 17).replace("11\r\n", "0011\r\n")),
        (200,),
    ),
    Requirement(
        "7.1",
        "a chunk longer than its size gets 400",
        vote("te", CHUNKED, poll="odd", body="3\r\nabcd\r\n0\r\n\r\n"),
        (400,),
        closes=True,
    ),
    Requirement(
        "7.1.1",
        "unknown chunk extensions are ignored",
        vote("te", CHUNKED, poll="odd", body=chunked(VOTE, 17).replace("11\r\n", '11;a=b;c="d"\r\n')),
        (200,),
    ),
    Requirement(
        "7.1.2",
        "trailers do not replace headers",
        vote(
            "te",
            CHUNKED,
            poll="odd",
            body=chunked(VOTE).replace("0\r\n\r\n", "0\r\nauthorization: Bearer x\r\n\r\n"),
        ),
        (200,),
    ),
    # 9 Connection management
    Requirement(
        "9.3", "a connection persists in HTTP/1.1", request("GET /livez") * 2, (200, 200), closes=False
    ),
    Requirement(
        "9.3",
        "the body is read whole before the next request",
        vote("cl", poll="nowhere") + request("GET /livez"),
        (404, 200),
    ),
    Requirement(
        "9.3.2",
        "pipelined responses keep their order",
        request("GET /nowhere") + request(RESULTS) + request("GET /livez"),
        (404, 200, 200),
    ),
    Requirement(
        "9.6",
        "close is answered with close",
        request(RESULTS, "connection: close"),
        (200,),
        closes=True,
        present=b"connection: close",
    ),
    Requirement(
        "9.6",
        "no request is served after close",
        request(RESULTS, "connection: close") + _vote_line(VOTES),
        (200,),
        closes=True,
    ),
    Requirement(
        "9.6", "close in a list of options", request(RESULTS, "connection: x-a, close"), (200,), closes=True
    ),
    # RFC 9110, where RFC 9112 refers to it
    Requirement(
        "RFC 9110, 7.8",
        "Upgrade is ignored in HTTP/1.0",
        request(
            "GET /v1/polls/strict/live",
            "connection: Upgrade",
            "upgrade: websocket",
            "sec-websocket-version: 13",
            "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
            version="HTTP/1.0",
        ),
        (404,),
        closes=True,
    ),
    Requirement(
        "RFC 9110, 10.1.1",
        "100-continue is ignored in HTTP/1.0",
        vote("expect", "expect: 100-continue", poll="odd", version="HTTP/1.0"),
        (200,),
        closes=True,
    ),
    Requirement(
        "RFC 9110, 8.4",
        "an encoded vote gets 415",
        vote("ce", "content-encoding: gzip", poll="odd"),
        (415,),
        present=b"accept-encoding: identity",
    ),
    Requirement(
        "RFC 9110, 8.4",
        "an unread encoded body does not become the next request",
        vote("ce", "content-encoding: br", poll="odd") + request("GET /livez"),
        (415, 200),
    ),
    Requirement(
        "RFC 9110, 8.4", "identity is no coding", vote("ce", "content-encoding: identity", poll="odd"), (200,)
    ),
    Requirement(
        "RFC 9110, 8.4",
        "an encoded registration gets 415",
        request("POST /v1/voters", JSON, "content-encoding: deflate", body="{}"),
        (415,),
    ),
    Requirement(
        "RFC 9110, 8.4",
        "an encoded poll gets 415",
        request("POST /v1/admin/polls", JSON, KEY, "content-encoding: zstd", body="{}"),
        (415,),
    ),
    Requirement(
        "RFC 9110, 8.4",
        "an encoded bulk upload gets 415",
        request(
            "POST /v1/admin/polls/odd/votes",
            KEY,
            "content-type: application/x-ndjson",
            "content-encoding: gzip",
            body="\x1f\x8b",
        ),
        (415,),
    ),
    Requirement(
        "RFC 9110, 8.4",
        "an encoded act gets 415",
        request("POST /v1/admin/polls/over/close", KEY, JSON, "content-encoding: gzip", body="{}"),
        (415,),
    ),
    Requirement(
        "RFC 9110, 8.3.2",
        "a charset other than UTF-8 gets 415",
        vote("charset", poll="odd", kind="content-type: application/json; charset=utf-16"),
        (415,),
    ),
    Requirement(
        "RFC 9110, 8.3.2",
        "the charset UTF-8 is accepted",
        vote("charset", poll="odd", kind='content-type: application/json; charset="UTF-8"'),
        (200,),
    ),
]


_STATUS_LINE = re.compile(rb"HTTP/1\.1 (\d{3})")
_PROBE = b"GET /v1/end-of-case HTTP/1.1\r\nhost: probe\r\n\r\n"


async def responses_to(target: CorpusServer, sent: bytes, count: int = 1) -> tuple[bytes, bool]:
    """Return everything that the server sends, and True if it closed the connection by itself.

    After ``count`` responses have begun, a probe is sent. Its response marks the end on an open connection.
    """
    async with asyncio.timeout(WITHIN_S), raw_connection(target.port) as connection:
        await connection.send([sent])
        received, is_probed = b"", False
        while b'"instance":"/v1/end-of-case"' not in received:
            try:
                part = await connection.reader.read(65536)
            except ConnectionError:
                return received, True
            if not part:
                return received, True
            received += part
            if not is_probed and len(_STATUS_LINE.findall(received)) >= count:
                is_probed = True
                await connection.send([_PROBE])
        return received.rpartition(b"HTTP/1.1 404")[0], False


def name_of(requirement: Requirement) -> str:
    """Return the section and the rule, as the test's id."""
    return f"{requirement.section} {requirement.rule}"


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=name_of)
async def test_server_meets_requirement_of_rfc_9112_on_both_paths(
    all_servers: tuple[CorpusServer, ...], requirement: Requirement
) -> None:
    for target in all_servers[:2]:
        received, is_closed = await responses_to(target, requirement.sent, len(requirement.statuses))
        statuses = tuple(int(status) for status in _STATUS_LINE.findall(received))
        assert statuses == requirement.statuses, received
        assert requirement.closes in (None, is_closed), received
        assert requirement.present in received
        assert not requirement.absent or requirement.absent not in received


async def test_event_stream_to_http_1_0_is_not_chunked(all_servers: tuple[CorpusServer, ...]) -> None:
    for target in all_servers[:2]:
        async with asyncio.timeout(WITHIN_S), raw_connection(target.port) as connection:
            await connection.send([request(EVENTS, version="HTTP/1.0")])
            head = await connection.reader.readuntil(b"\r\n\r\n")
            assert b"transfer-encoding" not in head
            assert b"connection: close" in head
            assert (await connection.reader.readline()).startswith((b"retry:", b"event:", b"id:"))


async def test_export_to_http_1_0_is_the_file_alone(all_servers: tuple[CorpusServer, ...]) -> None:
    for target in all_servers[:2]:
        received, _ = await responses_to(target, request(EXPORT, KEY, version="HTTP/1.0"))
        body = received.partition(b"\r\n\r\n")[2]
        assert body.removeprefix(b"\xef\xbb\xbf").startswith(b"voter,choice,label,at,revision\r\n")
        assert body.endswith(b"\r\n")
