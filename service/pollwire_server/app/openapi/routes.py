"""Routes of ``/openapi.json``, ``/asyncapi.json``, ``/docs``, ``/docs/plain`` and ``/problems``.

Pages are built on the first request and cached. ``/docs`` is the interactive reference (``renderer``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec
from litestar import Request, Response, Router, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.routes import BaseRoute
from litestar.types import ControllerRouterHandler

from pollwire_server import __version__
from pollwire_server.app.openapi.asyncapi import asyncapi_document
from pollwire_server.app.openapi.document import DESCRIPTION, TITLE, document_of
from pollwire_server.app.openapi.html_page import page_of, stylesheet
from pollwire_server.app.openapi.problem_pages import ADDRESS, PROBLEMS, index_page, problem_page
from pollwire_server.app.openapi.renderer import reference_handlers

DOCS: Final = "/docs"
PLAIN: Final = f"{DOCS}/plain"
STYLE: Final = f"{DOCS}/style.css"
_PAGE_HEADERS: Final = {
    "cache-control": "no-cache",
    "content-security-policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'",
}

AnyRequest = Request[Any, Any, Any]  # Any: this service does not use the framework's user, auth or state


def config() -> OpenAPIConfig:
    """Return the configuration of the framework's document. The framework itself serves no pages."""
    return OpenAPIConfig(
        title=TITLE,
        version=__version__,
        description=DESCRIPTION,
        use_handler_docstrings=True,
        openapi_router=_HiddenOpenApiRouter(DOCS, route_handlers=[]),
    )


def handlers() -> list[HTTPRouteHandler]:
    """Return the route handlers of the API reference."""
    rendered: dict[str, bytes] = {}

    def once(address: str, build: Callable[[], bytes], media_type: str = "text/html") -> Response[bytes]:
        if address not in rendered:
            rendered[address] = build()
        return Response(rendered[address], media_type=media_type, headers=_PAGE_HEADERS)

    @get("/openapi.json", include_in_schema=False)
    async def openapi_json(request: AnyRequest) -> Response[bytes]:
        return once(
            "/openapi.json", lambda: msgspec.json.encode(document_of(request.app)), "application/json"
        )

    @get("/asyncapi.json", include_in_schema=False)
    async def asyncapi_json() -> Response[bytes]:
        return once("/asyncapi.json", lambda: msgspec.json.encode(asyncapi_document()), "application/json")

    @get(PLAIN, include_in_schema=False)
    async def plain_docs(request: AnyRequest) -> Response[bytes]:
        return once(PLAIN, lambda: page_of(document_of(request.app)).encode())

    @get(STYLE, include_in_schema=False)
    async def docs_style() -> Response[bytes]:
        return once(STYLE, lambda: stylesheet().encode(), "text/css")

    @get(ADDRESS, include_in_schema=False)
    async def problems() -> Response[bytes]:
        return once(ADDRESS, lambda: index_page().encode())

    # One path for each slug, not a pattern, so that other paths are 404 for every method.
    @get([f"{ADDRESS}/{slug}" for slug in PROBLEMS], include_in_schema=False)
    async def problem(request: AnyRequest) -> Response[bytes]:
        slug = request.scope["path"].rstrip("/").rpartition("/")[2]
        return once(f"{ADDRESS}/{slug}", lambda: problem_page(slug).encode())

    return [openapi_json, asyncapi_json, *reference_handlers(DOCS), plain_docs, docs_style, problems, problem]


class _HiddenOpenApiRouter(Router):
    """Router without routes. The framework's own pages load scripts from other hosts."""

    def register(self, value: ControllerRouterHandler) -> list[BaseRoute]:
        """Ignore the route."""
        return []
