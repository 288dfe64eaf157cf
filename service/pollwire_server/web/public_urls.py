"""Public URLs in pages: links, QR codes and iframes.

``POLLWIRE_PUBLIC_URL`` is the address of the service. Without it, the URLs use the ``Host`` of the request,
because the client reached the page under that name.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from pollwire_server.domain.identifiers import IDENTIFIER_PATTERN
from pollwire_server.settings import Settings
from pollwire_server.web.assets.static_files import AnyRequest

_HOST: Final = re.compile(r"[A-Za-z0-9._-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")
_PAGE: Final = re.compile(rf"/(?:polls|embed)/(?P<poll>{IDENTIFIER_PATTERN})/?")


class PublicUrls:
    """Public URLs of the service and its poll pages."""

    def __init__(self, settings: Settings) -> None:
        self._public = None if settings.public_url is None else settings.public_url.rstrip("/")

    def base(self, request: AnyRequest) -> str:
        """Return the base URL of the service, without a trailing slash."""
        if self._public is not None:
            return self._public
        host = request.headers.get("host", "")
        return f"{request.url.scheme}://{host if _HOST.fullmatch(host) else 'localhost'}"

    def live_page(self, request: AnyRequest, poll_id: str) -> str:
        """Return the canonical URL of a poll's page."""
        return f"{self.base(request)}/polls/{poll_id}"

    def poll_at(self, request: AnyRequest, url: str) -> str | None:
        """Return the id of the poll whose page is at ``url``, or None for another URL."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return None
        ours = {urlsplit(self.base(request)).netloc.lower(), request.headers.get("host", "").lower()}
        found = _PAGE.fullmatch(parts.path)
        if parts.scheme not in ("http", "https") or parts.netloc.lower() not in ours or found is None:
            return None
        return found["poll"]
