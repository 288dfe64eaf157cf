"""Responses for addresses that do not exist: an HTML page for browsers, a problem document for programs.

The ``Accept`` header decides. Only a browser that follows a link names HTML. A client that accepts any type
(``*/*``, or no ``Accept``) is a program, and so is every client of an address below ``/v1``.
"""

from __future__ import annotations

import re
from typing import Final

from litestar import Response

from pollwire_server.web.assets.static_files import AnyRequest
from pollwire_server.web.languages import weight_of
from pollwire_server.web.pages import Pages

API: Final = "/v1"
PAGES: Final = ("text/html", "application/xhtml+xml")
DATA: Final = ("application/problem+json", "application/json")

_MAX_PATH_SHOWN: Final = 200
"""Maximum characters of the requested address that the page repeats."""
_MAX_DEPTH: Final = 32
"""Maximum ``../`` steps in a page's links, so that a path of slashes cannot make a long response."""
_WEIGHT: Final = re.compile(r";\s*q=(?P<weight>[0-9.]{1,5})\s*(?:;|\Z)")


class NotFoundPages:
    """Builder of the 404 page for browsers."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def page_for(self, request: AnyRequest) -> Response[bytes] | None:
        """Return the 404 page, or None if the client should get a problem document."""
        path = request.scope["path"]
        is_api = path == API or path.startswith(f"{API}/")
        if is_api or request.method != "GET" or not prefers_pages(request.headers.get("accept", "")):
            return None
        return self._pages.send_missing(
            request, root=_path_to_root(request), kind="page", requested_path=path[:_MAX_PATH_SHOWN]
        )


def prefers_pages(accept: str) -> bool:
    """Return True if ``Accept`` prefers HTML to JSON (RFC 9110, section 12.5.1)."""
    weights: dict[str, float] = {}
    for item in accept[:1000].lower().split(","):
        found = _WEIGHT.search(item)
        weights[item.partition(";")[0].strip()] = weight_of(found and found["weight"])
    return max(weights.get(kind, 0.0) for kind in PAGES) > max(weights.get(kind, 0.0) for kind in DATA)


def _path_to_root(request: AnyRequest) -> str:
    """Return the relative path from the address to the root. An escaped slash does not count as a folder."""
    written = request.scope.get("raw_path") or request.scope["path"].encode()
    return "../" * min(written.count(b"/") - 1, _MAX_DEPTH) or "./"
