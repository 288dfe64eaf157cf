"""Door 1: widgets post votes.

``desk`` decides what happens to a vote, ``recorder`` takes it to the store
with the others of its instant, ``wording`` says to all of them what became of
it, ``receipts`` let a voter check it later.
"""
