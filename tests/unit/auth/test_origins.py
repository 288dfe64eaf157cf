"""Whose pages may use a poll."""

from __future__ import annotations

import pytest
from pollwire_server.auth.origins import OriginPolicy
from pollwire_server.settings import Settings

NEWS = "https://news.example"
HOST = "polls.example"


def origins(*allowed: str, public_url: str | None = None) -> OriginPolicy:
    """The rule of a service that was told to allow these."""
    return OriginPolicy(Settings(allowed_origins=allowed, public_url=public_url))


@pytest.mark.parametrize(
    ("origin", "host", "expected"),
    [
        (None, HOST, True),  # no page of another site
        ("null", HOST, False),  # could be anybody's page
        (NEWS, HOST, True),  # told to allow
        ("https://NEWS.example", HOST, True),
        ("http://news.example", HOST, False),  # another scheme is another origin
        ("https://news.example:8443", HOST, False),
        ("https://news.example.evil.example", HOST, False),
        ("https://evilnews.example", HOST, False),
        ("https://polls.example", HOST, True),  # its own
        ("http://polls.example", HOST, True),
        ("https://polls.example", "polls.example:443", True),
        ("https://polls.example", "POLLS.example", True),
        ("http://127.0.0.1:8000", "127.0.0.1:8000", True),
        ("http://127.0.0.1:9000", "127.0.0.1:8000", False),
        ("http://[::1]:8000", "[::1]:8000", True),
        ("https://polls.example", None, False),
        ("", HOST, False),
        ("file://", HOST, False),
        ("ftp://polls.example", HOST, False),
        ("chrome-extension://polls.example", HOST, False),
    ],
)
def test_who_is_allowed(origin: str | None, host: str | None, expected: bool) -> None:
    """No origin and the service's own always are, ``null`` never, others where they are named exactly."""
    assert origins(NEWS).allows(origin, host) is expected


def test_the_public_url_is_the_service_s_own_site() -> None:
    """Behind a proxy that rewrites ``Host``, the service's own pages still are its own, in every poll."""
    rule = origins(public_url="https://polls.example/")
    assert rule.allows("https://polls.example", "10.0.0.7:8000", ("https://blog.example",))
    assert not rule.allows(NEWS, "10.0.0.7:8000")


def test_a_poll_s_own_origins_stand_instead_of_the_service_s() -> None:
    """A poll may be for fewer sites or for others; the service's own pages stay allowed."""
    rule = origins(NEWS)
    assert rule.allows("https://blog.example", HOST, ("https://blog.example",))
    assert not rule.allows(NEWS, HOST, ("https://blog.example",))
    assert not rule.allows(NEWS, HOST, ())
    assert rule.allows(f"https://{HOST}", HOST, ())


def test_a_star_allows_every_site_and_still_not_null() -> None:
    """``*`` of the service or of the poll means every site that says its name."""
    for rule, poll in ((origins("*"), None), (origins(), ("*",))):
        assert rule.allows("https://anybody.example", HOST, poll)
        assert not rule.allows("null", HOST, poll)


def test_an_allowed_site_is_named_in_the_answer_and_a_foreign_one_is_not() -> None:
    """CORS headers echo the origin where it is allowed; ``Vary: Origin`` stands in either case."""
    rule = origins(NEWS)
    allowed = dict(rule.cors_headers(NEWS, HOST))
    assert allowed[b"access-control-allow-origin"] == NEWS.encode()
    assert allowed[b"access-control-expose-headers"] == (
        b"ETag, Location, RateLimit, RateLimit-Policy, Retry-After"
    )
    assert b"access-control-allow-credentials" not in allowed
    for other in ("https://foreign.example", "null", None):
        assert rule.cors_headers(other, HOST) == ((b"vary", b"Origin"),)
    assert allowed[b"vary"] == b"Origin"


def test_a_preflight_says_what_may_be_sent_and_for_how_long_it_holds() -> None:
    """An allowed site learns methods and headers, kept for two hours; a foreign one learns nothing."""
    rule = origins(NEWS)
    told = dict(rule.preflight_headers(NEWS, HOST, ("GET", "POST")))
    assert told[b"access-control-allow-origin"] == NEWS.encode()
    assert told[b"access-control-allow-methods"] == b"GET, POST"
    assert told[b"access-control-max-age"] == b"7200"
    for name in (b"Authorization", b"Content-Type", b"Idempotency-Key", b"If-Match", b"If-None-Match"):
        assert name in told[b"access-control-allow-headers"]
    foreign = rule.preflight_headers("https://foreign.example", HOST, ("GET", "POST"))
    assert [name for name, _ in foreign] == [b"vary"]
