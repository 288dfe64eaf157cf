"""HTML pages from templates, with a content security policy that allows only our own files.

A template contains ``{{names}}``; every value is escaped. No page has inline script or style, so the policy
needs no exception. Trusted Types stay enabled, because no script turns text into markup.
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
"""Only images of options may come from other origins."""

PAGE_HEADERS: Final = {
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
}


class Pages:
    """Builder of HTML responses from the templates of one library."""

    def __init__(self, library: AssetLibrary, languages: Languages) -> None:
        self._library = library
        self._languages = languages

    def send(
        self, name: str, request: AnyRequest, *, root: str, status: int = 200, **values: str
    ) -> Response[bytes]:
        """Return the page ``name``. ``root`` is the relative path from its URL to the service's."""
        response = self._render(name, request, root=root, status=status, values=values)
        response.headers["Content-Security-Policy"] = f"{POLICY}; frame-ancestors 'self'"
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        return response

    def send_missing(
        self, request: AnyRequest, *, root: str, kind: Literal["poll", "page"], requested_path: str
    ) -> Response[bytes]:
        """Return the 404 page. It shows ``requested_path``, a path or the id of a poll."""
        texts = self._languages.of(request).texts
        values = {
            "heading": texts[f"{kind}_not_found"],
            "explanation": texts[f"{kind}_not_found_description"],
            "requested_path": requested_path,
        }
        return self.send("page/missing.html", request, root=root, status=404, **values)

    def send_private(self, name: str, request: AnyRequest, *, root: str) -> Response[bytes]:
        """Return the page ``name`` for an operator. It cannot be framed or cached, and sends no referrer."""
        response = self._render(name, request, root=root, status=200, values={})
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
        response = self._render(name, request, root=root, status=status, values=values)
        sites = " ".join(dict.fromkeys(("'self'", *ancestors)))
        response.headers["Content-Security-Policy"] = f"{POLICY}; frame-ancestors {sites}"
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return response

    def _render(
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
        headers = {**PAGE_HEADERS, "Content-Language": language.tag}
        if status != 200:
            headers["Cache-Control"] = "no-store"
            return Response(asset.body, status_code=status, headers=headers, media_type=asset.content_type)
        response = send(asset, request, cache_control=CACHE_REVALIDATE, headers=headers)
        response.headers["Vary"] = "Accept-Encoding, Accept-Language"
        return response
