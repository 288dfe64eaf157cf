"""Serialization of responses, with CORS headers for the origin of each request."""

from __future__ import annotations

import pytest
from pollwire_server.auth.cors import CorsPolicy
from pollwire_server.auth.origins import OriginPolicy
from pollwire_server.http_protocol.fast_path import RequestHead
from pollwire_server.http_protocol.response_writer import ResponseWriter
from pollwire_server.problem_details import HttpResponse
from pollwire_server.settings import Settings

NEWS, BLOG = "https://news.example", "https://blog.example"
DATE = [(b"date", b"now")]
HEADERS = ((b"content-type", b"text/plain"),)


def head(writer: ResponseWriter, origin: str | None) -> RequestHead:
    """Return the head as the connection creates it."""
    host = "polls.example"
    return RequestHead(b"GET", b"/", {}, origin, host, writer.cors_headers(origin, host, None))


def response(poll_origins: tuple[str, ...] | None = None) -> HttpResponse:
    return HttpResponse(200, HEADERS, b"body", poll_origins)


@pytest.fixture
def writer() -> ResponseWriter:
    return ResponseWriter(CorsPolicy(OriginPolicy(Settings(allowed_origins=(NEWS,)))).headers_for)


def test_responses_with_same_headers_have_cors_headers_of_their_own_request(writer: ResponseWriter) -> None:
    """The cache of heads must not return the head of another site."""
    for _ in range(2):
        for origin, poll_origins, is_allowed in (
            (NEWS, None, True),
            (BLOG, None, False),
            (BLOG, (BLOG,), True),
            (NEWS, (BLOG,), False),
            (None, None, False),
        ):
            text = writer.encode(response(poll_origins), DATE, True, head(writer, origin))
            allowed = f"access-control-allow-origin: {origin}\r\n".encode()
            assert (allowed in text) is is_allowed
            assert b"\r\nvary: Origin\r\n" in text
            assert text.endswith(b"\r\n\r\nbody")


def test_response_that_closes_the_connection_has_cors_headers(writer: ResponseWriter) -> None:
    text = writer.encode(response(), DATE, False, head(writer, NEWS))
    assert b"connection: close\r\n" in text
    assert f"access-control-allow-origin: {NEWS}\r\n".encode() in text


def test_response_without_request_head_has_no_cors_headers(writer: ResponseWriter) -> None:
    """The response to invalid HTTP has no known origin."""
    assert b"vary" not in writer.encode(response(), DATE, False)
