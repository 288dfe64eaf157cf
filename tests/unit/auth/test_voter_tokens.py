"""Voter tokens, and the voter ids derived from them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from pollwire_server.auth.voter_ids import voter_id_from_idempotency_key, voter_id_from_token
from pollwire_server.auth.voter_tokens import LIFETIME_S, MAX_TOKEN_LENGTH, VoterTokens

NOW = 1_760_000_000_123


class Clock:
    """A fake clock."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


def test_token_returns_voter_id_and_name() -> None:
    tokens = VoterTokens(["s"], Clock())
    issued = tokens.issue(b"v" * 16, "Ama")
    voter = tokens.verify(issued.token.encode())
    assert voter is not None
    assert (voter.id, voter.name) == (b"v" * 16, "Ama")


@given(name=st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_name_of_40_characters_roundtrips(name: str) -> None:
    tokens = VoterTokens(["s"], Clock())
    token = tokens.issue(name=name).token.encode()
    voter = tokens.verify(token)
    assert voter is not None
    assert voter.name == name


def test_new_tokens_have_distinct_voter_ids() -> None:
    tokens = VoterTokens(["s"], Clock())
    voters = [tokens.verify(tokens.issue().token.encode()) for _ in range(100)]
    assert len({voter.id for voter in voters if voter}) == 100
    assert {voter.name for voter in voters if voter} == {None}


def test_token_expires_after_400_days() -> None:
    clock = Clock()
    tokens = VoterTokens(["s"], clock)
    issued = tokens.issue()
    assert issued.expires_at == (NOW // 1000 + LIFETIME_S) * 1000
    clock.now = issued.expires_at - 1
    assert tokens.verify(issued.token.encode()) is not None
    clock.now = issued.expires_at
    assert tokens.verify(issued.token.encode()) is None


def test_forged_truncated_or_oversized_token_does_not_verify() -> None:
    tokens = VoterTokens(["s"], Clock())
    good = tokens.issue().token.encode()
    assert tokens.verify(VoterTokens(["other"], Clock()).issue().token.encode()) is None
    assert tokens.verify(good[:30]) is None
    assert tokens.verify(b"") is None
    assert tokens.verify(b"A" * (MAX_TOKEN_LENGTH + 1)) is None


def test_voter_id_differs_between_polls() -> None:
    here, there = b"k" * 32, b"K" * 32
    assert voter_id_from_token(here, b"v" * 16) == voter_id_from_token(here, b"v" * 16)
    assert voter_id_from_token(here, b"v" * 16) != voter_id_from_token(there, b"v" * 16)
    assert len(voter_id_from_token(here, b"v" * 16)) == 16


def test_idempotency_key_never_equals_token_voter() -> None:
    assert voter_id_from_idempotency_key(b"k" * 32, b"v" * 16) != voter_id_from_token(b"k" * 32, b"v" * 16)
