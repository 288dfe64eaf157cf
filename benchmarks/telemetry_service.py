"""The service in one process, with or without metrics and logs, to measure the cost of telemetry.

usage: python -m benchmarks.telemetry_service PORT everything|nothing     (settings from the environment)

``everything`` is the configuration of a worker of ``pollwire up`` with metrics: files that the supervisor
adds up, and logs as JSON. ``nothing`` replaces both before the application is built.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys

import uvloop
from pollwire_server.server import running_service
from pollwire_server.settings import Settings, read_settings
from pollwire_server.telemetry import configure_logging
from prometheus_client import Counter, Gauge, Histogram


async def main(settings: Settings) -> None:
    """Serve until stopped."""
    assert settings.redis_url is not None
    async with running_service(settings, settings.redis_url):
        gc.collect()
        gc.freeze()
        await asyncio.Event().wait()


def _disable_telemetry() -> None:
    """Disable metrics and logs; only the calls remain."""
    logging.disable()
    for kind, methods in ((Counter, ("inc",)), (Gauge, ("inc", "dec", "set")), (Histogram, ("observe",))):
        for method in methods:
            setattr(kind, method, _nothing)


def _nothing(*_: object, **__: object) -> None: ...


if __name__ == "__main__":
    settings = read_settings(os.environ | {"POLLWIRE_PORT": sys.argv[1]})
    configure_logging(settings)
    if sys.argv[2] == "nothing":
        _disable_telemetry()
    uvloop.run(main(settings))
