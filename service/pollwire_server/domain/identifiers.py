"""The format of identifiers: polls, options and series share one pattern."""

from __future__ import annotations

import re
from typing import Annotated, Final

from msgspec import Meta

IDENTIFIER_PATTERN: Final = "[a-z0-9][a-z0-9-]{0,63}"
"""A regular expression without anchors or groups, for use inside patterns of paths."""
IDENTIFIER: Final = re.compile(IDENTIFIER_PATTERN)

Identifier = Annotated[
    str,
    Meta(
        pattern=rf"^{IDENTIFIER_PATTERN}\Z",
        description="1 to 64 lower-case letters, digits and hyphens, and must not start with a hyphen",
    ),
]
"""An identifier in a request body."""
