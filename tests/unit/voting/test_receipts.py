"""Tests of receipts: round trip and forgeries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pollwire_server.auth.signing import Signer
from pollwire_server.domain.errors import ReceiptInvalid
from pollwire_server.store.votes.ballots import BallotOutcome, BallotStatus
from pollwire_server.voting.receipts import MAX_RECEIPT_LENGTH, Receipt, Receipts

EPOCH = "01933c5f8a2b"


@given(
    poll=st.from_regex(r"[a-z0-9][a-z0-9-]{0,63}", fullmatch=True),
    voter=st.binary(min_size=16, max_size=16),
    at=st.integers(0, 2**48 - 1),
    revision=st.integers(1, 2**24 - 1),
    code=st.text(alphabet=[chr(letter) for letter in range(65, 126)], min_size=1, max_size=50),
)
def test_receipt_round_trip_returns_its_content(
    poll: str, voter: bytes, at: int, revision: int, code: str
) -> None:
    receipts = Receipts(["s"])
    text = receipts.issue(
        receipts.template(poll, EPOCH, BallotOutcome(BallotStatus.COUNTED, code, at, revision, 1)), voter
    )
    assert len(text) <= MAX_RECEIPT_LENGTH
    assert receipts.read(poll, text) == Receipt(EPOCH, voter, revision, at, code)


def test_receipt_for_another_poll_is_invalid() -> None:
    receipts = Receipts(["s"])
    text = receipts.issue(
        receipts.template("lunch", EPOCH, BallotOutcome(BallotStatus.COUNTED, "A", 5, 1, 1)), b"v" * 16
    )
    for other in ("lunc", "lunchA", "dinner", ""):
        with pytest.raises(ReceiptInvalid):
            receipts.read(other, text)


@pytest.mark.parametrize("text", ["", "x", "é", "A" * 120, "A" * (MAX_RECEIPT_LENGTH + 1), "=" * 50])
def test_receipt_malformed_is_invalid(text: str) -> None:
    with pytest.raises(ReceiptInvalid):
        Receipts(["s"]).read("lunch", text)


def test_receipt_from_another_signer_is_invalid() -> None:
    counted = BallotOutcome(BallotStatus.COUNTED, "A", 5, 1, 1)
    others = Receipts(["other"])
    for text in (
        others.issue(others.template("lunch", EPOCH, counted), b"v" * 16),
        Signer(["s"], "voter token").sign(b"x" * 60),
        Signer(["s"], "receipt").sign(b"x"),
    ):
        with pytest.raises(ReceiptInvalid):
            Receipts(["s"]).read("lunch", text)
