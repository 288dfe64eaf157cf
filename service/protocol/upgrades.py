"""Requests that ask for another protocol: a WebSocket's handshake, or what the request is without asking."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import httptools

_OF_THE_UPGRADE: Final = (b"connection", b"upgrade", b"http2-settings")
"""Headers that mean nothing once an upgrade is ignored."""


def is_handshake(parser: httptools.HttpRequestParser, headers: dict[bytes, bytes]) -> bool:
    """RFC 6455, section 4.2.1, as far as it is plain HTTP."""
    if parser.get_method() != b"GET" or parser.get_http_version() != "1.1":
        return False
    return b"transfer-encoding" not in headers and headers.get(b"content-length", b"0") == b"0"


def head_without_upgrade(
    parser: httptools.HttpRequestParser, url: bytes, headers: Sequence[tuple[bytes, bytes]]
) -> bytes | None:
    """The head to be read anew: a server may ignore an upgrade (RFC 9110, 7.8), and a parser skips its body.

    None for ``CONNECT``, which asks for a tunnel and is an upgrade to the parser.
    """
    method = parser.get_method()
    if method == b"CONNECT":
        return None
    lines = [b"%b %b HTTP/%b\r\n" % (method, url, parser.get_http_version().encode())]
    for name, value in headers:
        if name not in _OF_THE_UPGRADE:
            lines += (name, b": ", value, b"\r\n")
        elif b"close" in (option.strip() for option in value.lower().split(b",")):
            lines.append(b"connection: close\r\n")
    return b"".join((*lines, b"\r\n"))
