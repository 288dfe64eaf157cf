"""Peers that the service is measured against. Each does one thing, as its own documentation recommends."""
