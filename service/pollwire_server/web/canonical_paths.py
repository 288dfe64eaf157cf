"""Canonical paths of pages: one slash between two segments, and none at the end."""

from __future__ import annotations

import re
from typing import Final

_SLASHES: Final = re.compile(rb"/|%2f", re.IGNORECASE)


def canonical_location(raw_path: bytes, query: bytes) -> str | None:
    """Return a relative reference to the canonical path, or None if the path is canonical.

    The reference is relative, so it also holds behind a proxy that adds a prefix to the path.
    """
    segments = [segment for segment in _SLASHES.split(raw_path) if segment]
    canonical = b"/".join(segments)
    if raw_path == b"/" + canonical:
        return None
    steps_up = "../" * (raw_path.count(b"/") - 1) or "./"
    location = steps_up + canonical.decode("latin-1")
    return f"{location}?{query.decode('latin-1')}" if query else location
