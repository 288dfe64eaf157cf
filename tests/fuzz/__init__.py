"""Fuzz tests: generated requests, messages and frames, with a seed so that a run can be repeated."""
