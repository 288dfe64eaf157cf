"""Votes: counted, changed and rejected."""

from __future__ import annotations

from collections.abc import Iterator

from tests.http_corpus.case import JSON, VOTE, Case, request, single_case, vote
from tests.http_corpus.servers import FRIEND, NEWS, STRANGER, voter


def counted() -> Iterator[Case]:
    """Voters and origins."""
    yield single_case("counted", vote("counted"), 200, fast_path=1)
    yield Case("again", [vote("again"), vote("again")], [200, 200])
    yield single_case("cookie", vote("", f"cookie: a=b; pollwire_voter={voter('cookie')}"), 200, fast_path=1)
    yield single_case("own site", vote("own", "origin: https://polls.example"), 200, fast_path=1)
    yield single_case("allowed site", vote("news", f"origin: {NEWS}"), 200, fast_path=1)
    yield single_case("foreign site", vote("foreign", f"origin: {STRANGER}"), 200, fast_path=1)
    yield single_case("null origin", vote("null", "origin: null"), 200, fast_path=1)
    yield single_case(
        "poll's own site", vote("friend", f"origin: {FRIEND}", poll="friends"), 200, fast_path=1
    )
    yield single_case(
        "not the poll's site", vote("friend2", f"origin: {NEWS}", poll="friends"), 200, fast_path=1
    )


def counted_where() -> Iterator[Case]:
    """Kinds of polls, and repeated votes."""
    yield single_case("hidden after close", vote("hidden", poll="after-close"), 200, fast_path=1)
    yield single_case("hidden until voted", vote("voted", poll="after-vote"), 200, fast_path=1)
    yield single_case("operators' totals", vote("ops", poll="secret"), 200, fast_path=1)
    yield single_case(
        "odd case of names", vote("odd").replace(b"content-type", b"CoNTent-TyPe"), 200, fast_path=1
    )
    yield single_case("charset", vote("charset", kind=JSON + "; charset=utf-8"), 200, fast_path=1)
    yield single_case("spaces in JSON", vote("space", body=' {"choice" : "rice"} '), 200, fast_path=1)
    yield single_case("open poll", vote("", poll="box"), 200, fast_path=1)
    yield single_case("open poll with a key", vote("", "idempotency-key: k1", poll="box"), 200, fast_path=1)
    yield single_case("revision", vote("revision", body='{"choice":"rice","revision":0}'), 200, fast_path=1)
    yield Case(
        "stale revision",
        [vote("stale"), vote("stale", body='{"choice":"yam","revision":7}')],
        [200, 409],
    )
    yield Case(
        "already voted",
        [vote("twice", poll="strict"), vote("twice", poll="strict", body='{"choice":"yam"}')],
        [200, 409],
    )
    yield Case(
        "key reused",
        [
            vote("", "idempotency-key: k2", poll="box"),
            vote("", "idempotency-key: k2", poll="box", body='{"choice":"yam"}'),
        ],
        [200, 422],
    )


def rejected() -> Iterator[Case]:
    """Rejected votes."""
    yield single_case("no token", vote(""), 401, fast_path=1)
    yield single_case("forged token", vote("", "authorization: Bearer forged"), 401, fast_path=1)
    yield single_case(
        "operator's key as a token", vote("", "authorization: Bearer " + "corpus-key-" * 3), 401, fast_path=1
    )
    yield single_case("other scheme", vote("", "authorization: Basic abc"), 401, fast_path=1)
    yield single_case("not open", vote("early", poll="soon"), 403, fast_path=1)
    yield single_case("closed", vote("late", poll="over"), 403, fast_path=1)
    yield single_case("unknown poll", vote("lost", poll="nowhere"), 404, fast_path=1)
    yield single_case("unseen poll", vote("unseen", poll="unseen"), 404, fast_path=1)


def addressed() -> Iterator[Case]:
    """Request targets and content types."""
    yield single_case("impossible id", vote("id", poll="No_Such"), 404)
    yield single_case("id too long", vote("id", poll="x" * 65), 404)
    yield single_case("encoded id", vote("encoded", poll="lunc%68"), 404)
    yield single_case("encoded slash", vote("slash", poll="lunch%2F"), 404)
    yield single_case(
        "query",
        request("POST /v1/polls/lunch/votes?a=b", JSON, f"authorization: Bearer {voter('query')}", body=VOTE),
        200,
    )
    yield single_case(
        "fragment",
        request(
            "POST /v1/polls/lunch/votes#x", JSON, f"authorization: Bearer {voter('fragment')}", body=VOTE
        ),
        400,
        differs="uvicorn ignores the fragment",
    )
    yield single_case(
        "slash at the end",
        request("POST /v1/polls/lunch/votes/", JSON, f"authorization: Bearer {voter('end')}", body=VOTE),
        404,
    )
    yield single_case("two slashes", request("POST /v1/polls//votes", JSON, body=VOTE), 404)
    yield single_case("text", vote("text", kind="content-type: text/plain"), 415, fast_path=1)
    yield single_case("no type", vote("typeless", kind=""), 415, fast_path=1)
    yield single_case(
        "form", vote("form", kind="content-type: application/x-www-form-urlencoded"), 415, fast_path=1
    )


def bodies() -> Iterator[Case]:
    """Request bodies."""
    for name, body, status in (
        ("no body", "", 400),
        ("broken JSON", '{"choice":', 400),
        ("a list", "[]", 400),
        ("a text", '"rice"', 400),
        ("null", "null", 400),
        ("not UTF-8", b'{"choice":"\xff"}', 400),
        ("two objects", VOTE + VOTE, 400),
        ("deep", "[" * 5000, 400),
        ("no choice", "{}", 422),
        ("null choice", '{"choice":null}', 422),
        ("unknown option", '{"choice":"beans"}', 422),
        ("a list as choice", '{"choice":["rice"]}', 422),
        ("a number", '{"choice":4}', 422),
        ("unknown field", '{"choice":"rice","x":1}', 422),
        ("broken behind a wrong field", '{"choice":4', 400),
        ("revision of text", '{"choice":"rice","revision":"1"}', 422),
        ("16 KiB", '{"choice":"rice"' + " " * (16384 - 17) + "}", 200),
    ):
        yield single_case(f"body: {name}", vote(f"body {name}", body=body), status, fast_path=1)
    yield single_case(
        "body: 16 KiB and 1", vote("large", body='{"choice":"rice"' + " " * (16385 - 17) + "}"), 413
    )
    yield single_case("body: large and of no type", vote("large", kind="", body=" " * 20000), 415)
    yield single_case("body: large for no poll", vote("large", poll="nowhere", body=" " * 20000), 404)
    yield single_case("idempotency key: empty", vote("", "idempotency-key: ", poll="box"), 422, fast_path=1)
    yield single_case(
        "idempotency key: long", vote("", "idempotency-key: " + "k" * 256, poll="box"), 422, fast_path=1
    )
    yield single_case(
        "idempotency key: space", vote("", "idempotency-key: a b", poll="box"), 422, fast_path=1
    )


CASES = [*counted(), *counted_where(), *rejected(), *addressed(), *bodies()]
