"""Pages of one poll: the live page, the iframe page, the QR code and oEmbed.

The scripts of a page read the poll from the public API. The server reads the store only for the title and to
return 404 for an unknown poll. If the store is unavailable, the page has a generic title. A page never
contains results, so caches and link previews cannot leak them.
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
from pollwire_server.web.oembed import EmbedSize, oembed_response, to_xml
from pollwire_server.web.pages import Pages
from pollwire_server.web.public_urls import PublicUrls
from pollwire_server.web.qr_codes import qr_code_svg

__all__ = ["handlers"]

_MAX_DESCRIPTION: Final = 200
"""Maximum length of the description in characters, as link previews show it."""

_CODE_HEADERS: Final = {**EVERYWHERE, "Content-Security-Policy": "default-src 'none'"}
_OEMBED_LIFE: Final = "public, max-age=300"


def handlers(pages: Pages, settings: Settings, store: Store) -> list[BaseRouteHandler]:
    """Return the route handlers of a poll's pages."""
    urls = PublicUrls(settings)
    return [
        *_pages(pages, urls, settings, store),
        _code(urls, store),
        _oembed(urls, store),
    ]


def _pages(pages: Pages, urls: PublicUrls, settings: Settings, store: Store) -> list[BaseRouteHandler]:
    @get("/polls/{poll_id:str}", include_in_schema=False)
    async def live_page(request: AnyRequest, poll_id: FromPath[str]) -> Response[bytes]:
        """Return the live page of a poll."""
        poll, status = await _find_public_poll(store, poll_id)
        if status == 404:
            return pages.send_missing(request, root="../", kind="poll", requested_path=poll_id)
        values = _values(urls, request, poll_id, poll)
        return pages.send("page/poll.html", request, root="../", status=status, **values)

    @get("/embed/{poll_id:str}", include_in_schema=False)
    async def embedded_page(request: AnyRequest, poll_id: FromPath[str]) -> Response[bytes]:
        """Return the iframe page of a poll. Only its allowed origins may frame it."""
        poll, status = await _find_public_poll(store, poll_id)
        origins = settings.allowed_origins if poll is None or poll.origins is None else poll.origins
        values = _values(urls, request, poll_id, poll)
        return pages.send_embedded(
            "page/embed.html", request, root="../", ancestors=origins, status=status, **values
        )

    return [live_page, embedded_page]


def _code(urls: PublicUrls, store: Store) -> BaseRouteHandler:
    @get("/polls/{poll_id:str}/qr.svg", include_in_schema=False)
    async def code(request: AnyRequest, poll_id: FromPath[str]) -> Response[bytes]:
        """Return the QR code of a poll's live page, or 404 as the page does."""
        _, status = await _find_public_poll(store, poll_id)
        if status == 404:
            raise PollNotFound(poll_id)
        asset = Asset.of(qr_code_svg(urls.live_page(request, poll_id)), "image/svg+xml")
        return send(asset, request, cache_control=CACHE_REVALIDATE, headers=_CODE_HEADERS)

    return code


def _oembed(urls: PublicUrls, store: Store) -> BaseRouteHandler:
    @get("/oembed", include_in_schema=False)
    async def oembed(request: AnyRequest) -> Response[bytes]:
        """Return the oEmbed response for the URL of a poll's page."""
        query = request.query_params
        format_name = query.get("format", "json")
        if format_name not in ("json", "xml"):
            raise UnsupportedFormat(("json", "xml"))
        poll = await _poll_of_page(urls, store, request, query.get("url", ""))
        max_size = EmbedSize.from_query(query.get("maxwidth"), query.get("maxheight"))
        response = oembed_response(poll, base=urls.base(request), max_size=max_size)
        body, media_type = (msgspec.json.encode(response), "application/json")
        if format_name == "xml":
            body, media_type = to_xml(response), "text/xml"
        return send(Asset.of(body, media_type), request, cache_control=_OEMBED_LIFE)

    return oembed


async def _poll_of_page(urls: PublicUrls, store: Store, request: AnyRequest, address: str) -> Poll:
    """Return the public poll of a page URL.

    Raises ``NotFound`` if the URL is not a poll's page of this service, and ``StoreUnavailable``.
    """
    poll_id = urls.poll_at(request, address)
    if poll_id is None:
        raise NotFound(
            "url must be the URL of a poll page of this service, such as "
            f"{urls.live_page(request, 'lunch')}; write it percent-encoded."
        )
    poll = (await store.polls.get(poll_id)).poll
    if not await _is_public(store, poll):
        raise PollNotFound(poll_id)
    return poll


async def _find_public_poll(store: Store, poll_id: str) -> tuple[Poll | None, int]:
    """Return the poll, if it is public, and the status of its page."""
    try:
        poll = (await store.polls.get(poll_id)).poll
        is_public = await _is_public(store, poll)
    except PollNotFound:
        return None, 404
    except PollwireError:
        return None, 200  # the store is unavailable; the page shows this and retries
    return (poll, 200) if is_public else (None, 404)


async def _is_public(store: Store, poll: Poll) -> bool:
    return poll.visible_at is None or poll.is_visible(await store.polls.now())


def _values(urls: PublicUrls, request: AnyRequest, poll_id: str, poll: Poll | None) -> dict[str, str]:
    """Return the template values of a poll's pages. ``title`` and ``description`` are optional."""
    page = urls.live_page(request, quote(poll_id, safe=""))
    texts = {"title": poll.question, "description": _short_description(poll)} if poll is not None else {}
    return {
        **{name: text for name, text in texts.items() if text},
        "poll_id": poll_id,
        "base_url": urls.base(request),
        "page_url": page,
        "display_url": page.partition("://")[2],
        "qr_code": f"../polls/{quote(poll_id, safe='')}/qr.svg",
        "oembed_url": f"{urls.base(request)}/oembed?url={quote(page, safe='')}",
    }


def _short_description(poll: Poll) -> str:
    text = " ".join((poll.description or "").split())
    return text if len(text) <= _MAX_DESCRIPTION else f"{text[:_MAX_DESCRIPTION].rstrip()}…"
