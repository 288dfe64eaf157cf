"""The composition root and the ASGI application.

- ``bootstrap``: creates all services of one process over an open store.
- ``middleware``, ``http_exchange``, ``websocket_handshake``: ASGI middleware around Litestar.
- ``litestar_app``: Litestar with the routes and the background tasks.
- ``options_routes``: responses to ``OPTIONS``.
- ``health``, ``gauge_collector``: probes and metrics.
- ``openapi``: the description of the API.
"""

from pollwire_server.app.bootstrap import ServiceContainer, build, create_app

__all__ = ["ServiceContainer", "build", "create_app"]
