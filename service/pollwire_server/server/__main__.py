"""Entry point of ``python -m pollwire_server.server``: run one worker."""

import sys

from pollwire_server.server.worker import main

if __name__ == "__main__":
    sys.exit(main())
