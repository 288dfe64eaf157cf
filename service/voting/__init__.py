"""Door 1: widgets post votes.

``desk`` decides what happens to a vote, ``recorder`` takes it to the store
with the others of its instant, ``receipts`` let a voter check it later.
"""
