"""What a reader says, heard without any socket."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pollwire_server.http_protocol.websocket_protocol import MOST_FRAMES, PORTION_BYTES
from pollwire_server.live.fast_path.frame_decoder import MESSAGE_BYTES, FrameDecoder

from tests.http_corpus.raw_client import masked

MORE, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def heard(*segments: bytes) -> tuple[list[str | None], bytes, FrameDecoder]:
    """All messages, all replies, and the ear that heard them."""
    ear = FrameDecoder()
    messages: list[str | None] = []
    replies = b""
    for segment in segments:
        messages += ear.feed(segment)
        replies += ear.data_to_send()
    return messages, replies, ear


def code(reply: bytes) -> int:
    """The code of the close frame that a reply ends with."""
    assert reply[0] == 0x88
    return int.from_bytes(reply[2:4], "big")


def test_a_text_is_a_message() -> None:
    """A whole text frame is heard as its text, and nothing is said to it."""
    messages, reply, ear = heard(masked(TEXT, "für".encode()))
    assert (messages, reply, ear.is_closed, ear.is_idle) == (["für"], b"", False, True)


def test_a_binary_message_is_none() -> None:
    """What is no text is told apart from text, an empty one included."""
    assert heard(masked(BINARY, b"{}"), masked(TEXT, b""))[0] == [None, ""]


def test_fragments_are_joined() -> None:
    """Pieces make one message of the first piece's kind, with control frames between them answered."""
    letter = "ü".encode()
    messages, reply, ear = heard(
        masked(TEXT, letter[:1], fin=False),
        masked(PING, b"hi"),
        masked(MORE, letter[1:]),
        masked(BINARY, b"", fin=False) + masked(MORE, b"x"),
    )
    assert (messages, reply) == (["ü", None], b"\x8a\x02hi")
    assert ear.is_idle


def test_several_messages_keep_their_order() -> None:
    """A segment of many frames is heard in the order sent."""
    assert heard(b"".join(masked(TEXT, b"%d" % n) for n in range(100)))[0] == [str(n) for n in range(100)]


def test_a_pong_needs_no_answer() -> None:
    """Pongs, asked for or not, are heard and nothing is said."""
    messages, reply, ear = heard(masked(PONG, b""), masked(PONG, b"x"))
    assert (messages, reply, ear.is_idle) == ([], b"", True)


@pytest.mark.parametrize("payload", [b"", b"\x03\xe8", b"\x0f\xa0bye"])
def test_a_close_is_echoed(payload: bytes) -> None:
    """A close is answered by the same, and ends the conversation."""
    messages, reply, ear = heard(masked(CLOSE, payload) + masked(TEXT, b"more"))
    assert (messages, reply) == ([], bytes((0x88, len(payload))) + payload)
    assert ear.is_closed


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
        (masked(TEXT, b"x" * (MESSAGE_BYTES + 1)), 1009),
        (masked(TEXT, b"x" * MESSAGE_BYTES, fin=False) + masked(MORE, b"x"), 1009),
        (b"\x81\xff" + b"\xff" * 8, 1009),
    ],
)
def test_what_the_protocol_forbids_ends_the_conversation(sent: bytes, expected: int) -> None:
    """Each offence is answered by a close with its own code, and nothing after it is heard."""
    ear = FrameDecoder()
    assert ear.feed(sent + masked(TEXT, b"more")) == []
    assert code(ear.data_to_send()) == expected
    assert ear.is_closed


def test_the_longest_message_is_heard() -> None:
    """Sixteen KiB, in one piece or many, are not too much."""
    assert heard(masked(TEXT, b"x" * MESSAGE_BYTES))[0] == ["x" * MESSAGE_BYTES]
    pieces = [masked(TEXT, b"x" * 8192, fin=False), masked(MORE, b"x" * 8192)]
    assert heard(*pieces)[0] == ["x" * MESSAGE_BYTES]


def test_messages_before_an_offence_are_heard() -> None:
    """What was said well stays said; whether it is acted on is the socket's affair."""
    messages, reply, ear = heard(masked(TEXT, b"good") + masked(TEXT, b"\xff") + masked(TEXT, b"late"))
    assert (messages, code(reply), ear.is_closed) == (["good"], 1007, True)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 300])
def test_an_ear_is_quiet_between_messages_only(size: int) -> None:
    """In the middle of a frame, wherever that is, an ear is not quiet: a new one would mishear the rest."""
    sent = masked(TEXT, b"x" * size)
    for place in range(1, len(sent)):
        ear = FrameDecoder()
        assert ear.feed(sent[:place]) == []
        assert not ear.is_idle, place
        assert ear.feed(sent[place:]) == ["x" * size]
        assert ear.is_idle


def test_an_ear_is_not_quiet_between_fragments() -> None:
    """A message that is half said is not forgotten, be its first half empty."""
    for first in (b"x", b""):
        ear = FrameDecoder()
        ear.feed(masked(TEXT, first, fin=False))
        assert not ear.is_idle
        assert ear.feed(masked(MORE, b"y")) == [(first + b"y").decode()]
        assert ear.is_idle


def test_a_length_written_too_long_never_makes_an_ear_quiet_too_early() -> None:
    """The library takes such lengths; the ear is then kept, which costs memory and no message."""
    ear = FrameDecoder()
    assert ear.feed(b"\x81\xfe\x00\x01mask" + bytes([ord("m") ^ ord("x")])) == ["x"]
    assert not ear.is_idle
    assert ear.feed(masked(TEXT, b"y")) == ["y"]


def test_empty_fragments_hold_no_memory() -> None:
    """However many pieces of nothing are sent, nothing is kept of them."""
    ear = FrameDecoder()
    ear.feed(masked(TEXT, b"", fin=False))
    for _ in range(10):
        ear.frame_count = 0
        ear.feed(masked(MORE, b"", fin=False) * 1_000)
    assert len(ear._message) == 0
    assert ear.feed(masked(MORE, b"x")) == ["x"]


@pytest.mark.parametrize(
    "said", [masked(PING, b""), masked(PONG, b""), masked(TEXT, b""), masked(MORE, b"", fin=False)]
)
def test_who_says_too_much_in_a_second_is_heard_no_more(said: bytes) -> None:
    """As many frames as a second may have are heard; of more only the rest of a portion is decoded."""
    begun = masked(TEXT, b"", fin=False) if said[0] & 15 == MORE else b""
    most = MOST_FRAMES - bool(begun)
    assert not heard(begun + said * most)[2].is_closed
    reply, ear = heard(begun + said * 40_000)[1:]
    assert ear.is_closed
    assert ear.frame_count <= MOST_FRAMES + PORTION_BYTES // 6
    assert reply.endswith(b"\x88\x11\x03\xf0too many frames")


@given(st.lists(st.text(max_size=200), max_size=5), st.data())
def test_splits_do_not_matter(texts: list[str], data: st.DataObject) -> None:
    """Messages cut anywhere, the ear made anew whenever it is quiet, are heard as they were said."""
    sent = b"".join(masked(TEXT, text.encode()) for text in texts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=8)))
    ear, messages = FrameDecoder(), []
    for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True):
        if start == end:
            continue
        messages += ear.feed(sent[start:end])
        assert ear.data_to_send() == b""
        if ear.is_idle:
            ear = FrameDecoder()
    assert messages == texts
