"""CORS headers by the origin policy."""

from __future__ import annotations

import pytest
from pollwire_server.auth.cors import CorsPolicy, is_preflight
from pollwire_server.auth.origins import OriginPolicy
from pollwire_server.settings import Settings

NEWS = "https://news.example"
BLOG = "https://blog.example"
HOST = "polls.example"
VARY = (b"vary", b"Origin")


@pytest.fixture
def cors() -> CorsPolicy:
    return CorsPolicy(OriginPolicy(Settings(allowed_origins=(NEWS,))))


def test_headers_echo_only_allowed_origin(cors: CorsPolicy) -> None:
    allowed = dict(cors.headers_for(NEWS, HOST, None))
    assert allowed == {
        b"access-control-allow-origin": NEWS.encode(),
        b"access-control-expose-headers": b"ETag, Location, RateLimit, RateLimit-Policy, Retry-After",
        b"vary": b"Origin",
    }
    for other in (BLOG, "null", None):
        assert cors.headers_for(other, HOST, None) == (VARY,)


def test_headers_follow_origins_of_the_poll(cors: CorsPolicy) -> None:
    assert dict(cors.headers_for(BLOG, HOST, (BLOG,)))[b"access-control-allow-origin"] == BLOG.encode()
    assert cors.headers_for(NEWS, HOST, (BLOG,)) == (VARY,)


def test_equal_headers_are_one_tuple(cors: CorsPolicy) -> None:
    """The response writer caches heads by the identity of this tuple."""
    assert cors.headers_for(NEWS, HOST, None) is cors.headers_for(NEWS, HOST, None)


def test_preflight_lists_methods_headers_and_max_age(cors: CorsPolicy) -> None:
    response = cors.preflight_response(NEWS, HOST, None)
    headers = dict(response.headers)
    assert response.status == 204
    assert headers[b"access-control-allow-methods"] == b"GET, HEAD, POST, DELETE"
    assert headers[b"access-control-max-age"] == b"7200"
    for name in (b"Authorization", b"Content-Type", b"Idempotency-Key", b"If-Match", b"If-None-Match"):
        assert name in headers[b"access-control-allow-headers"]


def test_preflight_of_foreign_origin_grants_nothing(cors: CorsPolicy) -> None:
    assert [name for name, _ in cors.preflight_response(BLOG, HOST, None).headers] == [b"vary"]


@pytest.mark.parametrize(
    ("method", "names", "expected"),
    [
        ("OPTIONS", {b"origin", b"access-control-request-method"}, True),
        ("OPTIONS", {b"origin"}, False),
        ("OPTIONS", {b"access-control-request-method"}, False),
        ("POST", {b"origin", b"access-control-request-method"}, False),
    ],
)
def test_preflight_is_recognized(method: str, names: set[bytes], expected: bool) -> None:
    assert is_preflight(method, names) is expected
