"""Telemetry of the service: ``logs`` for events, ``metrics`` for counts and durations."""

from pollwire_server.telemetry.logs import configure_logging, scrub_text

__all__ = ["configure_logging", "scrub_text"]
