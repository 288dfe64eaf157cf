"""Route handlers for ``OPTIONS``, which list the methods of a path (RFC 9110, 9.3.7).

Litestar's own response lists only the methods of the first handler of a path. A client would read there that
a poll cannot be edited. So each path gets a handler that lists the methods of all its handlers. Paths with
the same methods share one, because Litestar is slow to register a handler and there are over a hundred paths.
Handlers that only reject a method are marked with ``REJECTS_METHOD`` and left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from litestar import Response, route
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler
from litestar.types import ControllerRouterHandler

from pollwire_server.problem_details import add_head_method

REJECTS_METHOD: Final = "rejects_method"
"""Key in the ``opt`` of a handler that only rejects methods."""


def options_handlers(routes: Sequence[ControllerRouterHandler]) -> list[HTTPRouteHandler]:
    """Return ``OPTIONS`` handlers for all paths. Register them first, or else Litestar adds its own."""
    methods_by_path: dict[str, set[str]] = {}
    for handler in routes:
        if isinstance(handler, HTTPRouteHandler):
            methods = (
                set() if handler.opt.get(REJECTS_METHOD) else {str(method) for method in handler.http_methods}
            )
            for path in handler.paths:
                methods_by_path.setdefault(path, {HttpMethod.OPTIONS.value}).update(methods)
    paths_by_methods: dict[tuple[str, ...], list[str]] = {}
    for path, methods in methods_by_path.items():
        paths_by_methods.setdefault(add_head_method(methods), []).append(path)
    return [_options_handler(paths, methods) for methods, paths in paths_by_methods.items()]


def _options_handler(paths: list[str], methods: tuple[str, ...]) -> HTTPRouteHandler:
    @route(paths, http_method=HttpMethod.OPTIONS, include_in_schema=False, status_code=204)
    async def list_methods() -> Response[None]:
        return Response(None, headers={"allow": ", ".join(methods)})

    return list_methods
