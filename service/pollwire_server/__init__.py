"""Pollwire: real-time polls and predictions with live results."""

__version__ = "0.1.0"
