"""Damaged tokens, tickets and receipts never verify, and raise no other error."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pollwire_server.auth.tickets import Ticket, Tickets
from pollwire_server.auth.voter_tokens import VoterTokens
from pollwire_server.domain.errors import ReceiptInvalid
from pollwire_server.store.votes.ballots import BallotOutcome, BallotStatus
from pollwire_server.voting.receipts import Receipts

from tests.fuzz.settings import effort

NOW = 1_800_000_000_000
SECRETS = ("secret " * 6, "one before it " * 3)
VOTER = bytes(range(16))
Reader = Callable[[str], object]

tokens = VoterTokens(SECRETS, lambda: NOW)
tickets = Tickets(SECRETS, lambda: NOW)
receipts = Receipts(SECRETS)


def of_token(text: str) -> object:
    """Return the content of the token, or None."""
    return tokens.verify(text.encode())


def of_receipt(text: str) -> object:
    """Return the content of the receipt, or None."""
    with suppress(ReceiptInvalid):
        return receipts.read("lunch", text)
    return None


ISSUED: dict[str, tuple[str, Reader]] = {
    "token": (tokens.issue(VOTER).token, of_token),
    "token with a name": (tokens.issue(VOTER, "Ama").token, of_token),
    "ticket": (tickets.issue(Ticket(VOTER)).ticket, tickets.verify),
    "operator's ticket": (tickets.issue(Ticket(None, b"k" * 6)).ticket, tickets.verify),
    "receipt": (
        receipts.issue(
            receipts.template("lunch", "019ab5a1c2d3", BallotOutcome(BallotStatus.COUNTED, "A", NOW, 1, 1)),
            VOTER,
        ),
        of_receipt,
    ),
}
characters = st.sampled_from("AZaz09-_+/=. \n%é\0") | st.characters(exclude_categories=["Cs"])


@st.composite
def damaged(draw: st.DrawFn, whole: str) -> str:
    """Generate the text with insertions, deletions or replacements."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(whole)))
        end = min(len(whole), start + draw(st.integers(0, 3)))
        whole = whole[:start] + draw(st.text(characters, max_size=2)) + whole[end:]
    return whole


@pytest.mark.parametrize("name", ISSUED)
def test_issued_text_verifies(name: str) -> None:
    whole, read = ISSUED[name]
    assert read(whole) is not None


@pytest.mark.parametrize("name", ISSUED)
def test_damaged_text_does_not_verify(name: str) -> None:
    whole, read = ISSUED[name]

    @effort(300)
    @given(damaged(whole) | st.text(max_size=400))
    @example(whole + "=")
    @example(whole.swapcase())
    @example("")
    def refused(text: str) -> None:
        assert text == whole or read(text) is None

    refused()


@pytest.mark.parametrize("name", ISSUED)
def test_last_character_has_one_encoding(name: str) -> None:
    whole, read = ISSUED[name]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assert [letter for letter in alphabet if read(whole[:-1] + letter)] == [whole[-1]]


def test_text_does_not_verify_for_another_purpose() -> None:
    for name, (whole, _) in ISSUED.items():
        for other, (_, read) in ISSUED.items():
            same = {"token", "ticket", "receipt"} & set(name.split()) & set(other.split())
            assert same or read(whole) is None, (name, other)
