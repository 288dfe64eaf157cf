"""Store URLs: what each scheme accepts, and that everything else is rejected by name."""

from __future__ import annotations

import pytest
from pollwire_server.domain.store_url import OPTIONS, SCHEMES, StoreUrl, parse_store_url, without_password
from pollwire_server.settings import SettingsError, read_settings


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://host", StoreUrl(scheme="redis", hosts=(("host", 6379),))),
        ("redis://host:1/", StoreUrl(scheme="redis", hosts=(("host", 1),))),
        ("redis://[::1]:1/5", StoreUrl(scheme="redis", hosts=(("::1", 1),), db=5)),
        ("redis://h?db=2", StoreUrl(scheme="redis", hosts=(("h", 6379),), db=2)),
        (
            "rediss://u:p%40s@h",
            StoreUrl(scheme="rediss", hosts=(("h", 6379),), username="u", password="p@s", tls={}),
        ),
        ("unix:///run/s?db=1", StoreUrl(scheme="unix", path="/run/s", db=1)),
        ("unix://u:p@/run/a@b", StoreUrl(scheme="unix", path="/run/a@b", username="u", password="p")),
        (
            "redis+sentinel://a,b:1/main/4",
            StoreUrl(scheme="redis+sentinel", hosts=(("a", 26379), ("b", 1)), path="main", db=4),
        ),
        ("redis+cluster://:p@a", StoreUrl(scheme="redis+cluster", hosts=(("a", 6379),), password="p")),
    ],
)
def test_url_is_parsed(url: str, expected: StoreUrl) -> None:
    assert parse_store_url(url) == expected


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "begins with redis://"),
        ("localhost", "begins with redis://"),
        ("http://host", "begins with redis://"),
        ("redis://", "no valid host"),
        ("redis://host:port", "a host or a port that is not valid"),
        ("redis://host:70000", "a host or a port that is not valid"),
        ("redis://host:", "without a valid port"),
        ("redis://host/main", "not the number of a database"),
        ("redis://host/1/2", "not the number of a database"),
        ("redis://host/-1", "not the number of a database"),
        ("redis://host/1?db=1", "twice"),
        ("redis://host?db=x", "must be the number of a database"),
        ("redis://a,b", "one host"),
        ("redis://user@host", "without a password"),
        ("redis://host#1", "must not contain #"),
        ("redis://host?ssl=true", r"'ssl', which redis:// does not know \(known: db\)"),
        ("redis://host?ssl_ca_certs=x", "'ssl_ca_certs', which redis:// does not know"),
        ("redis://host?password=x", "'password'"),
        ("redis://host?socket_timeout=60", "'socket_timeout'"),
        ("redis://host?decode_responses=true", "'decode_responses'"),
        ("redis://host?protocol=3", "'protocol'"),
        ("rediss://host?ssl_ca_cert=x", "'ssl_ca_cert', which rediss:// does not know .*ssl_ca_certs"),
        ("rediss://host?ssl_cert_reqs=maybe", "must be required, optional or none"),
        ("rediss://host?ssl_check_hostname=2", "must be true or false"),
        ("rediss://host?ssl_cert_reqs=none&ssl_check_hostname=1", "needs a certificate"),
        ("rediss://host?ssl_cert_reqs=none&ssl_cert_reqs=required", "twice"),
        ("unix://run/s", "whole path of a socket"),
        ("unix://", "whole path of a socket"),
        ("unix:///run/s?ssl_cert_reqs=none", "'ssl_cert_reqs', which unix:// does not know"),
        ("redis+cluster://", "no valid host"),
        ("redis+cluster://a?ssl=true", r"'ssl', which redis\+cluster:// does not know \(known: none\)"),
        ("redis+cluster://a/3", "must not have a path"),
        ("redis+cluster://a?db=3", "'db'"),
        ("rediss+cluster://a?ssl=true", "'ssl', which"),
        ("redis+sentinel://host", "must name the service"),
        ("redis+sentinel://host/", "must name the service"),
        ("redis+sentinel://one,,two/main", "no valid host"),
        ("redis+sentinel://host/main/x", "not the number of a database"),
        ("redis+sentinel://host/main/1/2", "not the number of a database"),
        ("redis+sentinel://host/main?password=x", "'password', which"),
        ("redis+sentinel://host/main?sentinel_username=x", "without 'sentinel_password'"),
    ],
)
def test_invalid_url_is_rejected(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_store_url(url)


@pytest.mark.parametrize("scheme", OPTIONS)
def test_unknown_option_is_rejected_for_every_scheme(scheme: str) -> None:
    rest = {"unix": "/run/s", "redis+sentinel": "h/main", "rediss+sentinel": "h/main"}.get(scheme, "h")
    parse_store_url(f"{scheme}://{rest}")
    with pytest.raises(ValueError, match="has the option 'colour'"):
        parse_store_url(f"{scheme}://{rest}?colour=s3cret")


def test_setting_rejects_the_same_urls_without_showing_values() -> None:
    for url in ("rediss://u:s3cret@h?ssl_ca_cert=s3cret", "redis+cluster://:s3cret@h?ssl=s3cret"):
        with pytest.raises(SettingsError, match="POLLWIRE_REDIS_URL has the option") as error:
            read_settings({"POLLWIRE_REDIS_URL": url})
        assert "s3cret" not in str(error.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://user:p@ss@host:1/2", "redis://***@host:1/2"),
        ("redis://user:p/ss@host", "redis://***@host"),
        ("unix:///tmp/s", "unix:///tmp/s"),
        ("unix://u:p@/tmp/a@b", "unix://***@/tmp/a@b"),
        (
            "redis+sentinel://a/main?sentinel_password=s3cret&db=1",
            "redis+sentinel://a/main?sentinel_password=***&db=***",
        ),
    ],
)
def test_url_is_shown_without_password(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_every_scheme_is_documented() -> None:
    assert set(SCHEMES) == {f"{scheme}://" for scheme in OPTIONS}
