"""Codes to scan: a poll's address for the phones in the room, as a picture."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Final

import segno

QUIET_ZONE: Final = 4
"""Modules of white around the code, below which readers may miss it (ISO/IEC 18004, 5.3.8)."""


@lru_cache(maxsize=256)
def code_svg(address: str) -> bytes:
    """The address as an SVG of black on white, whatever the page's colours; it takes any size.

    Level M mends some 15 % of damage: enough for a screen, and the modules stay large.
    """
    picture = io.BytesIO()
    code = segno.make(address, error="m", micro=False, boost_error=False)
    code.save(
        picture,
        kind="svg",
        border=QUIET_ZONE,
        dark="#000",
        light="#fff",
        xmldecl=False,
        svgclass=None,
        lineclass=None,
        omitsize=True,
        nl=False,
    )
    return picture.getvalue()
