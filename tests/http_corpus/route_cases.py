"""What else is asked: methods and addresses, tokens, preflights, looks at results."""

from __future__ import annotations

from collections.abc import Iterator

from tests.http_corpus.case import JSON, VOTE, Case, one, request
from tests.http_corpus.servers import ADMIN_KEY, FRIEND, NEWS, STRANGER, voter


def methods() -> Iterator[Case]:
    """Methods, and forms of addresses."""
    votes_at = "/v1/polls/lunch/votes"
    for method in ("GET", "PUT", "PATCH", "DELETE", "HEAD", "TRACE", "PROPFIND"):
        yield one(f"{method} on votes", request(f"{method} {votes_at}"), 405, to_head=method == "HEAD")
    yield one("unknown method", request(f"BREW {votes_at}"), 400, ours="told as a problem")
    yield one("lower-case method", request(f"post {votes_at}"), 400, ours="told as a problem")
    yield one("CONNECT", request("CONNECT polls.example:80"), 400, ours="this is no proxy")
    yield one("options of all", request("OPTIONS *"), 404)
    bearer = f"authorization: Bearer {voter('absolute')}"
    yield one("absolute form", request(f"POST http://polls.example{votes_at}", JSON, bearer, body=VOTE), 200)
    yield one(
        "no host",
        request(f"POST {votes_at}", JSON, f"authorization: Bearer {voter('hostless')}", host="", body=VOTE),
        200,
        lane=1,
    )
    yield one("bytes in the path", request("GET /v1/polls/\xe9/results"), 400, ours="told as a problem")
    yield one("space in the path", request("GET /v1/polls/a b/results"), 400, ours="told as a problem")
    yield one("a long path", request("GET /" + "a" * 20_000), 404)
    yield one("nowhere", request("GET /v1/nowhere"), 404)
    yield one("a socket's address", request("GET /v1/live"), 404)


def enrolments() -> Iterator[Case]:
    """Who comes for a token."""
    yield one("voters", request("POST /v1/voters"), 201, lane=1)
    yield one("voters: named", request("POST /v1/voters", JSON, body='{"name":"Ama"}'), 201, lane=1)
    yield one("voters: nothing in it", request("POST /v1/voters", JSON, body="{}"), 201, lane=1)
    yield one(
        "voters: again", request("POST /v1/voters", f"authorization: Bearer {voter('again')}"), 201, lane=1
    )
    yield one(
        "voters: cookie", request("POST /v1/voters", f"cookie: pollwire_voter={voter('again')}"), 201, lane=1
    )
    yield one("voters: forged", request("POST /v1/voters", "authorization: Bearer forged"), 201, lane=1)
    yield one("voters: own site", request("POST /v1/voters", "origin: http://polls.example"), 201, lane=1)
    yield one("voters: allowed site", request("POST /v1/voters", f"origin: {NEWS}"), 201, lane=1)
    yield one("voters: foreign site", request("POST /v1/voters", f"origin: {STRANGER}"), 201, lane=1)
    yield one("voters: for a poll", request("POST /v1/voters?poll=friends", f"origin: {FRIEND}"), 201, lane=1)
    yield one("voters: for no poll", request("POST /v1/voters?poll=nowhere", f"origin: {FRIEND}"), 201)
    yield one("voters: broken", request("POST /v1/voters", JSON, body="{"), 400, lane=1)
    yield one("voters: no name", request("POST /v1/voters", JSON, body='{"name":" "}'), 422, lane=1)
    yield one("voters: unknown field", request("POST /v1/voters", JSON, body='{"x":1}'), 422, lane=1)
    yield one("voters: text", request("POST /v1/voters", "content-type: text/plain", body="Ama"), 415, lane=1)
    yield one("voters: too large", request("POST /v1/voters", JSON, body=" " * 20_000), 413)
    yield one("voters: read", request("GET /v1/voters"), 405)
    yield one("tickets", request("POST /v1/tickets", f"authorization: Bearer {voter('ticket')}"), 201)


