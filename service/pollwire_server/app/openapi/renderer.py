"""Interactive API reference: Scalar's standalone build, served by the service itself.

The build is checked in compressed, with its licence, so the service needs neither Node nor a CDN. The content
security policy allows no other host, so the page works offline and sends no telemetry. Scalar inserts its
style sheets with a script, therefore the policy allows inline styles. Inline scripts stay forbidden.
"""

from __future__ import annotations

import gzip
from functools import cache
from importlib.resources import files
from string import Template
from typing import Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler

from pollwire_server.web.assets.static_files import CACHE_FOREVER, CACHE_REVALIDATE, Asset, send

FOLDER: Final = files("pollwire_server.app.openapi").joinpath("scalar")
SCRIPT: Final = "api-reference.js.gz"
CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_PAGE_HEADERS: Final = {"content-security-policy": CONTENT_SECURITY_POLICY}

AnyRequest = Request[Any, Any, Any]  # Any: this service does not use the framework's user, auth or state


class Release(msgspec.Struct, frozen=True):
    """The npm release of the script. ``integrity`` is of its archive, ``sha256`` of the script."""

    package: str
    version: str
    integrity: str
    sha256: str


def read_release() -> Release:
    """Read the description of the release."""
    return msgspec.json.decode(FOLDER.joinpath("release.json").read_bytes(), type=Release)


def reference_handlers(path: str) -> list[HTTPRouteHandler]:
    """Return the route handlers of the page at ``path`` and of its scripts."""
    version = read_release().version

    @get(path, include_in_schema=False)
    async def docs(request: AnyRequest) -> Response[bytes]:
        return send(_page(version), request, cache_control=CACHE_REVALIDATE, headers=_PAGE_HEADERS)

    @get(f"{path}/start.js", include_in_schema=False)
    async def start_script(request: AnyRequest) -> Response[bytes]:
        return send(_start_script(), request, cache_control=CACHE_REVALIDATE, headers={})

    @get(f"{path}/api-reference-{version}.js", include_in_schema=False)
    async def reference_script(request: AnyRequest) -> Response[bytes]:
        return send(_reference_script(), request, cache_control=CACHE_FOREVER, headers={})

    return [docs, start_script, reference_script]


@cache
def _page(version: str) -> Asset:
    page = Template(FOLDER.joinpath("page.html").read_text("utf-8")).substitute(version=version)
    return Asset.of(page.encode(), "text/html")


@cache
def _start_script() -> Asset:
    return Asset.of(FOLDER.joinpath("start.js").read_bytes(), "text/javascript")


@cache
def _reference_script() -> Asset:
    """Return the script of 3.5 MB. It is read on the first request, because few processes need it."""
    compressed = FOLDER.joinpath(SCRIPT).read_bytes()
    return Asset(gzip.decompress(compressed), compressed, "text/javascript", read_release().sha256[:24])
