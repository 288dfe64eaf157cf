"""Voting API: registration, votes, receipts and series.

``vote_service`` validates a vote. ``vote_batcher`` sends it to the store together with other votes.
``response_builder`` builds the responses of a batch. ``receipts`` let a voter check a vote later.
"""