def preflights() -> Iterator[Case]:
    """What browsers of other sites send first."""
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
            yield one(
                f"preflight: {name} {target}",
                request(f"OPTIONS {target}", f"origin: {origin}", *ask),
                204,
                lane=1,
            )
    for name, origin in (("friend", FRIEND), ("news", NEWS)):
        yield one(
            f"preflight: friends of {name}",
            request("OPTIONS /v1/polls/friends/votes", f"origin: {origin}", *ask),
            204,
            lane=1,
        )
        yield one(
            f"preflight: voters for {name}",
            request("OPTIONS /v1/voters?poll=friends", f"origin: {origin}", *ask),
            204,
            lane=1,
        )
    yield one(
        "preflight: no such poll", request("OPTIONS /v1/polls/nowhere/votes", f"origin: {NEWS}", *ask), 204
    )
    yield one("preflight: results", request("OPTIONS /v1/polls/lunch/results", f"origin: {NEWS}", *ask), 204)
    yield one(
        "preflight: with a body",
        request("OPTIONS /v1/voters", f"origin: {NEWS}", *ask, body="x"),
        204,
        lane=1,
    )
    yield one(
        "preflight: closing", request("OPTIONS /v1/voters", f"origin: {NEWS}", "connection: close", *ask), 204
    )
    yield one("preflight: no method", request("OPTIONS /v1/polls/lunch/votes", f"origin: {NEWS}"), 204)
    yield one("preflight: no origin", request("OPTIONS /v1/polls/lunch/votes", *ask), 204)


def looks() -> Iterator[Case]:
    """Looks at results by anybody."""
    for poll, lane in (
        ("strict", 1),
        ("over", 1),
        ("soon", 1),
        ("after-vote", 1),
        ("after-close", 1),
        ("secret", 1),
    ):
        yield one(f"results: {poll}", request(f"GET /v1/polls/{poll}/results"), 200, lane=lane)
    at = "GET /v1/polls/strict/results"
    for name, tags, status in (
        ("star", "*", 304),
        ("other", '"other"', 200),
        ("not a tag", "other", 200),
        ("list", '"a", W/"b"', 200),
        ("empty", "", 200),
    ):
        yield one(f"results: if-none-match {name}", request(at, f"if-none-match: {tags}"), status, lane=1)
    yield one("results: two lines of tags", request(at, 'if-none-match: "a"', "if-none-match: *"), 200)
    for name, origin in (("own", "http://polls.example"), ("allowed", NEWS), ("foreign", STRANGER)):
        lane = 0 if name == "foreign" else 1
        yield one(f"results: {name} site", request(at, f"origin: {origin}"), 200, lane=lane)
        yield one(
            f"results: hidden, {name} site",
            request("GET /v1/polls/secret/results", f"origin: {origin}"),
            200,
            lane=lane,
        )


def looks_by_somebody() -> Iterator[Case]:
    """Looks at results by somebody, and otherwise."""
    at = "GET /v1/polls/strict/results"
    token = f"authorization: Bearer {voter('nobody')}"
    yield one("results: voter", request(at, token), 200, lane=1)
    yield one("results: forged where all may", request(at, "authorization: Bearer forged"), 200, lane=1)
    yield one(
        "results: forged where it matters",
        request("GET /v1/polls/secret/results", "authorization: Bearer forged"),
        401,
    )
    yield one("results: voter after vote", request("GET /v1/polls/after-vote/results", token), 200)
    yield one(
        "results: cookie after vote",
        request("GET /v1/polls/after-vote/results", f"cookie: pollwire_voter={voter('nobody')}"),
        200,
    )
    yield one(
        "results: bad cookie",
        request("GET /v1/polls/after-vote/results", "cookie: pollwire_voter=x"),
        200,
        lane=1,
    )
    yield one(
        "results: operator",
        request("GET /v1/polls/secret/results", f"authorization: Bearer {ADMIN_KEY}"),
        200,
        lane=1,
    )
    yield one(
        "results: operator of the unseen",
        request("GET /v1/polls/unseen/results", f"authorization: Bearer {ADMIN_KEY}"),
        200,
    )
    yield one("results: unseen", request("GET /v1/polls/unseen/results"), 404)
    yield one("results: unknown", request("GET /v1/polls/nowhere/results"), 404)
    yield one("results: query", request(f"{at}?x=1"), 200)
    yield one("results: HEAD", request("HEAD /v1/polls/strict/results"), 200, to_head=True)
    yield one("results: POST", request("POST /v1/polls/strict/results"), 405)
    yield one("results: with a body", request(at, body="hello"), 200, lane=1)
    yield one("results: HTTP/1.0", request(at, version="HTTP/1.0"), 200)
    yield one("poll", request("GET /v1/polls/strict"), 200)


CASES = [*methods(), *enrolments(), *preflights(), *looks(), *looks_by_somebody()]
