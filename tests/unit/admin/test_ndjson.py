"""Splitting of a body into lines: the result does not depend on the pieces in which it arrives."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from pollwire_server.admin.ndjson import LINE_BYTES, Line, LineSplitter

texts = st.lists(
    st.one_of(
        st.binary(max_size=20).filter(lambda text: b"\n" not in text),
        st.integers(LINE_BYTES - 1, LINE_BYTES + 2).map(lambda size: b"x" * size),
    ),
    max_size=6,
)


def split(pieces: list[bytes]) -> list[Line]:
    """Return all lines of a body that arrives in these pieces."""
    splitter = LineSplitter()
    lines = [line for piece in pieces for line in splitter.feed(piece)]
    return lines + splitter.end()


@given(lines=texts, cuts=st.lists(st.integers(0, 60_000), max_size=8), ends=st.sampled_from([b"\n", b"\r\n"]))
def test_split_body_returns_whole_numbered_lines(lines: list[bytes], cuts: list[int], ends: bytes) -> None:
    """Lines arrive whole, in order and numbered. Blank lines are skipped. A long line has no text."""
    body = ends.join(lines)
    places = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    pieces = [body[start:end] for start, end in pairwise(places)]
    longest = LINE_BYTES - (len(ends) - 1)
    expected = [
        Line(number, None if len(text) > longest else text.strip())
        for number, text in enumerate(lines, 1)
        if text.strip() and not longest < len(text) <= LINE_BYTES
    ]
    came = [line for line in split(pieces) if line.number in {one.number for one in expected}]
    assert came == expected


def test_endless_line_is_rejected_once_and_not_stored() -> None:
    """A line is rejected as soon as it is too long. The rest of it is read and dropped."""
    splitter = LineSplitter()
    assert splitter.feed(b"x" * LINE_BYTES) == []
    assert splitter.feed(b"x") == [Line(1, None)]
    assert [splitter.feed(b"x" * LINE_BYTES) for _ in range(3)] == [[], [], []]
    assert splitter.feed(b"x\nnext\n") == [Line(2, b"next")]
    assert splitter.end() == []
