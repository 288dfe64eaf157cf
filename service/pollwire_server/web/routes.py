"""Routes of the pages, the widget and the static files.

The pages of a poll are in ``poll_pages``.
"""

from __future__ import annotations

from litestar import Response, get
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath

from pollwire_server.domain.errors import NotFound
from pollwire_server.settings import Settings
from pollwire_server.store import Store
from pollwire_server.web import poll_pages
from pollwire_server.web.assets.static_files import (
    CACHE_FOREVER,
    CACHE_REVALIDATE,
    ENTRY_LIFE,
    EVERYWHERE,
    STATIC,
    AnyRequest,
    Asset,
    AssetLibrary,
    load_assets,
    send,
)
from pollwire_server.web.languages import Languages
from pollwire_server.web.not_found import NotFoundPages
from pollwire_server.web.pages import Pages
from pollwire_server.web.public_urls import PublicUrls

__all__ = ["handlers", "not_found_pages"]


def handlers(settings: Settings, store: Store) -> list[BaseRouteHandler]:
    """Return the route handlers of the web package. All static files are read here, once."""
    library = load_assets()
    pages = Pages(library, Languages())
    return [
        *_plain_pages(pages, PublicUrls(settings)),
        *poll_pages.handlers(pages, settings, store),
        *_files(library),
    ]


def not_found_pages() -> NotFoundPages:
    """Return the pages for URLs that no route serves."""
    return NotFoundPages(Pages(load_assets(), Languages()))


def _plain_pages(pages: Pages, urls: PublicUrls) -> list[BaseRouteHandler]:
    @get("/", include_in_schema=False)
    async def home(request: AnyRequest) -> Response[bytes]:
        """Return the home page."""
        return pages.send("page/home.html", request, root="./", base_url=urls.base(request))

    @get("/demo", include_in_schema=False)
    async def demo(request: AnyRequest) -> Response[bytes]:
        """Return the demo article with the widget."""
        return pages.send("page/demo.html", request, root="./")

    @get("/console", include_in_schema=False)
    async def console(request: AnyRequest) -> Response[bytes]:
        """Return the operators' console. The page itself needs no key."""
        return pages.send_private("console/console.html", request, root="./")

    return [home, demo, console]


def _files(library: AssetLibrary) -> list[BaseRouteHandler]:
    @get("/widget.js", include_in_schema=False)
    async def widget(request: AnyRequest) -> Response[bytes]:
        """Return the module that defines ``<live-poll>``."""
        return send(library.entry("widget.js"), request, cache_control=ENTRY_LIFE)

    @get("/client.js", include_in_schema=False)
    async def client(request: AnyRequest) -> Response[bytes]:
        """Return the client module, for pages that render results themselves."""
        return send(library.entry("client.js"), request, cache_control=ENTRY_LIFE)

    @get(["/client.d.ts", "/widget.d.ts"], include_in_schema=False)
    async def types(request: AnyRequest) -> Response[bytes]:
        """Return the TypeScript types of the client or the widget."""
        return _send_file(library, request.url.path.rpartition("/")[2], request, CACHE_REVALIDATE)

    @get("/favicon.ico", include_in_schema=False)
    async def icon(request: AnyRequest) -> Response[bytes]:
        """Return the icon that browsers request for responses without an icon link, such as JSON."""
        return _send_file(library, "page/icon.svg", request, CACHE_REVALIDATE)

    card = Asset.of((STATIC / "page/card.png").read_bytes(), "image/png")

    @get("/card.png", include_in_schema=False)
    async def picture(request: AnyRequest) -> Response[bytes]:
        """Return the image of link previews. Its URL has no edition, because preview services cache it."""
        return send(card, request, cache_control=ENTRY_LIFE)

    @get("/static/{edition:str}/{path:path}", include_in_schema=False)
    async def static(request: AnyRequest, edition: FromPath[str], path: FromPath[str]) -> Response[bytes]:
        """Return a static file. Files of another edition, as during a rollout, are not cached forever."""
        cache_control = CACHE_FOREVER if edition == library.edition else CACHE_REVALIDATE
        return _send_file(library, path.lstrip("/"), request, cache_control)

    return [widget, client, types, icon, picture, static]


def _send_file(library: AssetLibrary, name: str, request: AnyRequest, cache_control: str) -> Response[bytes]:
    asset = library.asset(name)
    if asset is None:
        raise NotFound("There is no such file.")
    return send(asset, request, cache_control=cache_control, headers=EVERYWHERE)
