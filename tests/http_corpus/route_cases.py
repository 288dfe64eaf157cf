"""Other requests: methods and paths, tokens, preflights and reads of results."""

from __future__ import annotations

from collections.abc import Iterator

from tests.http_corpus.case import JSON, VOTE, Case, request, single_case
from tests.http_corpus.servers import ADMIN_KEY, FRIEND, NEWS, STRANGER, voter


def methods() -> Iterator[Case]:
    """Methods and request targets."""
    votes_at = "/v1/polls/lunch/votes"
    for method in ("GET", "PUT", "PATCH", "DELETE", "HEAD", "TRACE", "PROPFIND"):
        yield single_case(
            f"{method} on votes", request(f"{method} {votes_at}"), 405, to_head=method == "HEAD"
        )
    yield single_case(
        "unknown method", request(f"BREW {votes_at}"), 400, differs="sent as a problem response"
    )
    yield single_case(
        "lower-case method", request(f"post {votes_at}"), 400, differs="sent as a problem response"
    )
    yield single_case("CONNECT", request("CONNECT polls.example:80"), 400, differs="CONNECT is not supported")
    yield single_case("options of all", request("OPTIONS *"), 404)
    bearer = f"authorization: Bearer {voter('absolute')}"
    yield single_case(
        "absolute form",
        request(f"POST http://polls.example{votes_at}", JSON, bearer, body=VOTE),
        200,
        fast_path=1,
    )
    yield single_case(
        "no host",
        request(f"POST {votes_at}", JSON, f"authorization: Bearer {voter('hostless')}", host="", body=VOTE),
        400,
        differs="uvicorn does not check the host",
    )
    yield single_case(
        "bytes in the path", request("GET /v1/polls/\xe9/results"), 400, differs="sent as a problem response"
    )
    yield single_case(
        "space in the path", request("GET /v1/polls/a b/results"), 400, differs="sent as a problem response"
    )
    yield single_case("a long path", request("GET /" + "a" * 20_000), 404)
    yield single_case("a path too long", request("GET /" + "a" * 70_000), 414, differs="targets are limited")
    yield single_case("nowhere", request("GET /v1/nowhere"), 404)
    yield single_case("a socket's address", request("GET /v1/live"), 404)


def registrations() -> Iterator[Case]:
    """Registrations."""
    yield single_case("voters", request("POST /v1/voters"), 201, fast_path=1)
    yield single_case(
        "voters: named", request("POST /v1/voters", JSON, body='{"name":"Ama"}'), 201, fast_path=1
    )
    yield single_case("voters: nothing in it", request("POST /v1/voters", JSON, body="{}"), 201, fast_path=1)
    yield single_case(
        "voters: again",
        request("POST /v1/voters", f"authorization: Bearer {voter('again')}"),
        201,
        fast_path=1,
    )
    yield single_case(
        "voters: cookie",
        request("POST /v1/voters", f"cookie: pollwire_voter={voter('again')}"),
        201,
        fast_path=1,
    )
    yield single_case(
        "voters: forged", request("POST /v1/voters", "authorization: Bearer forged"), 201, fast_path=1
    )
    yield single_case(
        "voters: own site", request("POST /v1/voters", "origin: http://polls.example"), 201, fast_path=1
    )
    yield single_case("voters: allowed site", request("POST /v1/voters", f"origin: {NEWS}"), 201, fast_path=1)
    yield single_case(
        "voters: foreign site", request("POST /v1/voters", f"origin: {STRANGER}"), 201, fast_path=1
    )
    yield single_case(
        "voters: for a poll", request("POST /v1/voters?poll=friends", f"origin: {FRIEND}"), 201, fast_path=1
    )
    yield single_case(
        "voters: for no poll", request("POST /v1/voters?poll=nowhere", f"origin: {FRIEND}"), 201
    )
    yield single_case("voters: broken", request("POST /v1/voters", JSON, body="{"), 400, fast_path=1)
    yield single_case(
        "voters: no name", request("POST /v1/voters", JSON, body='{"name":" "}'), 422, fast_path=1
    )
    yield single_case(
        "voters: unknown field", request("POST /v1/voters", JSON, body='{"x":1}'), 422, fast_path=1
    )
    yield single_case(
        "voters: text", request("POST /v1/voters", "content-type: text/plain", body="Ama"), 415, fast_path=1
    )
    yield single_case("voters: too large", request("POST /v1/voters", JSON, body=" " * 20_000), 413)
    yield single_case("voters: read", request("GET /v1/voters"), 405)
    yield single_case("tickets", request("POST /v1/tickets", f"authorization: Bearer {voter('ticket')}"), 201)


