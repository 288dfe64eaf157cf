"""WebSocket handshakes, frames and messages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tests.http_corpus.case import request
from tests.http_corpus.raw_client import masked
from tests.http_corpus.servers import ADMIN_KEY, FRIEND, NEWS, STRANGER, admin_ticket, voter

TEXT, BINARY, CLOSE, PING, PONG, MORE = 1, 2, 8, 9, 10, 0
KEY = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=="
UPGRADE = ("connection: Upgrade", "upgrade: websocket", "sec-websocket-version: 13", KEY)
DIFFERS = "uvicorn does not handle this"


class Case(NamedTuple):
    """One WebSocket: its handshake, the data sent after the first frames, and the expected outcome.

    ``first`` counts the frames that the server sends by itself, ``frames`` those that answer the data.
    ``close`` is the close code of the server, or None if the socket stays open. ``differs`` says why uvicorn
    alone behaves differently. ``fast_path`` is True if the handshake takes the fast path.
    """

    name: str
    handshake: Sequence[bytes]
    status: int = 101
    first: int = 1
    client_frames: Sequence[bytes] = ()
    frames: int = 0
    close: int | None = None
    differs: str = ""
    fast_path: bool = True


def handshake(
    *headers: str, path: str = "/v1/polls/lunch/live", method: str = "GET", version: str = "HTTP/1.1"
) -> bytes:
    """Return a handshake. The given headers replace the default ones, which are valid."""
    named = {header.partition(":")[0].lower() for header in headers}
    usual = [header for header in UPGRADE if header.partition(":")[0] not in named]
    return request(f"{method} {path}", *usual, *filter(None, headers), version=version)


def client_message(**message: object) -> bytes:
    """Return a client message."""
    return masked(TEXT, json.dumps(message).encode())


def opening() -> Iterator[Case]:
    """Accepted handshakes."""
    yield Case("one poll", [handshake()])
    yield Case("many polls", [handshake(path="/v1/live")], first=0)
    yield Case("hidden totals", [handshake(path="/v1/polls/secret/live")])
    yield Case("closed poll", [handshake(path="/v1/polls/over/live")])
    yield Case("scheduled poll", [handshake(path="/v1/polls/soon/live")])
    yield Case("odd case", [handshake("Connection: keep-alive, UPGRADE", "UPGRADE: WebSocket")])
    yield Case("subprotocols offered", [handshake("sec-websocket-protocol: chat, mqtt")])
    yield Case(
        "compression offered",
        [handshake("sec-websocket-extensions: permessage-deflate; client_max_window_bits")],
    )
    yield Case("malformed extensions", [handshake("sec-websocket-extensions: ;;;==")])
    yield Case(
        "subprotocol twice",
        [handshake("sec-websocket-protocol: a", "sec-websocket-protocol: b")],
        fast_path=False,
    )
    yield Case("own site", [handshake("origin: http://polls.example")])
    yield Case("allowed site", [handshake(f"origin: {NEWS}")])
    yield Case("poll's own site", [handshake(f"origin: {FRIEND}", path="/v1/polls/friends/live")])
    yield Case(
        "many, for the poll's site", [handshake(f"origin: {FRIEND}", path="/v1/live?poll=friends")], first=0
    )
    yield Case("cookie", [handshake(f"cookie: pollwire_voter={voter('x')}")])
    yield Case(
        "cookie where it matters",
        [handshake(f"cookie: pollwire_voter={voter('x')}", path="/v1/polls/after-vote/live")],
        fast_path=False,
    )
    yield Case("ticket", [handshake(path=f"/v1/polls/secret/live?ticket={admin_ticket()}")])
    yield Case("bad ticket", [handshake(path="/v1/polls/secret/live?ticket=x")])
    yield Case("operator", [handshake(f"authorization: Bearer {ADMIN_KEY}", path="/v1/polls/secret/live")])
    yield Case("encoded id", [handshake(path="/v1/polls/lunc%68/live")], status=404, fast_path=False)
    yield Case("slash at the end", [handshake(path="/v1/polls/lunch/live/")], status=404, fast_path=False)
    yield Case("length of nothing", [handshake("content-length: 0")])
    yield Case("byte by byte", [bytes([byte]) for byte in handshake()])


def rejected() -> Iterator[Case]:
    """Rejected handshakes."""

    def rejection(name: str, sent: bytes, status: int, differs: str = "") -> Case:
        return Case(name, [sent], status, fast_path=False, differs=differs)

    yield rejection("unknown poll", handshake(path="/v1/polls/nowhere/live"), 404)
    yield rejection("impossible id", handshake(path="/v1/polls/No_Such/live"), 404)
    yield rejection("unseen poll", handshake(path="/v1/polls/unseen/live"), 404)
    yield rejection("no such address", handshake(path="/v1/nowhere"), 404)
    yield rejection("results by socket", handshake(path="/v1/polls/lunch/results"), 404)
    yield rejection("foreign site", handshake(f"origin: {STRANGER}"), 403)
    yield rejection("foreign site, many", handshake(f"origin: {STRANGER}", path="/v1/live"), 403)
    yield rejection("null origin", handshake("origin: null"), 403)
    yield rejection("not the poll's site", handshake(f"origin: {NEWS}", path="/v1/polls/friends/live"), 403)
    yield rejection(
        "forged token where it matters",
        handshake("authorization: Bearer forged", path="/v1/polls/secret/live"),
        401,
    )
    yield rejection(
        "no key",
        handshake("sec-websocket-key;")
        .replace(b"sec-websocket-key;\r\n", b"")
        .replace(KEY.encode() + b"\r\n", b""),
        400,
    )
    yield rejection("short key", handshake("sec-websocket-key: c2hvcnQ="), 400)
    yield rejection("long key", handshake("sec-websocket-key: " + "QUFB" * 8), 400)
    yield rejection("key of other letters", handshake("sec-websocket-key: dGhlIHNhbXBsZSBub25j!!=="), 400)
    yield rejection("two keys", handshake(KEY, KEY), 400)
    yield rejection("version 8", handshake("sec-websocket-version: 8"), 400)
    yield rejection("no version", handshake("sec-websocket-version: x"), 400)
    yield rejection("POST", handshake(method="POST"), 400, DIFFERS)
    yield rejection("HTTP/1.0", handshake(version="HTTP/1.0"), 404, DIFFERS)
    yield rejection("a body", handshake("content-length: 5") + b"hello", 400, DIFFERS)
    yield rejection("chunks", handshake("transfer-encoding: chunked") + b"0\r\n\r\n", 400, DIFFERS)
    yield rejection(
        "too many headers",
        handshake(*(f"x-{n}: {n}" for n in range(200)), path="/v1/polls/nowhere/live"),
        431,
        DIFFERS,
    )
    yield rejection(
        "a header too long", handshake("x-long: " + "a" * 10_000, path="/v1/polls/nowhere/live"), 431, DIFFERS
    )
    yield rejection("a path too long", handshake(path="/v1/polls/nowhere/live?" + "a" * 10_000), 414, DIFFERS)
    yield rejection("HTTP/2 as well", handshake("upgrade: h2c"), 404)


def frames() -> Iterator[Case]:
    """Invalid frames and close frames."""
    for name, sent, code in (
        ("unmasked", b"\x81\x02{}", 1002),
        ("reserved bit", masked(TEXT, b"{}", reserved=4), 1002),
        ("reserved opcode", masked(3, b"x"), 1002),
        ("reserved control opcode", masked(11, b"x"), 1002),
        ("fragmented ping", masked(PING, b"x", fin=False), 1002),
        ("long ping", masked(PING, b"x" * 126), 1002),
        ("continuation of nothing", masked(MORE, b"x"), 1002),
        ("text within text", masked(TEXT, b"a", fin=False) + masked(TEXT, b"b"), 1002),
        ("not UTF-8", masked(TEXT, b"\xff"), 1007),
        ("half a letter", masked(TEXT, "ä".encode()[:1]), 1007),
        ("a surrogate", masked(TEXT, b"\xed\xa0\x80"), 1007),
        ("not UTF-8 in pieces", masked(TEXT, b"\xc3", fin=False) + masked(MORE, b"("), 1007),
        ("16 KiB and 1", masked(TEXT, b"x" * 16385), 1009),
        ("binary, 16 KiB and 1", masked(BINARY, b"x" * 16385), 1009),
        ("16 KiB and 1 in pieces", masked(TEXT, b"x" * 16000, fin=False) + masked(MORE, b"x" * 385), 1009),
        ("a length that is never sent", b"\x81\xff" + b"\x7f" * 8 + b"mask", 1009),
        ("close", masked(CLOSE, b""), 1005),
        ("close 1000", masked(CLOSE, b"\x03\xe8bye"), 1000),
        ("close 1001", masked(CLOSE, b"\x03\xe9"), 1001),
        ("close 4000", masked(CLOSE, b"\x0f\xa0"), 4000),
        ("close of one byte", masked(CLOSE, b"\x03"), 1002),
        ("close 999", masked(CLOSE, b"\x03\xe7"), 1002),
        ("close 1005", masked(CLOSE, b"\x03\xed"), 1002),
        ("close 1006", masked(CLOSE, b"\x03\xee"), 1002),
        ("close, reason not UTF-8", masked(CLOSE, b"\x03\xe8\xff"), 1007),
        ("close within a message", masked(TEXT, b"{", fin=False) + masked(CLOSE, b"\x03\xe8"), 1002),
        ("message, then close", client_message(watch=["lunch"]) + masked(CLOSE, b"\x03\xe8"), 1000),
        ("message, then a broken one", client_message(watch=["lunch"]) + b"\x81\x02{}", 1002),
        ("close, then more", masked(CLOSE, b"\x03\xe8") + client_message(watch=["lunch"]), 1000),
    ):
        yield Case(name, [handshake(path="/v1/live")], first=0, client_frames=[sent], close=code)
        yield Case(
            f"{name}, bytewise",
            [handshake()],
            client_frames=[sent[n : n + 1] for n in range(min(len(sent), 80))] + [sent[80:]],
            close=code,
        )


def many(name: str, *client_frames: bytes, frames: int) -> Case:
    """Return a case for a socket of many polls, with the number of expected frames."""
    return Case(name, [handshake(path="/v1/live")], first=0, client_frames=client_frames, frames=frames)


def single(name: str, *client_frames: bytes, frames: int) -> Case:
    """Return a case for a socket of one poll."""
    return Case(name, [handshake()], client_frames=client_frames, frames=frames)


def messages() -> Iterator[Case]:
    """Valid messages."""

    yield many("watch", client_message(watch=["lunch"]), frames=1)
    yield many("watch two", client_message(watch=["lunch", "secret"]), frames=2)
    yield many("watch one twice", client_message(watch=["lunch", "lunch"]), frames=1)
    yield many("watch in turn", client_message(watch=["lunch"]), client_message(watch=["over"]), frames=2)
    yield many("watch one unknown", client_message(watch=["lunch", "nowhere", "No_Such"]), frames=3)
    yield many("watch what is unseen", client_message(watch=["unseen"]), frames=1)
    yield many("watch none", client_message(watch=[]), frames=0)
    yield many("watch too many", client_message(watch=[f"p{n}" for n in range(101)]), frames=1)
    yield many("unwatch", client_message(watch=["lunch"], unwatch=["over"]), frames=1)
    yield many("ticket", client_message(ticket=admin_ticket(), watch=["secret"]), frames=1)
    yield many("bad ticket", client_message(ticket="x"), frames=1)
    yield many("watch in pieces", *_pieces(b'{"watch":["lunch"]}'), frames=1)
    yield many(
        "a ping between pieces",
        masked(TEXT, b'{"watch":', fin=False),
        masked(PING, b"hi"),
        masked(MORE, b'["lunch"]}'),
        frames=2,
    )
    yield many(
        "empty pieces",
        masked(TEXT, b"", fin=False),
        masked(MORE, b"", fin=False),
        masked(MORE, b'{"watch":["lunch"]}'),
        frames=1,
    )
    yield many("every byte by itself", *(bytes([byte]) for byte in client_message(watch=["lunch"])), frames=1)
    yield many("16 KiB", masked(TEXT, b'{"watch":["lunch"]}' + b" " * (16384 - 19)), frames=1)
    yield many(
        "a hundred at once", b"".join(client_message(watch=["nowhere"]) for _ in range(100)), frames=100
    )
    yield many("a hundred pings at once", b"".join(masked(PING, b"%d" % n) for n in range(100)), frames=100)


def more_messages() -> Iterator[Case]:
    """Invalid messages and control frames."""

    yield many("binary", masked(BINARY, b"{}"), frames=1)
    yield many("empty", masked(TEXT, b""), frames=1)
    yield many("an empty object", client_message(), frames=1)
    yield many("a list", masked(TEXT, b"[]"), frames=1)
    yield many("broken JSON", masked(TEXT, b"{"), frames=1)
    yield many("unknown field", client_message(look=["lunch"]), frames=1)
    yield many("watch a text", client_message(watch="lunch"), frames=1)
    yield many("broken, then good", masked(TEXT, b"{"), client_message(watch=["lunch"]), frames=2)
    yield many("ping", masked(PING, b"hello"), frames=1)
    yield many("empty ping", masked(PING, b""), frames=1)
    yield many("pong unasked", masked(PONG, b"hello") + masked(PING, b"x"), frames=1)
    yield many("empty pong unasked", masked(PONG, b""), masked(PING, b"x"), frames=1)
    yield many("empty pong and ping at once", masked(PONG, b"") + masked(PING, b"x"), frames=1)
    yield single("one: ping", masked(PING, b"hello"), frames=1)
    yield single("one: watch", client_message(watch=["over"]), frames=1)
    yield single("one: unwatch", client_message(unwatch=["lunch"]), frames=1)
    yield single("one: bad ticket", client_message(ticket="x"), frames=1)


def early() -> Iterator[Case]:
    """Data directly behind the handshake."""
    yield Case(
        "behind the handshake",
        [handshake(path="/v1/live") + client_message(watch=["lunch"])],
        first=0,
        frames=1,
        differs=DIFFERS,
    )
    yield Case(
        "behind the handshake, one",
        [handshake() + client_message(watch=["over"])],
        first=0,
        frames=2,
        differs=DIFFERS,
    )
    yield Case(
        "ping behind the handshake",
        [handshake() + masked(PING, b"early")],
        first=0,
        frames=2,
        differs=DIFFERS,
    )
    yield Case(
        "half behind the handshake",
        [
            handshake(path="/v1/live") + client_message(watch=["lunch"])[:3],
            client_message(watch=["lunch"])[3:],
        ],
        first=0,
        frames=1,
        differs=DIFFERS,
    )
    yield Case(
        "broken behind the handshake",
        [handshake(path="/v1/live") + b"\x81\x02{}"],
        first=0,
        close=1002,
        differs=DIFFERS,
    )
    slow = handshake(f"cookie: pollwire_voter={voter('x')}", path="/v1/polls/after-vote/live")
    yield Case(
        "behind the handshake, on the ASGI path",
        [slow + client_message(ticket="x")],
        first=0,
        frames=2,
        differs=DIFFERS,
        fast_path=False,
    )
    yield Case(
        "broken behind the handshake, on the ASGI path",
        [slow + b"\x81\x02{}"],
        first=0,
        close=1002,
        differs=DIFFERS,
        fast_path=False,
    )


def _pieces(message: bytes) -> list[bytes]:
    last = len(message) - 1
    return [
        masked(MORE if place else TEXT, message[place : place + 1], fin=place == last)
        for place in range(len(message))
    ]


CASES = [*opening(), *rejected(), *frames(), *messages(), *more_messages(), *early()]
