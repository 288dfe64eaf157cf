"""The pages of one poll: large on its own, in another site's frame, as a code to scan, and as oEmbed.

Pages are whole without the store: they say what they are, and their scripts
read polls over the public API. The store is asked only to put a poll's
question into the page's title, and to answer 404 where there is no such poll;
when it is away the page is sent all the same. Nothing of the totals is ever
in a page, so caches and other sites' previews cannot leak them.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

import msgspec
from litestar import Response, get
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath

from pollwire_server.domain.errors import NotFound, PollNotFound, PollwireError, UnsupportedFormat
from pollwire_server.domain.poll import Poll
from pollwire_server.settings import Settings
from pollwire_server.store import Store
from pollwire_server.web.assets.static_files import CACHE_REVALIDATE, EVERYWHERE, AnyRequest, Asset, send
from pollwire_server.web.oembed import EmbedSize, answer_for, as_xml
from pollwire_server.web.pages import Pages
from pollwire_server.web.public_urls import PublicUrls
from pollwire_server.web.qr_codes import code_svg

__all__ = ["handlers"]

_LONGEST_DESCRIPTION: Final = 200
"""Characters; what previews of links show, and no more."""

_CODE_HEADERS: Final = {**EVERYWHERE, "Content-Security-Policy": "default-src 'none'"}
_OEMBED_LIFE: Final = "public, max-age=300"


def handlers(pages: Pages, settings: Settings, store: Store) -> list[BaseRouteHandler]:
    """The route handlers of one poll's pages."""
    addresses = PublicUrls(settings)
    return [
        *_pages(pages, addresses, settings, store),
        _code(addresses, store),
        _oembed(addresses, store),
    ]


def _pages(pages: Pages, addresses: PublicUrls, settings: Settings, store: Store) -> list[BaseRouteHandler]:
    @get("/polls/{poll_id:str}", include_in_schema=False)
    async def live_page(request: AnyRequest, poll_id: FromPath[str]) -> Response[bytes]:
        """One poll on a page of its own."""
        poll, status = await _looked_up(store, poll_id)
        if status == 404:
            return pages.send_missing(request, root="../", what="poll", asked_for=poll_id)
        values = _values(addresses, request, poll_id, poll)
        return pages.send("page/poll.html", request, root="../", status=status, **values)

    @get("/embed/{poll_id:str}", include_in_schema=False)
    async def embedded_page(request: AnyRequest, poll_id: FromPath[str]) -> Response[bytes]:
        """One poll to be framed by the sites that may embed it."""
        poll, status = await _looked_up(store, poll_id)
        sites = settings.allowed_origins if poll is None or poll.origins is None else poll.origins
        values = _values(addresses, request, poll_id, poll)
        return pages.send_embedded(
            "page/embed.html", request, root="../", ancestors=sites, status=status, **values
        )

    return [live_page, embedded_page]


def _code(addresses: PublicUrls, store: Store) -> BaseRouteHandler:
    @get("/polls/{poll_id:str}/qr.svg", include_in_schema=False)
    async def code(request: AnyRequest, poll_id: FromPath[str]) -> Response[bytes]:
        """The poll's address as a code to scan; 404 where the page is."""
        _, status = await _looked_up(store, poll_id)
        if status == 404:
            raise PollNotFound(poll_id)
        picture = Asset.of(code_svg(addresses.live_page(request, poll_id)), "image/svg+xml")
        return send(picture, request, cache_control=CACHE_REVALIDATE, headers=_CODE_HEADERS)

    return code


def _oembed(addresses: PublicUrls, store: Store) -> BaseRouteHandler:
    @get("/oembed", include_in_schema=False)
    async def oembed(request: AnyRequest) -> Response[bytes]:
        """What shows a poll on another site, by the address of its page."""
        query = request.query_params
        wanted = query.get("format", "json")
        if wanted not in ("json", "xml"):
            raise UnsupportedFormat(("json", "xml"))
        poll = await _poll_of_page(addresses, store, request, query.get("url", ""))
        room = EmbedSize.of(query.get("maxwidth"), query.get("maxheight"))
        answer = answer_for(poll, base=addresses.base(request), room=room)
        body, kind = (msgspec.json.encode(answer), "application/json")
        if wanted == "xml":
            body, kind = as_xml(answer), "text/xml"
        return send(Asset.of(body, kind), request, cache_control=_OEMBED_LIFE)

    return oembed


async def _poll_of_page(addresses: PublicUrls, store: Store, request: AnyRequest, address: str) -> Poll:
    """Raises ``NotFound`` for an address that is no poll's page here, ``StoreUnavailable``."""
    poll_id = addresses.poll_at(request, address)
    if poll_id is None:
        raise NotFound(
            "url must be the address of a poll's page here, such as "
            f"{addresses.live_page(request, 'lunch')}; write it percent-encoded."
        )
    poll = (await store.polls.get(poll_id)).poll
    if not await _is_public(store, poll):
        raise PollNotFound(poll_id)
    return poll


async def _looked_up(store: Store, poll_id: str) -> tuple[Poll | None, int]:
    """The poll as far as the public may know of it, and the status of its page."""
    try:
        poll = (await store.polls.get(poll_id)).poll
        is_public = await _is_public(store, poll)
    except PollNotFound:
        return None, 404
    except PollwireError:
        return None, 200  # the store is away; the page itself says so, and goes on when it is back
    return (poll, 200) if is_public else (None, 404)


async def _is_public(store: Store, poll: Poll) -> bool:
    return poll.visible_at is None or poll.is_visible(await store.polls.now())


def _values(addresses: PublicUrls, request: AnyRequest, poll_id: str, poll: Poll | None) -> dict[str, str]:
    """What the templates of a poll's pages name; ``title`` and ``description`` where the poll has them."""
    page = addresses.live_page(request, quote(poll_id, safe=""))
    told = {"title": poll.question, "description": _in_short(poll)} if poll is not None else {}
    return {
        **{name: text for name, text in told.items() if text},
        "poll": poll_id,
        "base": addresses.base(request),
        "page": page,
        "shown": page.partition("://")[2],
        "code": f"../polls/{quote(poll_id, safe='')}/qr.svg",
        "discovery": f"{addresses.base(request)}/oembed?url={quote(page, safe='')}",
    }


def _in_short(poll: Poll) -> str:
    text = " ".join((poll.description or "").split())
    return text if len(text) <= _LONGEST_DESCRIPTION else f"{text[:_LONGEST_DESCRIPTION].rstrip()}…"
