"""How requests are framed: lengths and chunks, what is no HTTP at all, upgrades, and several at once."""

from __future__ import annotations

from collections.abc import Iterator

from tests.http_corpus.case import H2C, VOTE, Case, chunked, one, request, vote
from tests.http_corpus.servers import NEWS, STRANGER, voter

H2C_LOST = "uvicorn loses the body"

HANDSHAKE = request(
    "GET /v1/polls/lunch/live",
    "connection: Upgrade",
    "upgrade: websocket",
    "sec-websocket-version: 13",
    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
)


def chunks() -> Iterator[Case]:
    """Bodies in chunks."""
    yield one("chunked", vote("chunked", "transfer-encoding: chunked", body=chunked(VOTE)), 200)
    yield Case(
        "chunks apart", _apart(vote("apart", "transfer-encoding: chunked", body=chunked(VOTE, 1)), 9), [200]
    )
    yield one(
        "trailers",
        vote(
            "trailers",
            "transfer-encoding: chunked",
            body=chunked(VOTE).replace("0\r\n\r\n", "0\r\nx-late: 1\r\n\r\n"),
        ),
        200,
    )
    yield one(
        "chunked and too large",
        vote("huge", "transfer-encoding: chunked", body=chunked(" " * 20000, 4000)),
        413,
    )


def unreadable() -> Iterator[Case]:
    """What cannot be read."""
    yield one(
        "chunked and broken",
        vote("bad chunk", "transfer-encoding: chunked", body="zz\r\n"),
        400,
        ours="told as a problem",
    )
    yield one(
        "both lengths",
        vote("both", "content-length: 17", "transfer-encoding: chunked", body=chunked(VOTE)),
        400,
        ours="told as a problem",
    )
    yield one(
        "two equal lengths",
        vote("equal", "content-length: 17", "content-length: 17"),
        400,
        ours="told as a problem",
    )
    yield one(
        "two lengths", vote("two", "content-length: 17", "content-length: 18"), 400, ours="told as a problem"
    )
    yield one("length: a word", vote("word", "content-length: x"), 400, ours="told as a problem")
    yield one("length: negative", vote("negative", "content-length: -1"), 400, ours="told as a problem")
    yield one("length: plus", vote("plus", "content-length: +17"), 400, ours="told as a problem")
    yield one(
        "length: huge",
        vote("overflow", "content-length: 99999999999999999999999"),
        400,
        ours="told as a problem",
    )
    yield one(
        "no HTTP at all",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        400,
        ours="told as a problem",
    )
    yield one("HTTP/2 by prior knowledge", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, ours="told as a problem")
    yield one("a line alone", b"hello\r\n\r\n", 400, ours="told as a problem")
    yield one(
        "space before the colon",
        vote("colon").replace(b"content-type:", b"content-type :"),
        400,
        ours="told as a problem",
    )
    yield one("folded header", vote("fold", "x-fold: a\r\n b"), 400, ours="told as a problem")
    yield one("NUL in a header", vote("nul", "x-nul: a\0b"), 400, ours="told as a problem")


def headers() -> Iterator[Case]:
    """What headers may say."""
    yield one("newlines first", b"\r\n\r\n" + vote("newlines"), 200, lane=1)
    yield one("latin-1 in a header", vote("latin", "x-name: \xe9"), 200, lane=1)
    yield one("latin-1 in an origin", vote("latin", "origin: https://\xe9.example"), 200, lane=1)
    yield one("close", vote("close", "connection: close"), 200)
    yield one("close, shouted", vote("close2", "Connection: Close"), 200)
    yield one("keep-alive", vote("keep", "connection: keep-alive"), 200, lane=1)
    yield one("HTTP/1.0", vote("old", version="HTTP/1.0"), 200)
    yield one("HTTP/1.0, kept", vote("old kept", "connection: keep-alive", version="HTTP/1.0"), 200)
    yield one("HTTP/1.2", vote("new", version="HTTP/1.2"), 400, ours="told as a problem")
    yield one("expect", vote("expect", "expect: 100-continue"), 100, ours="")._replace(
        lane=None, statuses=[100, 200]
    )
    yield one(
        "expect, too large", vote("expect", "expect: 100-continue", "content-length: 99999", body=" "), 413
    )._replace(is_whole=False)
    yield one("expect something else", vote("expects", "expect: tea"), 200, lane=1)
    yield one("header twice", vote("double", "x-a: 1", "x-a: 2"), 200)
    yield one("token twice", vote("first", f"authorization: Bearer {voter('second')}"), 200)
    yield one("type twice", vote("types", "content-type: text/plain"), 200)
    yield one("origin twice", vote("origins", f"origin: {NEWS}", f"origin: {STRANGER}"), 200)
    yield one("a long header", vote("long", "x-long: " + "a" * 60_000), 200, lane=1)
    yield one("headers too long", vote("longer", "x-long: " + "a" * 66_000), 400, ours="headers are bounded")
    yield one(
        "too many headers",
        vote("many", *(f"x-{n}: {n}" for n in range(9000))),
        400,
        ours="headers are bounded",
    )


