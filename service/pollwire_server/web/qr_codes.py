"""QR codes of poll URLs, as SVG."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Final

import segno

QUIET_ZONE: Final = 4
"""Width of the white border in modules. Scanners may fail below it (ISO/IEC 18004, 5.3.8)."""


@lru_cache(maxsize=256)
def qr_code_svg(url: str) -> bytes:
    """Return the URL as a scalable SVG in black on white, in every colour scheme.

    Error correction level M recovers about 15 % damage. That is enough for a screen and keeps modules large.
    """
    picture = io.BytesIO()
    code = segno.make(url, error="m", micro=False, boost_error=False)
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
