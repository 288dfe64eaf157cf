"""Ends with 0 when the service of this container is ready, and otherwise says why not.

``/readyz`` is asked: it says no while the service starts, drains or is wrongly
configured, and yes (degraded) while only the store is away, which no restart
of this container would mend.
"""

from __future__ import annotations

import os
import sys
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from pollwire_server.settings import read_settings

TIMEOUT_S = 3.0


def main() -> int:
    """Ask once, past every proxy that the environment may name."""
    url = f"http://127.0.0.1:{read_settings(os.environ).port}/readyz"
    try:
        build_opener(ProxyHandler({})).open(url, timeout=TIMEOUT_S).close()
    except URLError as error:
        sys.stderr.write(f"{url}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
