"""The service without its fast paths, to measure what the fast paths save.

usage: python -m benchmarks.asgi_service PORT     (settings from the environment)
"""

from __future__ import annotations

import os
import sys

import uvloop
from pollwire_server.app import build
from pollwire_server.server import create_server, open_listener
from pollwire_server.settings import read_settings
from pollwire_server.store import open_store


async def main() -> None:
    """Serve until stopped."""
    settings = read_settings(os.environ)
    assert settings.redis_url is not None
    store = await open_store(settings.redis_url)
    server = create_server(build(settings, store).app, http="httptools")
    await server.serve(sockets=[open_listener("127.0.0.1", int(sys.argv[1]))])


if __name__ == "__main__":
    uvloop.run(main())
