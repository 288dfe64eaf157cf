"""The addresses of the pages, the widget and their files.

Pages are whole without the store: they say what they are, and their scripts
read polls over the public API. The store is asked only to put a poll's
question into the page's title, and to answer 404 where there is no such poll;
when it is away the page is sent all the same.
"""

from __future__ import annotations

from litestar import Response, get
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath

from service.domain.errors import NotFound, PollNotFound, PollwireError
from service.domain.poll import Poll
from service.settings import Settings
from service.store import Store
from service.web.assets import ASK_EACH_TIME, ENTRY_LIFE, EVERYWHERE, FOR_GOOD, AnyRequest, Library, send
from service.web.pages import Pages

__all__ = ["handlers"]


def handlers(settings: Settings, store: Store) -> list[BaseRouteHandler]:
    """The route handlers of this room. Reads every static file now, and none later."""
    library = Library()
    pages = Pages(library)
    return [*_plain_pages(pages), *_poll_pages(pages, settings, store), *_files(library)]


def _plain_pages(pages: Pages) -> list[BaseRouteHandler]:
    @get("/", include_in_schema=False)
    async def home(request: AnyRequest) -> Response[bytes]:
        """What this is, and where to go."""
        return pages.send("page/home.html", request, root="./")

    @get("/demo", include_in_schema=False)
    async def demo(request: AnyRequest) -> Response[bytes]:
        """An article with the widget in it."""
        return pages.send("page/demo.html", request, root="./")

    return [home, demo]


def _poll_pages(pages: Pages, settings: Settings, store: Store) -> list[BaseRouteHandler]:
    @get("/polls/{poll_id:str}", include_in_schema=False)
    async def live_page(request: AnyRequest, poll_id: FromPath[str]) -> Response[bytes]:
        """One poll on a page of its own."""
        poll, status = await _looked_up(store, poll_id)
        name = "page/missing.html" if status == 404 else "page/poll.html"
        return pages.send(name, request, root="../", status=status, **_values(poll_id, poll))

    @get("/embed/{poll_id:str}", include_in_schema=False)
    async def embedded_page(request: AnyRequest, poll_id: FromPath[str]) -> Response[bytes]:
        """One poll to be framed by the sites that may embed it."""
        poll, status = await _looked_up(store, poll_id)
        sites = settings.allowed_origins if poll is None or poll.origins is None else poll.origins
        return pages.send_embedded(
            "page/embed.html",
            request,
            root="../",
            ancestors=sites,
            status=status,
            **_values(poll_id, poll),
        )

    return [live_page, embedded_page]


def _files(library: Library) -> list[BaseRouteHandler]:
    @get("/widget.js", include_in_schema=False)
    async def widget(request: AnyRequest) -> Response[bytes]:
        """The module that defines ``<live-poll>``."""
        return send(library.entry("widget.js"), request, cache_control=ENTRY_LIFE)

    @get("/client.js", include_in_schema=False)
    async def client(request: AnyRequest) -> Response[bytes]:
        """The module under the widget, for pages that draw results themselves."""
        return send(library.entry("client.js"), request, cache_control=ENTRY_LIFE)

    @get("/favicon.ico", include_in_schema=False)
    async def icon(request: AnyRequest) -> Response[bytes]:
        """Asked for by browsers wherever a page names none, as on JSON answers."""
        return _sent(library, "page/icon.svg", request, ASK_EACH_TIME)

    @get("/static/{edition:str}/{path:path}", include_in_schema=False)
    async def static(request: AnyRequest, edition: FromPath[str], path: FromPath[str]) -> Response[bytes]:
        """A file of this edition, for good; of another (a release is being rolled out), not to be kept."""
        life = FOR_GOOD if edition == library.edition else ASK_EACH_TIME
        return _sent(library, path.lstrip("/"), request, life)

    return [widget, client, icon, static]


def _sent(library: Library, name: str, request: AnyRequest, cache_control: str) -> Response[bytes]:
    asset = library.asset(name)
    if asset is None:
        raise NotFound("There is no such file.")
    return send(asset, request, cache_control=cache_control, headers=EVERYWHERE)


async def _looked_up(store: Store, poll_id: str) -> tuple[Poll | None, int]:
    """The poll as far as the public may know of it, and the status of its page."""
    try:
        poll = (await store.polls.get(poll_id)).poll
        is_public = poll.visible_at is None or poll.is_visible(await store.polls.now())
    except PollNotFound:
        return None, 404
    except PollwireError:
        return None, 200  # the store is away; the page itself says so, and goes on when it is back
    return (poll, 200) if is_public else (None, 404)


def _values(poll_id: str, poll: Poll | None) -> dict[str, str]:
    return {"poll": poll_id, "title": "A live poll" if poll is None else poll.question}
