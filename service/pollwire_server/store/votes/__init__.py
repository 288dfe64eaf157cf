"""Ballots: casting, scanning, recounts, purges and erasure."""
