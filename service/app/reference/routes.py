"""``/openapi.json``, ``/docs`` and its style; each is built when it is first asked for, and kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec
from litestar import Request, Response, Router, get
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin

from service import __version__
from service.app.reference.document import DESCRIPTION, TITLE, document_of
from service.app.reference.page import page_of, stylesheet

DOCS: Final = "/docs"
_PAGE_HEADERS: Final = {
    "cache-control": "no-cache",
    "content-security-policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'",
    "x-content-type-options": "nosniff",
}
_MEDIA_TYPES: Final = {
    "json": "application/json",
    "html": "text/html",
    "css": "text/css",
}

AnyRequest = Request[Any, Any, Any]  # Any: this service uses no user, auth or state of the framework's


def config() -> OpenAPIConfig:
    """What the framework is to collect; it serves none of it by itself."""
    router = Router(
        f"{DOCS}/unserved", route_handlers=[], include_in_schema=False, before_request=_nothing_here
    )
    return OpenAPIConfig(
        title=TITLE,
        version=__version__,
        description=DESCRIPTION,
        use_handler_docstrings=True,
        openapi_router=router,
        render_plugins=[_Unserved(path="/openapi.json")],
    )


def handlers() -> list[HTTPRouteHandler]:
    """The three addresses."""
    kept: dict[str, bytes] = {}

    def once(kind: str, build: Callable[[], bytes]) -> Response[bytes]:
        if kind not in kept:
            kept[kind] = build()
        return Response(kept[kind], media_type=_MEDIA_TYPES[kind], headers=_PAGE_HEADERS)

    @get("/openapi.json", include_in_schema=False)
    async def openapi_json(request: AnyRequest) -> Response[bytes]:
        return once("json", lambda: msgspec.json.encode(document_of(request.app)))

    @get(DOCS, include_in_schema=False)
    async def docs(request: AnyRequest) -> Response[bytes]:
        return once("html", lambda: page_of(document_of(request.app)).encode())

    @get(f"{DOCS}/style.css", include_in_schema=False)
    async def docs_style() -> Response[bytes]:
        return once("css", lambda: stylesheet().encode())

    return [openapi_json, docs, docs_style]


class _Unserved(OpenAPIRenderPlugin):
    """The framework wants a page of its own; the usual ones fetch their scripts from elsewhere."""

    def render(self, request: AnyRequest, openapi_schema: dict[str, Any]) -> bytes:
        raise NotFoundException


async def _nothing_here(request: AnyRequest) -> None:
    raise NotFoundException
