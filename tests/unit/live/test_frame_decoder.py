"""Frame decoder without a socket."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pollwire_server.http_protocol.websocket_protocol import DECODE_CHUNK_BYTES, MAX_FRAMES_PER_S
from pollwire_server.live.fast_path.frame_decoder import MAX_MESSAGE_BYTES, FrameDecoder

from tests.http_corpus.raw_client import masked

MORE, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def decode(*segments: bytes) -> tuple[list[str | None], bytes, FrameDecoder]:
    """Return all messages, all replies, and the decoder."""
    decoder = FrameDecoder()
    messages: list[str | None] = []
    replies = b""
    for segment in segments:
        messages += decoder.feed(segment)
        replies += decoder.data_to_send()
    return messages, replies, decoder


def close_code(reply: bytes) -> int:
    """Return the code of a close frame."""
    assert reply[0] == 0x88
    return int.from_bytes(reply[2:4], "big")


def test_text_frame_is_one_message() -> None:
    messages, reply, decoder = decode(masked(TEXT, "für".encode()))
    assert (messages, reply, decoder.is_closed, decoder.is_idle) == (["für"], b"", False, True)


def test_binary_message_is_distinguished_from_empty_text() -> None:
    assert decode(masked(BINARY, b"{}"), masked(TEXT, b""))[0] == [None, ""]


def test_fragments_are_joined_with_control_frames_between() -> None:
    letter = "ü".encode()
    messages, reply, decoder = decode(
        masked(TEXT, letter[:1], fin=False),
        masked(PING, b"hi"),
        masked(MORE, letter[1:]),
        masked(BINARY, b"", fin=False) + masked(MORE, b"x"),
    )
    assert (messages, reply) == (["ü", None], b"\x8a\x02hi")
    assert decoder.is_idle


def test_messages_in_one_segment_keep_their_order() -> None:
    assert decode(b"".join(masked(TEXT, b"%d" % n) for n in range(100)))[0] == [str(n) for n in range(100)]


def test_pong_gets_no_reply() -> None:
    messages, reply, decoder = decode(masked(PONG, b""), masked(PONG, b"x"))
    assert (messages, reply, decoder.is_idle) == ([], b"", True)


@pytest.mark.parametrize("payload", [b"", b"\x03\xe8", b"\x0f\xa0bye"])
def test_close_frame_is_echoed_and_closes_connection(payload: bytes) -> None:
    messages, reply, decoder = decode(masked(CLOSE, payload) + masked(TEXT, b"more"))
    assert (messages, reply) == ([], bytes((0x88, len(payload))) + payload)
    assert decoder.is_closed


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"\x81\x02{}", 1002),
        (masked(TEXT, b"x", reserved=1), 1002),
        (masked(3, b"x"), 1002),
        (masked(PING, b"x", fin=False), 1002),
        (masked(PING, b"x" * 126), 1002),
        (masked(MORE, b"x"), 1002),
        (masked(TEXT, b"x", fin=False) + masked(TEXT, b"y"), 1002),
        (masked(TEXT, b"x", fin=False) + masked(CLOSE, b""), 1002),
        (masked(CLOSE, b"\x03"), 1002),
        (masked(CLOSE, b"\x03\xed"), 1002),
        (masked(CLOSE, b"\x03\xe8\xff"), 1007),
        (masked(TEXT, b"\xff"), 1007),
        (masked(TEXT, b"\xc3", fin=False) + masked(MORE, b""), 1007),
        (masked(TEXT, b"x" * (MAX_MESSAGE_BYTES + 1)), 1009),
        (masked(TEXT, b"x" * MAX_MESSAGE_BYTES, fin=False) + masked(MORE, b"x"), 1009),
        (b"\x81\xff" + b"\xff" * 8, 1009),
    ],
)
def test_invalid_frame_closes_connection(sent: bytes, expected: int) -> None:
    decoder = FrameDecoder()
    assert decoder.feed(sent + masked(TEXT, b"more")) == []
    assert close_code(decoder.data_to_send()) == expected
    assert decoder.is_closed


def test_message_of_maximum_size_is_accepted() -> None:
    assert decode(masked(TEXT, b"x" * MAX_MESSAGE_BYTES))[0] == ["x" * MAX_MESSAGE_BYTES]
    pieces = [masked(TEXT, b"x" * 8192, fin=False), masked(MORE, b"x" * 8192)]
    assert decode(*pieces)[0] == ["x" * MAX_MESSAGE_BYTES]


def test_messages_before_invalid_frame_are_returned() -> None:
    messages, reply, decoder = decode(masked(TEXT, b"good") + masked(TEXT, b"\xff") + masked(TEXT, b"late"))
    assert (messages, close_code(reply), decoder.is_closed) == (["good"], 1007, True)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 300])
def test_decoder_is_idle_only_between_messages(size: int) -> None:
    sent = masked(TEXT, b"x" * size)
    for place in range(1, len(sent)):
        decoder = FrameDecoder()
        assert decoder.feed(sent[:place]) == []
        assert not decoder.is_idle, place
        assert decoder.feed(sent[place:]) == ["x" * size]
        assert decoder.is_idle


def test_decoder_is_not_idle_between_fragments() -> None:
    for first in (b"x", b""):
        decoder = FrameDecoder()
        decoder.feed(masked(TEXT, first, fin=False))
        assert not decoder.is_idle
        assert decoder.feed(masked(MORE, b"y")) == [(first + b"y").decode()]
        assert decoder.is_idle


def test_overlong_length_encoding_never_makes_decoder_idle() -> None:
    """The library accepts such lengths. The decoder is then kept, which costs memory and no message."""
    decoder = FrameDecoder()
    assert decoder.feed(b"\x81\xfe\x00\x01mask" + bytes([ord("m") ^ ord("x")])) == ["x"]
    assert not decoder.is_idle
    assert decoder.feed(masked(TEXT, b"y")) == ["y"]


def test_empty_fragments_buffer_nothing() -> None:
    decoder = FrameDecoder()
    decoder.feed(masked(TEXT, b"", fin=False))
    for _ in range(10):
        decoder.frame_count = 0
        decoder.feed(masked(MORE, b"", fin=False) * 1_000)
    assert len(decoder._message) == 0
    assert decoder.feed(masked(MORE, b"x")) == ["x"]


@pytest.mark.parametrize(
    "frame", [masked(PING, b""), masked(PONG, b""), masked(TEXT, b""), masked(MORE, b"", fin=False)]
)
def test_client_exceeding_frame_rate_is_disconnected(frame: bytes) -> None:
    first = masked(TEXT, b"", fin=False) if frame[0] & 15 == MORE else b""
    allowed = MAX_FRAMES_PER_S - bool(first)
    assert not decode(first + frame * allowed)[2].is_closed
    reply, decoder = decode(first + frame * 40_000)[1:]
    assert decoder.is_closed
    assert decoder.frame_count <= MAX_FRAMES_PER_S + DECODE_CHUNK_BYTES // 6
    assert reply.endswith(b"\x88\x11\x03\xf0too many frames")


@given(st.lists(st.text(max_size=200), max_size=5), st.data())
def test_messages_split_at_any_byte_are_decoded(texts: list[str], data: st.DataObject) -> None:
    """The decoder is replaced by a new one whenever it is idle, as the socket does."""
    sent = b"".join(masked(TEXT, text.encode()) for text in texts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=8)))
    decoder, messages = FrameDecoder(), []
    for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True):
        if start == end:
            continue
        messages += decoder.feed(sent[start:end])
        assert decoder.data_to_send() == b""
        if decoder.is_idle:
            decoder = FrameDecoder()
    assert messages == texts
