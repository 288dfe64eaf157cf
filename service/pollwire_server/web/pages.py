"""The HTML pages: filled in, and sent with a policy that lets nothing run but our own files.

A page is a file with ``{{names}}``; every value put in is escaped. None has
inline script or style, so the content security policy needs no exception, and
Trusted Types stay on: no code of ours ever turns text into markup.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from typing import Final, Literal

from litestar import Response

from pollwire_server.web.assets.static_files import CACHE_REVALIDATE, AnyRequest, Asset, AssetLibrary, send
from pollwire_server.web.languages import Languages

_NAME = re.compile(r"\{\{(?P<name>[a-z_]+)\}\}")

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' https: http: data:; font-src 'self'; base-uri 'none'; form-action 'none'; "
    "require-trusted-types-for 'script'"
)
"""Pictures of options come from anywhere; nothing else does."""

PAGE_HEADERS: Final = {
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
}


class Pages:
    """Builds pages of one library."""

    def __init__(self, library: AssetLibrary, languages: Languages) -> None:
        self._library = library
        self._languages = languages

    def send(
        self, name: str, request: AnyRequest, *, root: str, status: int = 200, **values: str
    ) -> Response[bytes]:
        """The page ``name``, to be looked at on its own; ``root`` leads from its address to the service's."""
        response = self._filled(name, request, root=root, status=status, values=values)
        response.headers["Content-Security-Policy"] = f"{POLICY}; frame-ancestors 'self'"
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        return response

    def send_missing(
        self, request: AnyRequest, *, root: str, what: Literal["poll", "page"], asked_for: str
    ) -> Response[bytes]:
        """The page for an address where there is no such thing, of status 404; it repeats ``asked_for``."""
        texts = self._languages.of(request).texts
        said = {"heading": texts[f"no_{what}"], "why": texts[f"no_{what}_why"], "asked_for": asked_for}
        return self.send("page/missing.html", request, root=root, status=404, **said)

    def send_private(self, name: str, request: AnyRequest, *, root: str) -> Response[bytes]:
        """Return the page ``name`` for an operator. It cannot be framed or cached, and sends no referrer."""
        response = self._filled(name, request, root=root, status=200, values={})
        response.headers |= {
            "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "X-Frame-Options": "DENY",
            "Cache-Control": "no-store",
        }
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
        """Return the page ``name``, which the origins in ``ancestors`` may frame (``*`` allows any)."""
        response = self._filled(name, request, root=root, status=status, values=values)
        sites = " ".join(dict.fromkeys(("'self'", *ancestors)))
        response.headers["Content-Security-Policy"] = f"{POLICY}; frame-ancestors {sites}"
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return response

    def _filled(
        self, name: str, request: AnyRequest, *, root: str, status: int, values: Mapping[str, str]
    ) -> Response[bytes]:
        edition = self._library.edition
        language = self._languages.of(request)
        known = {
            **language.values(),
            "title": language.texts["a_live_poll"],
            "description": language.texts["live_description"],
            **values,
            "root": root,
            "edition": edition,
            "static": f"{root}static/{edition}/",
        }
        text = _NAME.sub(lambda found: html.escape(known[found["name"]]), self._library.page(name))
        asset = Asset.of(text.encode("utf-8"), "text/html")
        told = {**PAGE_HEADERS, "Content-Language": language.tag}
        if status != 200:
            told["Cache-Control"] = "no-store"
            return Response(asset.body, status_code=status, headers=told, media_type=asset.content_type)
        response = send(asset, request, cache_control=CACHE_REVALIDATE, headers=told)
        response.headers["Vary"] = "Accept-Encoding, Accept-Language"
        return response
