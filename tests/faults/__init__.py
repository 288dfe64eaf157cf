"""Promises held against crashes, crowds and clocks: real processes, and a journal kept outside them."""
