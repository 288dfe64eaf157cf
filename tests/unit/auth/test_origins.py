"""Origin policy."""

from __future__ import annotations

import pytest
from pollwire_server.auth.origins import OriginPolicy
from pollwire_server.settings import Settings

NEWS = "https://news.example"
HOST = "polls.example"


def origins(*allowed: str, public_url: str | None = None) -> OriginPolicy:
    """Return the policy of a service that allows these origins."""
    return OriginPolicy(Settings(allowed_origins=allowed, public_url=public_url))


@pytest.mark.parametrize(
    ("origin", "host", "expected"),
    [
        (None, HOST, True),  # no page of another site
        ("null", HOST, False),  # could be anybody's page
        (NEWS, HOST, True),  # allowed by the settings
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
def test_origin_is_allowed_as_expected(origin: str | None, host: str | None, expected: bool) -> None:
    assert origins(NEWS).allows(origin, host) is expected


def test_public_url_counts_as_own_origin() -> None:
    rule = origins(public_url="https://polls.example/")
    assert rule.allows("https://polls.example", "10.0.0.7:8000", ("https://blog.example",))
    assert not rule.allows(NEWS, "10.0.0.7:8000")


def test_poll_origins_replace_service_origins() -> None:
    rule = origins(NEWS)
    assert rule.allows("https://blog.example", HOST, ("https://blog.example",))
    assert not rule.allows(NEWS, HOST, ("https://blog.example",))
    assert not rule.allows(NEWS, HOST, ())
    assert rule.allows(f"https://{HOST}", HOST, ())


def test_wildcard_allows_every_origin_except_null() -> None:
    for rule, poll in ((origins("*"), None), (origins(), ("*",))):
        assert rule.allows("https://anybody.example", HOST, poll)
        assert not rule.allows("null", HOST, poll)
