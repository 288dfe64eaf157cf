"""The addresses of the pages, the widget and their files.

The pages of a poll have a file of their own, ``poll_pages``.
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

__all__ = ["handlers", "lost"]


def handlers(settings: Settings, store: Store) -> list[BaseRouteHandler]:
    """The route handlers of this room. Reads every static file now, and none later."""
    library = load_assets()
    pages = Pages(library, Languages())
    return [
        *_plain_pages(pages, PublicUrls(settings)),
        *poll_pages.handlers(pages, settings, store),
        *_files(library),
    ]


def lost() -> NotFoundPages:
    """Return the pages for addresses that no route serves."""
    return NotFoundPages(Pages(load_assets(), Languages()))


def _plain_pages(pages: Pages, addresses: PublicUrls) -> list[BaseRouteHandler]:
    @get("/", include_in_schema=False)
    async def home(request: AnyRequest) -> Response[bytes]:
        """What this is, and where to go."""
        return pages.send("page/home.html", request, root="./", base=addresses.base(request))

    @get("/demo", include_in_schema=False)
    async def demo(request: AnyRequest) -> Response[bytes]:
        """An article with the widget in it."""
        return pages.send("page/demo.html", request, root="./")

    @get("/console", include_in_schema=False)
    async def console(request: AnyRequest) -> Response[bytes]:
        """Where operators run polls; the key that opens it stays in the browser."""
        return pages.send_private("console/console.html", request, root="./")

    return [home, demo, console]


def _files(library: AssetLibrary) -> list[BaseRouteHandler]:
    @get("/widget.js", include_in_schema=False)
    async def widget(request: AnyRequest) -> Response[bytes]:
        """The module that defines ``<live-poll>``."""
        return send(library.entry("widget.js"), request, cache_control=ENTRY_LIFE)

    @get("/client.js", include_in_schema=False)
    async def client(request: AnyRequest) -> Response[bytes]:
        """The module under the widget, for pages that draw results themselves."""
        return send(library.entry("client.js"), request, cache_control=ENTRY_LIFE)

    @get(["/client.d.ts", "/widget.d.ts"], include_in_schema=False)
    async def types(request: AnyRequest) -> Response[bytes]:
        """The types of either, for editors and compilers."""
        return _sent(library, request.url.path.rpartition("/")[2], request, CACHE_REVALIDATE)

    @get("/favicon.ico", include_in_schema=False)
    async def icon(request: AnyRequest) -> Response[bytes]:
        """Asked for by browsers wherever a page names none, as on JSON answers."""
        return _sent(library, "page/icon.svg", request, CACHE_REVALIDATE)

    card = Asset.of((STATIC / "page/card.png").read_bytes(), "image/png")

    @get("/card.png", include_in_schema=False)
    async def picture(request: AnyRequest) -> Response[bytes]:
        """What previews of links show; at an address that outlives releases, since they keep it."""
        return send(card, request, cache_control=ENTRY_LIFE)

    @get("/static/{edition:str}/{path:path}", include_in_schema=False)
    async def static(request: AnyRequest, edition: FromPath[str], path: FromPath[str]) -> Response[bytes]:
        """A file of this edition, for good; of another (a release is being rolled out), not to be kept."""
        life = CACHE_FOREVER if edition == library.edition else CACHE_REVALIDATE
        return _sent(library, path.lstrip("/"), request, life)

    return [widget, client, types, icon, picture, static]


def _sent(library: AssetLibrary, name: str, request: AnyRequest, cache_control: str) -> Response[bytes]:
    asset = library.asset(name)
    if asset is None:
        raise NotFound("There is no such file.")
    return send(asset, request, cache_control=cache_control, headers=EVERYWHERE)
