"""What is sealed can be opened, and nothing else can."""

from __future__ import annotations

from base64 import urlsafe_b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pollwire_server.auth.signing import Signer


@given(payload=st.binary(min_size=1, max_size=60))
def test_what_was_sealed_opens_to_the_same_payload(payload: bytes) -> None:
    """Any payload survives sealing, as letters that need no escaping in a URL."""
    signer = Signer(["a secret"], "test")
    sealed = signer.sign(payload)
    assert signer.verify(sealed.encode()) == payload
    assert set(sealed) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@given(sealed=st.binary(max_size=100))
def test_nothing_opens_by_chance(sealed: bytes) -> None:
    """Arbitrary bytes are refused, and never raise."""
    assert Signer(["a secret"], "test").verify(sealed) is None


def test_a_change_anywhere_is_seen() -> None:
    """Another letter at any place, a letter fewer and a letter more all spoil a sealed text."""
    signer = Signer(["a secret"], "test")
    sealed = signer.sign(b"twenty bytes of data").encode()
    for place, letter in enumerate(sealed):
        # Letters of the other half of the alphabet, so that no change hides in unused trailing bits.
        other = b"A" if letter != ord("A") and chr(letter) > "Q" else b"z"
        assert signer.verify(sealed[:place] + other + sealed[place + 1 :]) is None
    assert all(signer.verify(sealed[:length]) is None for length in range(len(sealed)))
    assert signer.verify(sealed + b"A") is None


def test_a_text_sealed_for_one_purpose_is_nothing_for_another() -> None:
    """A receipt cannot be passed off as a token."""
    sealed = Signer(["a secret"], "receipt").sign(b"payload").encode()
    assert Signer(["a secret"], "token").verify(sealed) is None


def test_secrets_can_be_rotated() -> None:
    """With ``new,old`` the first signs and both verify; once the old one is gone, what it signed is too."""
    old, both, new = Signer(["old"], "t"), Signer(["new", "old"], "t"), Signer(["new"], "t")
    assert both.verify(old.sign(b"payload").encode()) == b"payload"
    assert new.verify(both.sign(b"payload").encode()) == b"payload"
    assert old.verify(both.sign(b"payload").encode()) is None
    assert new.verify(old.sign(b"payload").encode()) is None


def test_two_secrets_of_one_key_id_both_verify() -> None:
    """The key id is one byte, so two secrets may share it without locking either's texts out."""
    by_key_id: dict[int, str] = {}
    for number in range(2000):
        secret = f"secret {number}"
        sealed = Signer([secret], "t").sign(b"payload").encode()
        other = by_key_id.setdefault(urlsafe_b64decode(sealed[:4])[0], secret)
        if other != secret:
            assert Signer([other, secret], "t").verify(sealed) == b"payload"
            return
    pytest.fail("no two secrets shared a key id")


def test_a_signer_without_a_secret_is_refused() -> None:
    """A service that was given no secret does not quietly sign with an empty one."""
    with pytest.raises(ValueError, match="at least one secret"):
        Signer([], "test")
