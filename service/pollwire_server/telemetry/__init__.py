"""What the service says about itself: ``logs`` for what happened, ``metrics`` for how much of it."""

from pollwire_server.telemetry.logs import configure_logging, scrubbed

__all__ = ["configure_logging", "scrubbed"]
