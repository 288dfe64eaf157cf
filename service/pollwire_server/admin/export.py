"""Every vote of a poll as a file, written while it is read: memory is bounded, whatever the poll's size.

A row is a choice that stands, as it stood when its page was read; voters who
change their choice meanwhile are there once, with the one or the other. Who
voted is not told: a voter is half of a hash under a key that never leaves the
store, enough to tell rows apart and to compare two exports of one poll. An
export that breaks off (the client leaves, the store goes away, the poll is
reset) has changed nothing, and shows as a transfer that was not completed.
"""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing
from enum import StrEnum
from functools import lru_cache
from typing import Final

import msgspec

from pollwire_server.domain.ballot import Choice
from pollwire_server.domain.errors import InvalidPoll, PhaseConflict
from pollwire_server.domain.timestamps import format_timestamp
from pollwire_server.domain.window import Phase
from pollwire_server.store import Store
from pollwire_server.store.polls.repository import PollRecord
from pollwire_server.store.votes.ballot_scan import StoredBallot

VOTER_BYTES: Final = 8
"""Of a voter's 16: enough that no two of a billion are likely to be alike."""

_COLUMNS: Final = ("voter", "choice", "label", "at", "revision")
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What spreadsheets take for the beginning of a formula (OWASP, CSV Injection), the wide forms included."""


class Format(StrEnum):
    """How an export is written; the value is the file's ending."""

    CSV = "csv"
    NDJSON = "ndjson"

    @property
    def media_type(self) -> str:
        """As in ``Content-Type``, where the framework puts the charset of texts."""
        return "text/csv; header=present" if self is Format.CSV else "application/x-ndjson"


_time_text = lru_cache(maxsize=1024)(format_timestamp)
"""Votes of one batch share an instant, and writing one out costs more than the rest of a row."""

Render = Callable[[PollRecord, list[StoredBallot]], bytes]


def format_of(text: str | None) -> Format:
    """What the query asks for, CSV by default; ``InvalidPoll`` for what is no format."""
    try:
        return Format(text or Format.CSV)
    except ValueError:
        raise InvalidPoll("format", f"format must be csv or ndjson, not {text!r:.40}.") from None


async def exported(store: Store, poll_id: str, form: Format) -> AsyncIterator[bytes]:
    """The file in pieces, the first of them read already.

    Raises ``PollNotFound``, ``StoreUnavailable``, and ``PhaseConflict`` where the votes were archived.
    """
    reading = await store.results.read(poll_id)
    phase = reading.record.poll.phase(reading.tally.now)
    if phase is Phase.ARCHIVED:
        raise PhaseConflict("export", phase)
    pages = store.ballot_scan.pages(reading)
    first = await anext(pages)

    async def pieces() -> AsyncIterator[bytes]:
        if form is Format.CSV:
            yield _csv([(*_COLUMNS, "tag") if reading.record.poll.network_tags else _COLUMNS])
        record = reading.record
        async with aclosing(pages):
            record, piece = await _rendered(store, record, first, form)
            yield piece
            async for page in pages:
                record, piece = await _rendered(store, record, page, form)
                yield piece

    return pieces()


async def _rendered(
    store: Store, record: PollRecord, page: list[StoredBallot], form: Format
) -> tuple[PollRecord, bytes]:
    """The page written out, and the poll by which it was: an option may be newer than the poll at hand."""
    render: Render = _csv_of if form is Format.CSV else _ndjson_of
    standing = [held for held in page if held.code]
    try:
        return record, render(record, standing)
    except KeyError:
        record = await store.polls.get(record.poll.id)
        return record, render(record, standing)


def _ndjson_of(record: PollRecord, page: list[StoredBallot]) -> bytes:
    encode, choice_of, has_tags = msgspec.json.encode, record.codec.decode_choice, record.poll.network_tags
    return b"".join(
        encode(
            {
                "voter": _voter(held),
                "choice": choice_of(held.code),
                "at": _time_text(held.at),
                "revision": held.revision,
                **({"tag": held.tag.hex() or None} if has_tags else {}),
            }
        )
        + b"\n"
        for held in page
    )


def _csv_of(record: PollRecord, page: list[StoredBallot]) -> bytes:
    labels = {option.code: option.label for option in record.poll.options}
    known: dict[str, tuple[str, str]] = {}  # choices repeat: each is written out once a page
    for code in {held.code for held in page}:
        label = "; ".join(labels[letter] for letter in code if letter in labels)
        known[code] = (safe_cell(_choice_cell(record.codec.decode_choice(code))), safe_cell(label))
    has_tags = record.poll.network_tags
    return _csv(
        [_voter(held), *known[held.code], _time_text(held.at), held.revision, *_tag_cell(held, has_tags)]
        for held in page
    )


def _tag_cell(held: StoredBallot, has_tags: bool) -> tuple[str, ...]:
    """The last column of a poll that keeps tags, empty where none is known."""
    return (held.tag.hex(),) if has_tags else ()


def _choice_cell(choice: Choice) -> str:
    """Option ids have no spaces, so a list of them is written with spaces between."""
    return " ".join(choice) if isinstance(choice, list) else str(choice)


def safe_cell(text: str) -> str:
    """The text as a spreadsheet shows it and never runs it: a formula gets an apostrophe before it."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA_STARTS) else text


def _csv(rows: Iterable[Iterable[object]]) -> bytes:
    """RFC 4180, in UTF-8."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _voter(held: StoredBallot) -> str:
    return held.voter[:VOTER_BYTES].hex()
