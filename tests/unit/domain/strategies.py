"""Hypothesis strategies: polls of every kind, times and JSON values."""

from __future__ import annotations

from hypothesis import strategies as st
from pollwire_server.domain.options import CODES, MAX_OPTIONS
from pollwire_server.domain.poll import MAX_SCALE_VALUE, Choices, Kind, Option, Poll, Scale
from pollwire_server.domain.timestamps import MAX_TIMESTAMP_MS

from tests.factories import a_poll

instants = st.integers(0, MAX_TIMESTAMP_MS)
"""Every millisecond from 1970 to 9999, the range of RFC 3339."""

option_ids = st.from_regex(r"[a-z0-9][a-z0-9-]{0,8}", fullmatch=True)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
"""Everything that a body can contain, and values that JSON cannot express (NaN, lone surrogates)."""


@st.composite
def polls(draw: st.DrawFn) -> Poll:
    """Generate a poll of any kind, with option codes in any order."""
    if draw(st.integers(1, len(Kind))) == 1:
        return a_poll(kind=Kind.RATING, options=(), scale=draw(scales()))
    ids = draw(st.lists(option_ids, min_size=2, max_size=MAX_OPTIONS, unique=True))
    codes = draw(st.permutations(CODES[: len(ids)]))
    kind = draw(st.sampled_from([kind for kind in Kind if kind is not Kind.RATING]))
    return a_poll(
        kind=kind,
        options=tuple(Option(id=name, label=name, code=code) for name, code in zip(ids, codes, strict=True)),
        choices=draw(bounds(len(ids))) if kind is Kind.MULTIPLE else None,
    )


@st.composite
def scales(draw: st.DrawFn) -> Scale:
    """Generate a scale of at least two values."""
    least = draw(st.integers(0, MAX_SCALE_VALUE - 1))
    return Scale(min=least, max=draw(st.integers(least + 1, MAX_SCALE_VALUE)))


@st.composite
def bounds(draw: st.DrawFn, options: int) -> Choices:
    """Generate bounds for a number of options."""
    least = draw(st.integers(1, options))
    return Choices(min=least, max=draw(st.integers(least, options)))


@st.composite
def choices_of(draw: st.DrawFn, poll: Poll) -> str | int | list[str]:
    """Generate a valid choice of the poll."""
    if poll.scale is not None:
        return draw(st.sampled_from(poll.scale.values))
    ids = [option.id for option in poll.options]
    if poll.kind not in (Kind.MULTIPLE, Kind.RANKED):
        return draw(st.sampled_from(ids))
    least, most = poll.choice_bounds
    return draw(st.lists(st.sampled_from(ids), min_size=least, max_size=most, unique=True))
