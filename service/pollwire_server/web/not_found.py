"""A browser at an address where there is nothing gets a page that helps; who asks for data gets a problem.

Which of the two is told by ``Accept``: browsers name HTML when somebody follows
a link, and nobody else does. What takes anything (``*/*``, or no ``Accept``) is
a program, and so is whoever asks below ``/v1``.
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

_LONGEST_SHOWN: Final = 200
"""Characters of an address; the rest is not repeated to whoever wrote it."""
_DEEPEST: Final = 32
"""Folders that a page's links lead out of: a path of slashes alone must not make a long answer."""
_WEIGHT: Final = re.compile(r";\s*q=(?P<weight>[0-9.]{1,5})\s*(?:;|\Z)")


class NotFoundPages:
    """Answers for addresses where there is nothing."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def page_for(self, request: AnyRequest) -> Response[bytes] | None:
        """The page of status 404; None where the one who asks is to get the problem."""
        path = request.scope["path"]
        is_api = path == API or path.startswith(f"{API}/")
        if is_api or request.method != "GET" or not prefers_pages(request.headers.get("accept", "")):
            return None
        return self._pages.send_missing(
            request, root=_way_out_of(request), what="page", asked_for=path[:_LONGEST_SHOWN]
        )


def prefers_pages(accept: str) -> bool:
    """Whether ``Accept`` names HTML, and rather than JSON (RFC 9110, section 12.5.1)."""
    weights: dict[str, float] = {}
    for item in accept[:1000].lower().split(","):
        found = _WEIGHT.search(item)
        weights[item.partition(";")[0].strip()] = weight_of(found and found["weight"])
    return max(weights.get(kind, 0.0) for kind in PAGES) > max(weights.get(kind, 0.0) for kind in DATA)


def _way_out_of(request: AnyRequest) -> str:
    """From the address to the service's own, by how it was written: an escaped slash is no folder."""
    written = request.scope.get("raw_path") or request.scope["path"].encode()
    return "../" * min(written.count(b"/") - 1, _DEEPEST) or "./"
