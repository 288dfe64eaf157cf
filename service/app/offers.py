"""What ``OPTIONS`` is answered: the methods that an address takes (RFC 9110, 9.3.7).

The framework answers it by itself, with the methods of whichever handler of the
address it met first; a client would read there that a poll cannot be edited.
So each address gets a handler of its own, made of all that the rooms offer.
Handlers that only refuse (``refuses``) are no offer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from litestar import Response, route
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler
from litestar.types import ControllerRouterHandler

from service.problems import with_head

REFUSES: Final = "refuses"
"""The mark of a handler that is there to refuse methods, in its ``opt``."""


def offers(routes: Sequence[ControllerRouterHandler]) -> list[HTTPRouteHandler]:
    """A handler of ``OPTIONS`` for each address, to go before the others: else the framework makes one."""
    taken: dict[str, set[str]] = {}
    for handler in routes:
        if isinstance(handler, HTTPRouteHandler):
            methods = set() if handler.opt.get(REFUSES) else {str(method) for method in handler.http_methods}
            for path in handler.paths:
                taken.setdefault(path, {HttpMethod.OPTIONS.value}).update(methods)
    return [_offer(path, with_head(methods)) for path, methods in taken.items()]


def _offer(path: str, methods: tuple[str, ...]) -> HTTPRouteHandler:
    @route(path, http_method=HttpMethod.OPTIONS, include_in_schema=False, status_code=204)
    async def tell_methods() -> Response[None]:
        return Response(None, headers={"allow": ", ".join(methods)})

    return tell_methods
