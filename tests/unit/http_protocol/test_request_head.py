"""Validation of request heads: host, target, version and transfer coding."""

from __future__ import annotations

import pytest
from pollwire_server.domain.errors import BadRequest, UnsupportedHttpVersion, UnsupportedTransferCoding
from pollwire_server.http_protocol.request_head import validate_head

HOST = (b"host", b"a.example")


@pytest.mark.parametrize("host", [b"", b"a", b"a.example:8000", b"[::1]", b"[fe80::1]:80", b"%c3%a9.example"])
def test_valid_host_is_accepted(host: bytes) -> None:
    assert validate_head(b"GET", b"/x", "1.1", [(b"host", host)]) == b"/x"


@pytest.mark.parametrize(
    "host", [b"a b", b"a,b c", b"u@a", b"a/b", b"a:b", b"a:80:80", b"[::1", b"::1", b"a?b", b"\xe9", b"%zz"]
)
def test_invalid_host_is_rejected(host: bytes) -> None:
    with pytest.raises(BadRequest):
        validate_head(b"GET", b"/x", "1.1", [(b"host", host)])


@pytest.mark.parametrize(
    ("url", "target", "host"),
    [
        (b"http://b.example/x?y=1", b"/x?y=1", b"b.example"),
        (b"https://b.example:8443", b"/", b"b.example:8443"),
        (b"HTTP://[::1]?y", b"/?y", b"[::1]"),
    ],
)
def test_absolute_form_replaces_target_and_host(url: bytes, target: bytes, host: bytes) -> None:
    headers = [(b"accept", b"*/*"), HOST]
    assert validate_head(b"GET", url, "1.1", headers) == target
    assert headers == [(b"host", host), (b"accept", b"*/*")]


@pytest.mark.parametrize(
    "url",
    [b"*", b"a.example:80", b"http://", b"http:///x", b"http://u:p@a/x", b"ws://a/x", b"/x#y", b"http://a#b"],
)
def test_other_targets_are_rejected(url: bytes) -> None:
    with pytest.raises(BadRequest):
        validate_head(b"GET", url, "1.1", [HOST])


@pytest.mark.parametrize("version", ["2.0", "2.1", "3.0"])
def test_other_major_versions_are_rejected(version: str) -> None:
    with pytest.raises(UnsupportedHttpVersion):
        validate_head(b"GET", b"/x", version, [HOST])


def test_transfer_codings_other_than_chunked_are_rejected() -> None:
    with pytest.raises(UnsupportedTransferCoding):
        validate_head(b"POST", b"/x", "1.1", [HOST, (b"transfer-encoding", b"gzip, chunked")])
    with pytest.raises(BadRequest):
        validate_head(b"POST", b"/x", "1.0", [HOST, (b"transfer-encoding", b"chunked")])