def preflights() -> Iterator[Case]:
    """CORS preflights."""
    ask = (
        "access-control-request-method: POST",
        "access-control-request-headers: authorization,content-type",
    )
    for name, origin in (
        ("own", "https://polls.example"),
        ("allowed", NEWS),
        ("foreign", STRANGER),
        ("null", "null"),
    ):
        for target in ("/v1/polls/lunch/votes", "/v1/voters"):
            yield single_case(
                f"preflight: {name} {target}",
                request(f"OPTIONS {target}", f"origin: {origin}", *ask),
                204,
                fast_path=1,
            )
    for name, origin in (("friend", FRIEND), ("news", NEWS)):
        yield single_case(
            f"preflight: friends of {name}",
            request("OPTIONS /v1/polls/friends/votes", f"origin: {origin}", *ask),
            204,
            fast_path=1,
        )
        yield single_case(
            f"preflight: voters for {name}",
            request("OPTIONS /v1/voters?poll=friends", f"origin: {origin}", *ask),
            204,
            fast_path=1,
        )
    yield single_case(
        "preflight: no such poll", request("OPTIONS /v1/polls/nowhere/votes", f"origin: {NEWS}", *ask), 204
    )
    yield single_case(
        "preflight: results", request("OPTIONS /v1/polls/lunch/results", f"origin: {NEWS}", *ask), 204
    )
    yield single_case(
        "preflight: with a body",
        request("OPTIONS /v1/voters", f"origin: {NEWS}", *ask, body="x"),
        204,
        fast_path=1,
    )
    yield single_case(
        "preflight: closing", request("OPTIONS /v1/voters", f"origin: {NEWS}", "connection: close", *ask), 204
    )
    yield single_case(
        "preflight: no method", request("OPTIONS /v1/polls/lunch/votes", f"origin: {NEWS}"), 204
    )
    yield single_case("preflight: no origin", request("OPTIONS /v1/polls/lunch/votes", *ask), 204)


def public_reads() -> Iterator[Case]:
    """Public reads of results."""
    for poll, fast_path in (
        ("strict", 1),
        ("over", 1),
        ("soon", 1),
        ("after-vote", 1),
        ("after-close", 1),
        ("secret", 1),
    ):
        yield single_case(
            f"results: {poll}", request(f"GET /v1/polls/{poll}/results"), 200, fast_path=fast_path
        )
    at = "GET /v1/polls/strict/results"
    for name, tags, status in (
        ("star", "*", 304),
        ("other", '"other"', 200),
        ("not a tag", "other", 200),
        ("list", '"a", W/"b"', 200),
        ("empty", "", 200),
    ):
        yield single_case(
            f"results: if-none-match {name}", request(at, f"if-none-match: {tags}"), status, fast_path=1
        )
    yield single_case(
        "results: two lines of tags", request(at, 'if-none-match: "a"', "if-none-match: *"), 200
    )
    for name, origin in (("own", "http://polls.example"), ("allowed", NEWS), ("foreign", STRANGER)):
        fast_path = 0 if name == "foreign" else 1
        yield single_case(f"results: {name} site", request(at, f"origin: {origin}"), 200, fast_path=fast_path)
        yield single_case(
            f"results: hidden, {name} site",
            request("GET /v1/polls/secret/results", f"origin: {origin}"),
            200,
            fast_path=fast_path,
        )


def authenticated_reads() -> Iterator[Case]:
    """Reads of results with credentials."""
    at = "GET /v1/polls/strict/results"
    token = f"authorization: Bearer {voter('stranger')}"
    yield single_case("results: voter", request(at, token), 200, fast_path=1)
    yield single_case(
        "results: forged where all may", request(at, "authorization: Bearer forged"), 200, fast_path=1
    )
    yield single_case(
        "results: forged where it matters",
        request("GET /v1/polls/secret/results", "authorization: Bearer forged"),
        401,
    )
    yield single_case("results: voter after vote", request("GET /v1/polls/after-vote/results", token), 200)
    yield single_case(
        "results: cookie after vote",
        request("GET /v1/polls/after-vote/results", f"cookie: pollwire_voter={voter('stranger')}"),
        200,
    )
    yield single_case(
        "results: bad cookie",
        request("GET /v1/polls/after-vote/results", "cookie: pollwire_voter=x"),
        200,
        fast_path=1,
    )
    yield single_case(
        "results: operator",
        request("GET /v1/polls/secret/results", f"authorization: Bearer {ADMIN_KEY}"),
        200,
        fast_path=1,
    )
    yield single_case(
        "results: operator of the unseen",
        request("GET /v1/polls/unseen/results", f"authorization: Bearer {ADMIN_KEY}"),
        200,
    )
    yield single_case("results: unseen", request("GET /v1/polls/unseen/results"), 404)
    yield single_case("results: unknown", request("GET /v1/polls/nowhere/results"), 404)
    yield single_case("results: query", request(f"{at}?x=1"), 200)
    yield single_case("results: HEAD", request("HEAD /v1/polls/strict/results"), 200, to_head=True)
    yield single_case("results: POST", request("POST /v1/polls/strict/results"), 405)
    yield single_case("results: with a body", request(at, body="hello"), 200, fast_path=1)
    yield single_case("results: HTTP/1.0", request(at, version="HTTP/1.0"), 200)
    yield single_case("poll", request("GET /v1/polls/strict"), 200)


CASES = [*methods(), *registrations(), *preflights(), *public_reads(), *authenticated_reads()]
