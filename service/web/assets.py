"""The files under ``static/``, read once, and how they are sent.

There is no build step: modules are served as they lie in the tree, only
without the comments that stand on lines of their own (half of their bytes),
under ``/static/<edition>/``, where the edition is a digest of them all. An
address therefore never changes its content, so browsers keep it for good, and
modules of two releases never mix in one page. ``/widget.js`` and
``/client.js``, whose addresses have to stay the same for every site that
imports them, are the exception: their own imports are pointed at the present
edition, and browsers ask whether they changed.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from litestar import Request, Response
from litestar.datastructures import State

STATIC: Final = Path(__file__).parent / "static"

CONTENT_TYPES: Final = {  # the framework adds the charset to text
    ".js": "text/javascript",
    ".css": "text/css",
    ".html": "text/html",
    ".svg": "image/svg+xml",
    ".json": "application/json",
}

FOR_GOOD: Final = "public, max-age=31536000, immutable"
ASK_EACH_TIME: Final = "public, no-cache"
ENTRY_LIFE: Final = "public, max-age=300"
"""The widget of a release reaches every embedding page within five minutes."""

ENTRIES: Final = ("widget.js", "client.js")
"""Modules at the service's root, where other sites import them from."""

WORTH_PACKING_BYTES: Final = 512
"""Below it gzip saves less than its own headers and the time to unpack."""

AnyRequest = Request[object, object, State]

EVERYWHERE: Final = {
    # Module scripts of other sites are fetched with CORS, and refused by COEP pages without CORP.
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
    "Timing-Allow-Origin": "*",
}


class Asset(msgspec.Struct, frozen=True):
    """One file as it is sent: its bytes plain and packed, its type, and its validator."""

    body: bytes
    packed: bytes | None
    content_type: str
    etag: str

    @classmethod
    def of(cls, body: bytes, content_type: str) -> Asset:
        """The asset with these bytes."""
        packed = gzip.compress(body, 9, mtime=0) if len(body) >= WORTH_PACKING_BYTES else None
        return cls(body, packed, content_type, hashlib.blake2b(body, digest_size=12).hexdigest())


class Library:
    """Every static file of this release, by its path under ``static/``."""

    def __init__(self, root: Path = STATIC) -> None:
        files = {
            path.relative_to(root).as_posix(): path
            for path in sorted(root.rglob("*"))
            if path.suffix in CONTENT_TYPES
        }
        self.edition: str = _edition(files)
        self._assets = {
            name: Asset.of(_without_comments(path), CONTENT_TYPES[path.suffix])
            for name, path in files.items()
            if path.suffix != ".html"
        }
        self._pages = {name: files[name].read_text("utf-8") for name in files if name.endswith(".html")}
        self._entries = {name: self._entry(name) for name in ENTRIES}

    def asset(self, name: str) -> Asset | None:
        """The file at ``name``, or None; pages are not among them."""
        return self._assets.get(name)

    def entry(self, name: str) -> Asset:
        """A module at the service's root: its imports lead to this edition."""
        return self._entries[name]

    def page(self, name: str) -> str:
        """The text of an HTML file."""
        return self._pages[name]

    def _entry(self, name: str) -> Asset:
        text = self._assets[name].body.decode("utf-8")
        moved = text.replace("'./", f"'./static/{self.edition}/")
        return Asset.of(moved.encode("utf-8"), CONTENT_TYPES[".js"])


def send(
    asset: Asset, request: AnyRequest, *, cache_control: str, headers: Mapping[str, str] = EVERYWHERE
) -> Response[bytes]:
    """The asset, packed where the browser takes that; 304 without a body where it has it already."""
    packed = asset.packed if _takes_gzip(request) else None
    etag = f'"{asset.etag}{"-gz" if packed else ""}"'
    told = {**headers, "Cache-Control": cache_control, "ETag": etag, "Vary": "Accept-Encoding"}
    if _holds(request, etag):
        return Response(content=b"", status_code=304, headers=told, media_type=asset.content_type)
    if packed:
        told["Content-Encoding"] = "gzip"
    return Response(content=packed or asset.body, headers=told, media_type=asset.content_type)


_COMMENT = re.compile(r"^[ \t]*/\*(?:(?!\*/).)*\*/[ \t]*\n", re.DOTALL | re.MULTILINE)
"""A comment that begins and ends its lines; in none of our files does text or a template look like one."""


def _without_comments(path: Path) -> bytes:
    if path.suffix not in (".js", ".css"):
        return path.read_bytes()
    return _COMMENT.sub("", path.read_text("utf-8")).encode("utf-8")


def _edition(files: Mapping[str, Path]) -> str:
    digest = hashlib.blake2b(digest_size=6)
    for name, path in files.items():
        digest.update(name.encode("utf-8") + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _takes_gzip(request: AnyRequest) -> bool:
    """Whether ``Accept-Encoding`` names gzip and does not rule it out (RFC 9110, section 12.5.3)."""
    for item in request.headers.get("accept-encoding", "").lower().split(","):
        coding, _, weight = item.replace(" ", "").partition(";q=")
        if coding in ("gzip", "*"):
            return weight == "" or weight.strip("0.") != ""
    return False


def _holds(request: AnyRequest, etag: str) -> bool:
    """Whether ``If-None-Match`` names the validator, compared weakly (RFC 9110, section 13.1.2)."""
    named = request.headers.get("if-none-match", "")
    return named.strip() == "*" or etag in (item.strip().removeprefix("W/") for item in named.split(","))
