"""Framing of requests: lengths, chunks, invalid HTTP, upgrades and pipelines."""

from __future__ import annotations

from collections.abc import Iterator

from tests.http_corpus.case import H2C, VOTE, Case, chunked, request, single_case, vote
from tests.http_corpus.servers import NEWS, STRANGER, voter

H2C_BODY_LOST = "uvicorn loses the body"

HANDSHAKE = request(
    "GET /v1/polls/lunch/live",
    "connection: Upgrade",
    "upgrade: websocket",
    "sec-websocket-version: 13",
    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
)


def chunks() -> Iterator[Case]:
    """Bodies in chunks."""
    yield single_case("chunked", vote("chunked", "transfer-encoding: chunked", body=chunked(VOTE)), 200)
    yield Case(
        "chunks apart", _apart(vote("apart", "transfer-encoding: chunked", body=chunked(VOTE, 1)), 9), [200]
    )
    yield single_case(
        "trailers",
        vote(
            "trailers",
            "transfer-encoding: chunked",
            body=chunked(VOTE).replace("0\r\n\r\n", "0\r\nx-late: 1\r\n\r\n"),
        ),
        200,
    )
    yield single_case(
        "chunked and too large",
        vote("huge", "transfer-encoding: chunked", body=chunked(" " * 20000, 4000)),
        413,
    )


def invalid() -> Iterator[Case]:
    """Invalid HTTP."""
    yield single_case(
        "chunked and broken",
        vote("bad chunk", "transfer-encoding: chunked", body="zz\r\n"),
        400,
        differs="sent as a problem response",
    )
    yield single_case(
        "both lengths",
        vote("both", "content-length: 17", "transfer-encoding: chunked", body=chunked(VOTE)),
        400,
        differs="sent as a problem response",
    )
    yield single_case(
        "two equal lengths",
        vote("equal", "content-length: 17", "content-length: 17"),
        400,
        differs="sent as a problem response",
    )
    yield single_case(
        "two lengths",
        vote("two", "content-length: 17", "content-length: 18"),
        400,
        differs="sent as a problem response",
    )
    yield single_case(
        "length: a word", vote("word", "content-length: x"), 400, differs="sent as a problem response"
    )
    yield single_case(
        "length: negative", vote("negative", "content-length: -1"), 400, differs="sent as a problem response"
    )
    yield single_case(
        "length: plus", vote("plus", "content-length: +17"), 400, differs="sent as a problem response"
    )
    yield single_case(
        "length: huge",
        vote("overflow", "content-length: 99999999999999999999999"),
        400,
        differs="sent as a problem response",
    )
    yield single_case(
        "no HTTP at all",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        400,
        differs="sent as a problem response",
    )
    yield single_case(
        "HTTP/2 by prior knowledge",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        400,
        differs="sent as a problem response",
    )
    yield single_case("a line alone", b"hello\r\n\r\n", 400, differs="sent as a problem response")
    yield single_case(
        "space before the colon",
        vote("colon").replace(b"content-type:", b"content-type :"),
        400,
        differs="sent as a problem response",
    )
    yield single_case(
        "folded header", vote("fold", "x-fold: a\r\n b"), 400, differs="sent as a problem response"
    )
    yield single_case(
        "NUL in a header", vote("nul", "x-nul: a\0b"), 400, differs="sent as a problem response"
    )


def headers() -> Iterator[Case]:
    """Header values."""
    yield single_case("newlines first", b"\r\n\r\n" + vote("newlines"), 200, fast_path=1)
    yield single_case("latin-1 in a header", vote("latin", "x-name: \xe9"), 200, fast_path=1)
    yield single_case("latin-1 in an origin", vote("latin", "origin: https://\xe9.example"), 200, fast_path=1)
    yield single_case("close", vote("close", "connection: close"), 200)
    yield single_case("close, shouted", vote("close2", "Connection: Close"), 200)
    yield single_case("keep-alive", vote("keep", "connection: keep-alive"), 200, fast_path=1)
    yield single_case("HTTP/1.0", vote("old", version="HTTP/1.0"), 200)
    yield single_case("HTTP/1.0, kept", vote("old kept", "connection: keep-alive", version="HTTP/1.0"), 200)
    yield single_case("HTTP/1.2", vote("new", version="HTTP/1.2"), 200, differs="read as HTTP/1.1")
    yield single_case("expect", vote("expect", "expect: 100-continue"), 100, differs="")._replace(
        fast_path=None, statuses=[100, 200]
    )
    yield single_case(
        "expect, too large", vote("expect", "expect: 100-continue", "content-length: 99999", body=" "), 413
    )._replace(is_whole=False)
    yield single_case("expect something else", vote("expects", "expect: tea"), 200, fast_path=1)
    yield single_case("header twice", vote("double", "x-a: 1", "x-a: 2"), 200)
    yield single_case("token twice", vote("first", f"authorization: Bearer {voter('second')}"), 200)
    yield single_case("type twice", vote("types", "content-type: text/plain"), 200)
    yield single_case("origin twice", vote("origins", f"origin: {NEWS}", f"origin: {STRANGER}"), 200)
    yield single_case("a long header", vote("long", "x-long: " + "a" * 60_000), 200, fast_path=1)
    yield single_case(
        "headers too long", vote("longer", "x-long: " + "a" * 66_000), 400, differs="headers are limited"
    )
    yield single_case(
        "too many headers",
        vote("many", *(f"x-{n}: {n}" for n in range(9000))),
        400,
        differs="headers are limited",
    )


