"""Polls: their records, cache, index, location and audit log."""
