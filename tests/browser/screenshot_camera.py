"""Registry of the screenshots for the documentation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from playwright.async_api import Page

from tests.api.conftest import Service

Stage = Callable[[Service, Page], Awaitable[None]]
Shot = tuple[Stage, dict[str, Any]]  # Any: a browser context takes settings of many types

SHOTS: dict[str, Shot] = {}


def shot(name: str, *, width: int = 1000, height: int = 800, **context: Any) -> Callable[[Stage], Stage]:
    """Register a stage as the screenshot ``<name>.png``. ``context`` has settings of the browser."""

    def register(stage: Stage) -> Stage:
        settings = {"viewport": {"width": width, "height": height}, "reduced_motion": "reduce", **context}
        SHOTS[name] = (stage, settings)
        return stage

    return register
