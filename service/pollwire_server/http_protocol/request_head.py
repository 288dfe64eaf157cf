"""Validation of request heads: what RFC 9110 and RFC 9112 require beyond the syntax that the parser checks.

The parser rejects invalid request lines, header lines, lengths and chunks. It accepts some requests that a
server must reject, and leaves the form of the target to the caller. ``validate_head`` closes these gaps for
the fast path, the ASGI path and WebSocket handshakes alike, because the connection calls it once per head.
"""

from __future__ import annotations

import re
from typing import Final

import httptools

from pollwire_server.domain.errors import BadRequest, UnsupportedHttpVersion, UnsupportedTransferCoding

_REG_NAME: Final = rb"(?:[0-9A-Za-z\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})"
_IP_LITERAL: Final = rb"\[[0-9A-Za-z\-._~!$&'()*+,;=:]+\]"
_HOST: Final = re.compile(rb"(?:%b|%b*)(?::[0-9]*)?" % (_IP_LITERAL, _REG_NAME))
"""``Host``: a name, perhaps empty, or an IP literal, and a port (RFC 9110, 7.2; RFC 3986, 3.2.2)."""
_ABSOLUTE_FORM: Final = re.compile(
    rb"https?://((?:%b|%b+)(?::[0-9]*)?)([/?].*)?" % (_IP_LITERAL, _REG_NAME), re.IGNORECASE
)
"""An http(s) URI with a host and without user information (RFC 9110, 4.2)."""

_Headers = list[tuple[bytes, bytes]]


def create_parser(protocol: object) -> httptools.HttpRequestParser:
    """Return a parser that reports every version, so that ``validate_head`` judges it."""
    parser = httptools.HttpRequestParser(protocol)
    parser.set_dangerous_leniencies(lenient_version=True)
    return parser


def validate_head(method: bytes, url: bytes, version: str, headers: _Headers) -> bytes:
    """Return the target in origin form. Raises a ``PollwireError`` for a head that must be rejected.

    For a target in absolute form, ``headers`` is changed: its authority replaces the ``Host``, which a server
    must ignore (RFC 9112, 3.2.2).
    """
    if version == "0.9":  # what the parser reports for a request line without a version
        raise BadRequest("The request line must end with the HTTP version.")
    if not version.startswith("1."):
        raise UnsupportedHttpVersion
    hosts: list[bytes] = []
    transfer_codings: list[bytes] = []
    for name, value in headers:
        if name == b"host":
            hosts.append(value)
        elif name == b"transfer-encoding":
            transfer_codings.append(value)
    _check_host(hosts, version)
    if transfer_codings:
        _check_transfer_codings(b",".join(transfer_codings), version)
    if url.startswith(b"/"):
        if b"#" in url:
            raise BadRequest("The request target must not contain a fragment.")
        return url
    return _origin_form(method, url, headers)


def _check_host(hosts: list[bytes], version: str) -> None:
    """Raise unless there is one valid ``Host``, or none in HTTP/1.0 (RFC 9112, 3.2)."""
    if not hosts and version != "1.0":
        raise BadRequest("An HTTP/1.1 request must have a Host header.")
    if len(hosts) > 1:
        raise BadRequest("A request must have only one Host header.")
    if hosts and _HOST.fullmatch(hosts[0]) is None:
        raise BadRequest("The Host header is not a valid host and port.")


def _check_transfer_codings(value: bytes, version: str) -> None:
    """Raise unless the only transfer coding is ``chunked`` (RFC 9112, 6.1 and 6.3)."""
    codings = [coding.strip().lower() for coding in value.split(b",") if coding.strip()]
    if version == "1.0":
        raise BadRequest("An HTTP/1.0 request must not have a Transfer-Encoding header.")
    if not codings or codings[-1] != b"chunked":
        raise BadRequest("The last transfer coding of a request must be chunked.")
    if len(codings) > 1:
        raise UnsupportedTransferCoding


def _origin_form(method: bytes, url: bytes, headers: _Headers) -> bytes:
    """Return the path and query of a target in another form (RFC 9112, 3.2.2 to 3.2.4)."""
    if (url == b"*" and method == b"OPTIONS") or method == b"CONNECT":
        return url
    found = _ABSOLUTE_FORM.fullmatch(url)
    if found is None or b"#" in url:
        raise BadRequest("The request target must be a path, or an http or https URI.")
    authority, path = found[1], found[2] or b""
    headers[:] = [(b"host", authority), *(header for header in headers if header[0] != b"host")]
    return path if path.startswith(b"/") else b"/" + path
