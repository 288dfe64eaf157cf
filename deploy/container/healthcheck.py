"""Health check of the container: exit with 0 if the service is ready, and print the reason otherwise.

``/readyz`` fails while the service starts, drains or has an invalid configuration. It succeeds (degraded)
while only the store is down, because a restart of this container does not repair the store.
"""

from __future__ import annotations

import os
import sys
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from pollwire_server.settings import read_settings

TIMEOUT_S = 3.0


def main() -> int:
    """Send one request, without any proxy from the environment."""
    url = f"http://127.0.0.1:{read_settings(os.environ).port}/readyz"
    try:
        build_opener(ProxyHandler({})).open(url, timeout=TIMEOUT_S).close()
    except URLError as error:
        sys.stderr.write(f"{url}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
