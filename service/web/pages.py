"""The HTML pages: filled in, and sent with a policy that lets nothing run but our own files.

A page is a file with ``{{names}}``; every value put in is escaped. None has
inline script or style, so the content security policy needs no exception, and
Trusted Types stay on: no code of ours ever turns text into markup.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from typing import Final

from litestar import Response

from service.web.assets import ASK_EACH_TIME, AnyRequest, Asset, Library, send

_NAME = re.compile(r"\{\{(?P<name>[a-z_]+)\}\}")

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' https: http: data:; font-src 'self'; base-uri 'none'; form-action 'none'; "
    "require-trusted-types-for 'script'"
)
"""Pictures of options come from anywhere; nothing else does."""

PAGE_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
}


class Pages:
    """Builds pages of one library."""

    def __init__(self, library: Library) -> None:
        self._library = library

    def send(
        self, name: str, request: AnyRequest, *, root: str, status: int = 200, **values: str
    ) -> Response[bytes]:
        """The page ``name``, to be looked at on its own; ``root`` leads from its address to the service's."""
        response = self._filled(name, request, root=root, status=status, values=values)
        response.headers["Content-Security-Policy"] = f"{POLICY}; frame-ancestors 'self'"
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        return response

    def send_embedded(
        self,
        name: str,
        request: AnyRequest,
        *,
        root: str,
        ancestors: Iterable[str],
        status: int = 200,
        **values: str,
    ) -> Response[bytes]:
        """The page ``name``, to be framed by the sites in ``ancestors`` (``*``: by any)."""
        response = self._filled(name, request, root=root, status=status, values=values)
        sites = " ".join(dict.fromkeys(("'self'", *ancestors)))
        response.headers["Content-Security-Policy"] = f"{POLICY}; frame-ancestors {sites}"
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return response

    def _filled(
        self, name: str, request: AnyRequest, *, root: str, status: int, values: Mapping[str, str]
    ) -> Response[bytes]:
        edition = self._library.edition
        known = {**values, "root": root, "edition": edition, "static": f"{root}static/{edition}/"}
        text = _NAME.sub(lambda found: html.escape(known[found["name"]]), self._library.page(name))
        asset = Asset.of(text.encode("utf-8"), "text/html")
        if status == 200:
            return send(asset, request, cache_control=ASK_EACH_TIME, headers=PAGE_HEADERS)
        headers = {**PAGE_HEADERS, "Cache-Control": "no-store"}
        return Response(asset.body, status_code=status, headers=headers, media_type=asset.content_type)
