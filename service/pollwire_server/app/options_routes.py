"""What ``OPTIONS`` is answered: the methods that an address takes (RFC 9110, 9.3.7).

The framework answers it by itself, with the methods of whichever handler of the
address it met first; a client would read there that a poll cannot be edited.
So addresses get a handler made of all that the rooms offer there, one for all
that take the same methods: to register a handler takes the framework as long as
to answer some requests, and there are over a hundred addresses.
Handlers that only refuse (``refuses``) are no offer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from litestar import Response, route
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler
from litestar.types import ControllerRouterHandler

from pollwire_server.problem_details import add_head_method

REFUSES: Final = "refuses"
"""The mark of a handler that is there to refuse methods, in its ``opt``."""


def options_handlers(routes: Sequence[ControllerRouterHandler]) -> list[HTTPRouteHandler]:
    """Handlers of ``OPTIONS`` at every address, to go before the others: else the framework makes one."""
    taken: dict[str, set[str]] = {}
    for handler in routes:
        if isinstance(handler, HTTPRouteHandler):
            methods = set() if handler.opt.get(REFUSES) else {str(method) for method in handler.http_methods}
            for path in handler.paths:
                taken.setdefault(path, {HttpMethod.OPTIONS.value}).update(methods)
    alike: dict[tuple[str, ...], list[str]] = {}
    for path, methods in taken.items():
        alike.setdefault(add_head_method(methods), []).append(path)
    return [_offer(paths, methods) for methods, paths in alike.items()]


def _offer(paths: list[str], methods: tuple[str, ...]) -> HTTPRouteHandler:
    @route(paths, http_method=HttpMethod.OPTIONS, include_in_schema=False, status_code=204)
    async def tell_methods() -> Response[None]:
        return Response(None, headers={"allow": ", ".join(methods)})

    return tell_methods
