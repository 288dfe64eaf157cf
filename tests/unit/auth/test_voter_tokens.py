"""Voters' tokens, and the voters that polls make of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from pollwire_server.auth.voter_ids import voter_id_from_idempotency_key, voter_id_from_token
from pollwire_server.auth.voter_tokens import LIFETIME_S, MAX_TOKEN_LENGTH, VoterTokens

NOW = 1_760_000_000_123


class Clock:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


def test_a_token_speaks_for_the_voter_it_was_issued_to() -> None:
    """A verified token gives the id and the name that went in."""
    tokens = VoterTokens(["s"], Clock())
    issued = tokens.issue(b"v" * 16, "Ama")
    voter = tokens.verify(issued.token.encode())
    assert voter is not None
    assert (voter.id, voter.name) == (b"v" * 16, "Ama")


@given(name=st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_every_name_of_forty_characters_fits(name: str) -> None:
    """Whatever script a name is written in, its token verifies and gives it back."""
    tokens = VoterTokens(["s"], Clock())
    token = tokens.issue(name=name).token.encode()
    voter = tokens.verify(token)
    assert voter is not None
    assert voter.name == name


def test_two_voters_are_never_the_same() -> None:
    """Each token without a given id is a new voter, without a name."""
    tokens = VoterTokens(["s"], Clock())
    voters = [tokens.verify(tokens.issue().token.encode()) for _ in range(100)]
    assert len({voter.id for voter in voters if voter}) == 100
    assert {voter.name for voter in voters if voter} == {None}


def test_a_token_lasts_400_days_and_not_a_second_longer() -> None:
    """It is good until the second it says, and at that second it is over."""
    clock = Clock()
    tokens = VoterTokens(["s"], clock)
    issued = tokens.issue()
    assert issued.expires_at == (NOW // 1000 + LIFETIME_S) * 1000
    clock.now = issued.expires_at - 1
    assert tokens.verify(issued.token.encode()) is not None
    clock.now = issued.expires_at
    assert tokens.verify(issued.token.encode()) is None


def test_forged_truncated_and_endless_tokens_are_nobody_s() -> None:
    """Another service's token, half a token, an empty one and a huge one are refused."""
    tokens = VoterTokens(["s"], Clock())
    good = tokens.issue().token.encode()
    assert tokens.verify(VoterTokens(["other"], Clock()).issue().token.encode()) is None
    assert tokens.verify(good[:30]) is None
    assert tokens.verify(b"") is None
    assert tokens.verify(b"A" * (MAX_TOKEN_LENGTH + 1)) is None


def test_a_voter_is_one_in_a_poll_and_unknown_across_polls() -> None:
    """The same token gives the same 16 bytes in one poll and others in another."""
    here, there = b"k" * 32, b"K" * 32
    assert voter_id_from_token(here, b"v" * 16) == voter_id_from_token(here, b"v" * 16)
    assert voter_id_from_token(here, b"v" * 16) != voter_id_from_token(there, b"v" * 16)
    assert len(voter_id_from_token(here, b"v" * 16)) == 16


def test_an_idempotency_key_never_is_a_token_s_voter() -> None:
    """Even a key with the very bytes of a token's id stands for somebody else."""
    assert voter_id_from_idempotency_key(b"k" * 32, b"v" * 16) != voter_id_from_token(b"k" * 32, b"v" * 16)
