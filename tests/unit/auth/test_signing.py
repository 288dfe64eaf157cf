"""Signing and verification."""

from __future__ import annotations

from base64 import urlsafe_b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pollwire_server.auth.signing import Signer


@given(payload=st.binary(min_size=1, max_size=60))
def test_signed_payload_verifies_unchanged(payload: bytes) -> None:
    signer = Signer(["a secret"], "test")
    signed = signer.sign(payload)
    assert signer.verify(signed.encode()) == payload
    assert set(signed) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@given(signed=st.binary(max_size=100))
def test_arbitrary_bytes_do_not_verify(signed: bytes) -> None:
    assert Signer(["a secret"], "test").verify(signed) is None


def test_any_modification_is_detected() -> None:
    signer = Signer(["a secret"], "test")
    signed = signer.sign(b"twenty bytes of data").encode()
    for place, letter in enumerate(signed):
        # Letters of the other half of the alphabet, so that no change hides in unused trailing bits.
        other = b"A" if letter != ord("A") and chr(letter) > "Q" else b"z"
        assert signer.verify(signed[:place] + other + signed[place + 1 :]) is None
    assert all(signer.verify(signed[:length]) is None for length in range(len(signed)))
    assert signer.verify(signed + b"A") is None


def test_signature_is_bound_to_its_purpose() -> None:
    signed = Signer(["a secret"], "receipt").sign(b"payload").encode()
    assert Signer(["a secret"], "token").verify(signed) is None


def test_rotated_secrets_verify_old_signatures() -> None:
    old, both, new = Signer(["old"], "t"), Signer(["new", "old"], "t"), Signer(["new"], "t")
    assert both.verify(old.sign(b"payload").encode()) == b"payload"
    assert new.verify(both.sign(b"payload").encode()) == b"payload"
    assert old.verify(both.sign(b"payload").encode()) is None
    assert new.verify(old.sign(b"payload").encode()) is None


def test_secrets_with_equal_key_id_both_verify() -> None:
    by_key_id: dict[int, str] = {}
    for number in range(2000):
        secret = f"secret {number}"
        signed = Signer([secret], "t").sign(b"payload").encode()
        other = by_key_id.setdefault(urlsafe_b64decode(signed[:4])[0], secret)
        if other != secret:
            assert Signer([other, secret], "t").verify(signed) == b"payload"
            return
    pytest.fail("no two secrets shared a key id")


def test_signer_without_secret_is_rejected() -> None:
    with pytest.raises(ValueError, match="at least one secret"):
        Signer([], "test")
