"""Telemetry of the service: ``logs`` for events, ``metrics`` for counts and durations."""

from pollwire_server.telemetry.logs import configure_logging, log_fatal_error, scrub_text

__all__ = ["configure_logging", "log_fatal_error", "scrub_text"]