def upgrades() -> Iterator[Case]:
    """Ignored upgrades."""
    yield single_case("h2c", vote("h2c", *H2C), 200, differs=H2C_BODY_LOST, fast_path=1)
    yield Case(
        "h2c, body later", _apart(vote("h2c late", *H2C, poll="odd"), len(VOTE)), [200], differs=H2C_BODY_LOST
    )
    yield Case(
        "h2c, byte by byte",
        [bytes([byte]) for byte in vote("h2c bytes", *H2C, poll="odd")],
        [200],
        differs=H2C_BODY_LOST,
    )
    yield single_case(
        "h2c and close",
        vote("h2c close", "connection: close, Upgrade, HTTP2-Settings", *H2C[1:]),
        200,
        differs=H2C_BODY_LOST,
    )
    yield single_case("upgrade without connection", vote("upgrade", "upgrade: h2c"), 200, fast_path=1)
    yield single_case(
        "TLS upgrade",
        vote("tls", "connection: upgrade", "upgrade: TLS/1.0"),
        200,
        differs=H2C_BODY_LOST,
        fast_path=1,
    )


def pipelines() -> Iterator[Case]:
    """Several requests in one segment."""
    results, probe = request("GET /v1/polls/strict/results"), request("GET /livez")
    yield single_case("vote and vote", vote("p1") + vote("p2"), 200)._replace(
        fast_path=None, statuses=[200, 200]
    )
    yield single_case("vote and get", vote("p3") + results, 200)._replace(fast_path=None, statuses=[200, 200])
    yield single_case("get and vote", results + vote("p4"), 200)._replace(fast_path=None, statuses=[200, 200])
    yield single_case("vote and 404", vote("p5") + request("GET /v1/x"), 200)._replace(
        fast_path=None, statuses=[200, 404]
    )
    yield single_case("404 and vote", request("GET /v1/x") + vote("p6"), 404)._replace(
        fast_path=None, statuses=[404, 200]
    )
    yield single_case("ten votes", b"".join(vote(f"ten {n}") for n in range(10)), 200)._replace(
        fast_path=None, statuses=[200] * 10
    )
    yield single_case("fast then slow then fast", probe + vote("p7") + probe, 200)._replace(
        fast_path=None, statuses=[200] * 3
    )
    yield single_case("vote and closing vote", vote("p8") + vote("p9", "connection: close"), 200)._replace(
        fast_path=1, statuses=[200, 200]
    )
    yield single_case("closing vote and vote", vote("p10", "connection: close") + vote("p11"), 200)


def odd_pipelines() -> Iterator[Case]:
    """Requests followed by other data."""
    results = request("GET /v1/polls/strict/results")
    yield single_case("vote and half", vote("p12") + results[:20], 200)._replace(
        fast_path=None, segments=[vote("p12") + results[:20], results[20:]], statuses=[200, 200]
    )
    yield single_case(
        "vote and garbage", vote("p13") + b"\0\0\r\n\r\n", 200, differs="the vote's response comes first"
    )._replace(fast_path=None, statuses=[200, 400])
    yield single_case(
        "get and garbage", results + b"\0\0\r\n\r\n", 200, differs="responses keep their order"
    )._replace(fast_path=1, statuses=[200, 400])
    broken = vote("p14", "transfer-encoding: chunked", body="zz\r\n")
    yield single_case(
        "vote and broken chunks", vote("p15") + broken, 200, differs="the vote's response comes first"
    )._replace(fast_path=None, statuses=[200, 400])
    yield single_case(
        "vote and handshake", vote("p16") + HANDSHAKE, 200, differs="a handshake does not wait for a vote"
    )._replace(fast_path=1, statuses=[200, 400])
    yield single_case(
        "vote and h2c vote", vote("p17") + vote("p18", *H2C), 200, differs=H2C_BODY_LOST
    )._replace(fast_path=None, statuses=[200, 200])
    yield Case(
        "votes in turn", [vote("turn"), vote("turn"), vote("turn", body='{"choice":"yam"}')], [200, 200, 200]
    )
    yield single_case("vote behind a large body", vote("p19", body=" " * 90_000) + vote("p20"), 413)._replace(
        statuses=[413, 200]
    )
    yield single_case(
        "many bodies and a begun header",
        b"".join(vote(f"m{n}", body='{"choice":"rice"' + " " * 9_000 + "}") for n in range(9)) + results[:9],
        200,
    )._replace(
        fast_path=None,
        segments=[
            b"".join(vote(f"m{n}", body='{"choice":"rice"' + " " * 9_000 + "}") for n in range(9))
            + results[:9],
            results[9:],
        ],
        statuses=[200] * 10,
    )


def _apart(sent: bytes, tail: int) -> list[bytes]:
    return [sent[:-tail], *(sent[place : place + 1] for place in range(len(sent) - tail, len(sent)))]


CASES = [*chunks(), *invalid(), *headers(), *upgrades(), *pipelines(), *odd_pipelines()]
