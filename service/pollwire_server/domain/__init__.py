"""What is true of polls, whoever asks and wherever they are kept.

Pure: no I/O, no clock, no randomness. Time is always an argument, in whole
milliseconds since the Unix epoch (``*_at`` on every struct).
"""
