"""Domain rules of polls: pure functions and frozen structs.

There is no I/O, no clock and no randomness here. Time is always an argument, in whole milliseconds since the
Unix epoch (``*_at`` on every struct).
"""
