"""Guarantees under crashes, load and wrong clocks: real processes, and a journal outside them."""
