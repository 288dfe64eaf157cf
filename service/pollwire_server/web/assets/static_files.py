"""Static files of the pages: loaded once, compressed once, sent with cache headers.

esbuild minifies scripts and style sheets before a release (``make assets``).
The result is checked in under ``dist/``, so the service needs neither Node nor
a build step to start. A test compares the hashes in ``dist/manifest.json`` with
the sources under ``static/``.

Files are served under ``/static/<edition>/``. The edition is a digest of all
sources. The content of such a URL never changes, so browsers cache it without
revalidation, and modules of two releases never mix in one page. ``/widget.js``
and ``/client.js`` are the exception, because other sites import them from a
fixed URL. Each is one module with all its imports, and has a short lifetime.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

import msgspec
from litestar import Request, Response
from litestar.datastructures import State

from pollwire_server.http_protocol.media_type import accepts_gzip

STATIC: Final = Path(__file__).parents[1] / "static"
"""Sources, and the files that are served unchanged: pages, icons and type declarations."""

DIST: Final = Path(__file__).parents[1] / "dist"
"""Scripts and style sheets as esbuild built them."""

CONTENT_TYPES: Final = {  # the framework adds the charset to text
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".ts": "text/plain",
}

CACHE_FOREVER: Final = "public, max-age=31536000, immutable"
CACHE_REVALIDATE: Final = "public, no-cache"
ENTRY_LIFE: Final = "public, max-age=300"
"""The widget of a release reaches every embedding page within five minutes."""

ENTRIES: Final = ("widget.js", "client.js")
"""Modules at the service's root, where other sites import them from."""

LAZY_MODULES: Final = (
    "client/fallback_transports.js",
    "widget/cross_origin_check.js",
    "widget/ranking.js",
    "widget/forecast.js",
    "widget/receipt_text.js",
)
"""Modules that the widget loads only when it needs them, each with its imports."""

MIN_COMPRESS_BYTES: Final = 512
"""Below this size gzip saves less than its own headers and the time to decompress."""

AnyRequest = Request[object, object, State]

EVERYWHERE: Final = {
    # Module scripts of other sites are fetched with CORS, and refused by COEP pages without CORP.
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Timing-Allow-Origin": "*",
}


class Manifest(msgspec.Struct, frozen=True):
    """Description of the build in ``dist/``. Hashes are SHA-256 in hexadecimal, by file name."""

    edition: str
    sources: dict[str, str]
    outputs: dict[str, str]


class Asset(msgspec.Struct, frozen=True):
    """One file as it is sent: plain and compressed bytes, content type, and validator."""

    body: bytes
    compressed: bytes | None
    content_type: str
    etag: str

    @classmethod
    def of(cls, body: bytes, content_type: str) -> Asset:
        """Create the asset with these bytes, compressed if that is worth it."""
        compressed = gzip.compress(body, 9, mtime=0) if len(body) >= MIN_COMPRESS_BYTES else None
        return cls(body, compressed, content_type, hashlib.blake2b(body, digest_size=12).hexdigest())


class AssetLibrary:
    """Registry of the static files of this release, by their path under ``/static/<edition>/``."""

    def __init__(self, static: Path = STATIC, dist: Path = DIST) -> None:
        self.edition: str = read_manifest(dist).edition
        built = _files(dist / "static", ".js", ".css")
        unchanged = _files(static, ".svg", ".ts")
        self._assets = {name: _asset(path) for name, path in (built | unchanged).items()}
        self._entries = {name: _asset(dist / name) for name in ENTRIES}
        self._pages = {name: path.read_text("utf-8") for name, path in _files(static, ".html").items()}

    def asset(self, name: str) -> Asset | None:
        """Return the file ``name``, or None. HTML pages are not included."""
        return self._assets.get(name)

    def entry(self, name: str) -> Asset:
        """Return a module at the service's root, with all its imports."""
        return self._entries[name]

    def page(self, name: str) -> str:
        """Return the text of an HTML file."""
        return self._pages[name]


def read_manifest(dist: Path = DIST) -> Manifest:
    """Read the description of the build."""
    return msgspec.json.decode((dist / "manifest.json").read_bytes(), type=Manifest)


@cache
def load_assets() -> AssetLibrary:
    """Read and compress the files of this release. Runs once per process."""
    return AssetLibrary()


def send(
    asset: Asset, request: AnyRequest, *, cache_control: str, headers: Mapping[str, str] = EVERYWHERE
) -> Response[bytes]:
    """Build the response with the asset, compressed if the client accepts gzip.

    The response is 304 without a body if the client already has this version.
    """
    compressed = asset.compressed if accepts_gzip(request.headers.get("accept-encoding", "")) else None
    etag = f'"{asset.etag}{"-gz" if compressed else ""}"'
    sent = {**headers, "Cache-Control": cache_control, "ETag": etag, "Vary": "Accept-Encoding"}
    if _matches(request, etag):
        return Response(content=b"", status_code=304, headers=sent, media_type=asset.content_type)
    if compressed:
        sent["Content-Encoding"] = "gzip"
    return Response(content=compressed or asset.body, headers=sent, media_type=asset.content_type)


def _files(root: Path, *suffixes: str) -> dict[str, Path]:
    paths = (path for path in sorted(root.rglob("*")) if path.suffix in suffixes)
    return {path.relative_to(root).as_posix(): path for path in paths}


def _asset(path: Path) -> Asset:
    return Asset.of(path.read_bytes(), CONTENT_TYPES[path.suffix])


def _matches(request: AnyRequest, etag: str) -> bool:
    """Return True if ``If-None-Match`` names the validator, compared weakly (RFC 9110, section 13.1.2)."""
    listed = request.headers.get("if-none-match", "")
    return listed.strip() == "*" or etag in (item.strip().removeprefix("W/") for item in listed.split(","))
