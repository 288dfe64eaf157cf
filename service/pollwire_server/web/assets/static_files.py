"""The files under ``static/``, read once, and how they are sent.

There is no build step: people change the files in the tree, and the service
makes them small when it starts (``scripts``). They are served under
``/static/<edition>/``, where the edition is a digest of them all. An address
therefore never changes its content, so browsers keep it for good, and modules
of two releases never mix in one page. ``/widget.js`` and ``/client.js``, whose
addresses have to stay the same for every site that imports them, are the
exception: each comes as one module with all that it imports (``bundle``), and
browsers ask whether it changed.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

import msgspec
from litestar import Request, Response
from litestar.datastructures import State

from pollwire_server.web.assets.js_bundler import bundle_module
from pollwire_server.web.assets.js_minifier import serialize, small_sheet, tokenize

STATIC: Final = Path(__file__).parents[1] / "static"

CONTENT_TYPES: Final = {  # the framework adds the charset to text
    ".js": "text/javascript",
    ".css": "text/css",
    ".html": "text/html",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".ts": "text/plain",
}

CACHE_FOREVER: Final = "public, max-age=31536000, immutable"
CACHE_REVALIDATE: Final = "public, no-cache"
ENTRY_LIFE: Final = "public, max-age=300"
"""The widget of a release reaches every embedding page within five minutes."""

ENTRIES: Final = ("widget.js", "client.js")
"""Modules at the service's root, where other sites import them from."""

LAZY_MODULES: Final = ("client/fallback_transports.js", "widget/cross_origin_check.js", "widget/ranking.js")
"""Modules that the widget fetches only where it needs them, each with what it imports."""

STYLES: Final = "widget/styles.js"
"""The widget's style sheets as a module of one text: a page's policy must not have to allow style sheets."""

WORTH_PACKING_BYTES: Final = 512
"""Below it gzip saves less than its own headers and the time to unpack."""

AnyRequest = Request[object, object, State]

EVERYWHERE: Final = {
    # Module scripts of other sites are fetched with CORS, and refused by COEP pages without CORP.
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
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


class AssetLibrary:
    """Every static file of this release, by its path under ``static/``."""

    def __init__(self, root: Path = STATIC) -> None:
        files = {
            path.relative_to(root).as_posix(): path
            for path in sorted(root.rglob("*"))
            if path.suffix in CONTENT_TYPES
        }
        self.edition: str = _edition(files)
        texts = {name: _small(path) for name, path in files.items() if path.suffix != ".svg"}
        sheets = "".join(text for name, text in texts.items() if _is_sheet_of_widget(name))
        texts[STYLES] = f"export const styles={json.dumps(sheets)};"
        self._assets = {
            name: Asset.of(text.encode("utf-8"), CONTENT_TYPES[Path(name).suffix])
            for name, text in texts.items()
            if not name.endswith(".html")
        }
        self._assets |= {
            name: Asset.of(path.read_bytes(), "image/svg+xml")
            for name, path in files.items()
            if path.suffix == ".svg"
        }
        self._pages = {name: text for name, text in texts.items() if name.endswith(".html")}
        scripts = {name: text for name, text in texts.items() if name.endswith(".js")}
        self._entries = {
            name: _script(bundle_module(name, scripts, f"./static/{self.edition}/")) for name in ENTRIES
        }
        self._assets |= {name: _script(bundle_module(name, scripts, "")) for name in LAZY_MODULES}

    def asset(self, name: str) -> Asset | None:
        """The file at ``name``, or None; pages are not among them."""
        return self._assets.get(name)

    def entry(self, name: str) -> Asset:
        """A module at the service's root, with all that it imports."""
        return self._entries[name]

    def page(self, name: str) -> str:
        """The text of an HTML file."""
        return self._pages[name]


@cache
def load_assets() -> AssetLibrary:
    """The files of this release, read and packed once a process: it takes a third of a second."""
    return AssetLibrary()


def _script(text: str) -> Asset:
    return Asset.of(text.encode("utf-8"), CONTENT_TYPES[".js"])


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


def _small(path: Path) -> str:
    text = path.read_text("utf-8")
    if path.suffix == ".js":
        return serialize(tokenize(text))
    return small_sheet(text) if path.suffix == ".css" else text


def _is_sheet_of_widget(name: str) -> bool:
    return name.startswith("widget/") and name.endswith(".css")


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
