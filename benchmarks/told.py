"""The whole service in one process, with its figures and log lines or without them: what telling costs.

usage: python -m benchmarks.told PORT everything|nothing     (settings from the environment)

``everything`` is what a worker of ``pollwire up`` does where metrics are asked for: figures in files that
a supervisor could add up, and log lines as JSON. For ``nothing`` both are taken out before it is built.
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
    """Serves until told to stop."""
    assert settings.redis_url is not None
    async with running_service(settings, settings.redis_url):
        gc.collect()
        gc.freeze()
        await asyncio.Event().wait()


def _tell_nothing() -> None:
    """No figure and no line: only the calls to them are left."""
    logging.disable()
    for kind, ways in ((Counter, ("inc",)), (Gauge, ("inc", "dec", "set")), (Histogram, ("observe",))):
        for way in ways:
            setattr(kind, way, _nothing)


def _nothing(*_: object, **__: object) -> None: ...


if __name__ == "__main__":
    told = read_settings(os.environ | {"POLLWIRE_PORT": sys.argv[1]})
    configure_logging(told)
    if sys.argv[2] == "nothing":
        _tell_nothing()
    uvloop.run(main(told))