def upgrades() -> Iterator[Case]:
    """Upgrades that a server may ignore."""
    yield one("h2c", vote("h2c", *H2C), 200, ours=H2C_LOST, lane=1)
    yield Case("h2c, body later", _apart(vote("h2c late", *H2C, poll="odd"), len(VOTE)), [200], ours=H2C_LOST)
    yield Case(
        "h2c, byte by byte",
        [bytes([byte]) for byte in vote("h2c bytes", *H2C, poll="odd")],
        [200],
        ours=H2C_LOST,
    )
    yield one(
        "h2c and close",
        vote("h2c close", "connection: close, Upgrade, HTTP2-Settings", *H2C[1:]),
        200,
        ours=H2C_LOST,
    )
    yield one("upgrade without connection", vote("upgrade", "upgrade: h2c"), 200, lane=1)
    yield one(
        "TLS upgrade", vote("tls", "connection: upgrade", "upgrade: TLS/1.0"), 200, ours=H2C_LOST, lane=1
    )


def pipelines() -> Iterator[Case]:
    """Several requests at once."""
    results, probe = request("GET /v1/polls/strict/results"), request("GET /livez")
    yield one("vote and vote", vote("p1") + vote("p2"), 200)._replace(lane=None, statuses=[200, 200])
    yield one("vote and get", vote("p3") + results, 200)._replace(lane=None, statuses=[200, 200])
    yield one("get and vote", results + vote("p4"), 200)._replace(lane=None, statuses=[200, 200])
    yield one("vote and 404", vote("p5") + request("GET /v1/x"), 200)._replace(lane=None, statuses=[200, 404])
    yield one("404 and vote", request("GET /v1/x") + vote("p6"), 404)._replace(lane=None, statuses=[404, 200])
    yield one("ten votes", b"".join(vote(f"ten {n}") for n in range(10)), 200)._replace(
        lane=None, statuses=[200] * 10
    )
    yield one("fast then slow then fast", probe + vote("p7") + probe, 200)._replace(
        lane=None, statuses=[200] * 3
    )
    yield one("vote and closing vote", vote("p8") + vote("p9", "connection: close"), 200)._replace(
        lane=1, statuses=[200, 200]
    )
    yield one("closing vote and vote", vote("p10", "connection: close") + vote("p11"), 200)


def odd_pipelines() -> Iterator[Case]:
    """Requests behind which comes something else."""
    results = request("GET /v1/polls/strict/results")
    yield one("vote and half", vote("p12") + results[:20], 200)._replace(
        lane=None, segments=[vote("p12") + results[:20], results[20:]], statuses=[200, 200]
    )
    yield one(
        "vote and garbage", vote("p13") + b"\0\0\r\n\r\n", 200, ours="the vote's answer comes first"
    )._replace(lane=None, statuses=[200, 400])
    yield one("get and garbage", results + b"\0\0\r\n\r\n", 200, ours="answers keep their order")._replace(
        lane=1, statuses=[200, 400]
    )
    broken = vote("p14", "transfer-encoding: chunked", body="zz\r\n")
    yield one(
        "vote and broken chunks", vote("p15") + broken, 200, ours="the vote's answer comes first"
    )._replace(lane=None, statuses=[200, 400])
    yield one("vote and handshake", vote("p16") + HANDSHAKE, 200, ours="a socket waits for no vote")._replace(
        lane=1, statuses=[200, 400]
    )
    yield one("vote and h2c vote", vote("p17") + vote("p18", *H2C), 200, ours=H2C_LOST)._replace(
        lane=None, statuses=[200, 200]
    )
    yield Case(
        "votes in turn", [vote("turn"), vote("turn"), vote("turn", body='{"choice":"yam"}')], [200, 200, 200]
    )
    yield one("vote behind a large body", vote("p19", body=" " * 90_000) + vote("p20"), 413)._replace(
        statuses=[413, 200]
    )
    yield one(
        "many bodies and a begun header",
        b"".join(vote(f"m{n}", body='{"choice":"rice"' + " " * 9_000 + "}") for n in range(9)) + results[:9],
        200,
    )._replace(
        lane=None,
        segments=[
            b"".join(vote(f"m{n}", body='{"choice":"rice"' + " " * 9_000 + "}") for n in range(9))
            + results[:9],
            results[9:],
        ],
        statuses=[200] * 10,
    )


def _apart(sent: bytes, tail: int) -> list[bytes]:
    return [sent[:-tail], *(sent[place : place + 1] for place in range(len(sent) - tail, len(sent)))]


CASES = [*chunks(), *unreadable(), *headers(), *upgrades(), *pipelines(), *odd_pipelines()]
