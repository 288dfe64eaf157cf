"""Streaming export of all current votes of a poll. Its memory use does not depend on the poll's size.

A row is a current vote at the time when its page was read. A voter that changes the choice during the export
has one row, with the old or the new choice. Rows are pseudonymous: the voter column is half of a hash under a
key that never leaves the store. It distinguishes rows and allows to compare two exports of one poll. An
export can fail: the client disconnects, the store becomes unavailable, or the poll is reset. It then has no
side effects, and the client sees an incomplete transfer.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing
from enum import StrEnum
from functools import lru_cache
from typing import Final

import msgspec

from pollwire_server.domain.ballot import Choice
from pollwire_server.domain.errors import InvalidPoll, PhaseConflict
from pollwire_server.domain.forecast import MICRO, decode_forecast
from pollwire_server.domain.timestamps import format_timestamp
from pollwire_server.domain.window import Phase
from pollwire_server.store import Store
from pollwire_server.store.polls.repository import PollRecord
from pollwire_server.store.votes.ballot_scan import StoredBallot

VOTER_BYTES: Final = 8
"""Out of the 16 bytes of a voter id. A collision among a billion voters is unlikely."""

_COLUMNS: Final = ("voter", "choice", "label", "at", "revision")
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""First characters of formulas in spreadsheets (OWASP, CSV Injection), full-width forms included."""


_MONTH: Final = (
    "(?:jan(?:uary|uar|v|vier|eiro)?|jän(?:ner)?|ene(?:ro)?|gen(?:naio)?"
    "|feb(?:ruary|ruar|rero|braio)?|f[eé]vr?(?:ier)?|fev(?:ereiro)?"
    "|mar(?:ch|s|zo|ço)?|mär(?:z)?|mrz|mrt|maart|apr(?:il|ile)?|avr(?:il)?|abr(?:il)?"
    "|may(?:o)?|mai(?:o)?|mei|mag(?:gio)?|june?|juni(?:o)?|juin|jun(?:ho)?|giu(?:gno)?"
    "|july?|juli(?:o)?|juil(?:let)?|jul(?:ho)?|lug(?:lio)?|aug(?:ust)?|ago(?:sto)?|ao[uû]t"
    "|sept?(?:ember|embre|tiembre)?|set(?:tembre|embro)?|o[ck]t(?:ober|obre|ubre)?|ott(?:obre)?|out(?:ubro)?"
    "|nov(?:ember|embre|iembre|embro)?|d[eé][cz](?:ember|embre|embro)?|dic(?:iembre|embre)?)"
)
"""Names of months in English, French, Spanish, German, Italian, Portuguese and Dutch. A spreadsheet reads
those of its own language, which is not known here."""
_TRUTH_VALUE: Final = "true|false|wahr|falsch|vrai|faux|verdadero|falso|vero|verdadeiro|waar|onwaar"
_CONVERTED: Final = re.compile(
    r"[(+\-−]?\s*[$£¥\u20a0-\u20cf]?[\d.,:/\s-]*\d[\d.,:/\s-]*"
    r"(?:e[+-]?\d+)?(?:t[\d:.]+z?)?\s*(?:[%٪\u20a0-\u20cf]|[ap]m?|\))?"
    rf"|(?=.*\d)(?:\d{{1,4}}[-/., ]*)?{_MONTH}[-/., ]*\d*(?:[-/., ]+\d+)?"
    rf"|{_TRUTH_VALUE}|#(?:n/a|name\?|null!|num!|ref!|value!|div/0!)",
    re.IGNORECASE,
)
"""Text that spreadsheets read as a number, a date, a time, a truth value or an error, such as ``1e5`` or
``mar-1``."""
_BYTE_ORDER_MARK: Final = "\ufeff".encode()
"""Excel reads a CSV file without it in the local code page."""


class Format(StrEnum):
    """Format of an export. The value is the file extension."""

    CSV = "csv"
    NDJSON = "ndjson"

    @property
    def media_type(self) -> str:
        """Return the ``Content-Type``. The framework adds the charset of text types."""
        return "text/csv; header=present" if self is Format.CSV else "application/x-ndjson"


_time_text = lru_cache(maxsize=1024)(format_timestamp)
"""Votes of one batch share a timestamp. Formatting it costs more than the rest of the row."""

Render = Callable[[PollRecord, list[StoredBallot]], bytes]


def format_of(text: str | None) -> Format:
    """Return the format of the query, CSV by default. Raises ``InvalidPoll`` for an unknown format."""
    try:
        return Format(text or Format.CSV)
    except ValueError:
        raise InvalidPoll("format", f"format must be csv or ndjson, not {text!r:.40}.") from None


async def exported(store: Store, poll_id: str, export_format: Format) -> AsyncIterator[bytes]:
    """Return the chunks of the file. The first page is read before this returns, so errors raise here.

    Raises ``PollNotFound``, ``StoreUnavailable``, and ``PhaseConflict`` if the poll is archived.
    """
    reading = await store.results.read(poll_id)
    phase = reading.record.poll.phase(reading.tally.now)
    if phase is Phase.ARCHIVED:
        raise PhaseConflict("export", phase)
    pages = store.ballot_scan.pages(reading)
    first = await anext(pages)

    async def pieces() -> AsyncIterator[bytes]:
        if export_format is Format.CSV:
            yield _BYTE_ORDER_MARK + _csv([_columns_of(reading.record)])
        record = reading.record
        async with aclosing(pages):
            record, piece = await _rendered(store, record, first, export_format)
            yield piece
            async for page in pages:
                record, piece = await _rendered(store, record, page, export_format)
                yield piece

    return pieces()


async def while_authorized(pieces: AsyncIterator[bytes], check: Callable[[], object]) -> AsyncIterator[bytes]:
    """Return the chunks while ``check`` raises nothing. Otherwise the transfer ends incomplete.

    An export can take minutes, and its key may be revoked meanwhile.
    """
    async for piece in pieces:
        check()
        yield piece


async def _rendered(
    store: Store, record: PollRecord, page: list[StoredBallot], export_format: Format
) -> tuple[PollRecord, bytes]:
    """Return the poll record and the page as bytes. Reload the record if an option is newer than it."""
    render: Render = _csv_of if export_format is Format.CSV else _ndjson_of
    current_votes = [ballot for ballot in page if ballot.code]
    try:
        return record, render(record, current_votes)
    except KeyError:
        record = await store.polls.get(record.poll.id)
        return record, render(record, current_votes)


def _ndjson_of(record: PollRecord, page: list[StoredBallot]) -> bytes:
    encode, decode_choice, has_tags = (
        msgspec.json.encode,
        record.codec.decode_choice,
        record.poll.network_tags,
    )
    return b"".join(
        encode(
            {
                "voter": _voter(ballot),
                "choice": decode_choice(ballot.code),
                "at": _time_text(ballot.at),
                "revision": ballot.revision,
                **({"tag": ballot.tag.hex() or None} if has_tags else {}),
            }
        )
        + b"\n"
        for ballot in page
    )


def _csv_of(record: PollRecord, page: list[StoredBallot]) -> bytes:
    labels = {option.code: option.label for option in record.poll.options}
    if record.poll.forecast:
        return _forecast_csv_of(record, page)
    known: dict[str, tuple[str, str]] = {}  # choices repeat: each is rendered once a page
    for code in {ballot.code for ballot in page}:
        label = "; ".join(labels[letter] for letter in code if letter in labels)
        known[code] = (_choice_cell(record.codec.decode_choice(code)), safe_cell(label))
    has_tags = record.poll.network_tags
    return _csv(
        [
            _voter_cell(ballot),
            *known[ballot.code],
            _time_text(ballot.at),
            ballot.revision,
            *_tag_cell(ballot, has_tags),
        ]
        for ballot in page
    )


def _columns_of(record: PollRecord) -> tuple[str, ...]:
    """Return the header. A forecast has one column for each outcome, in the poll's order."""
    outcomes = map(safe_cell, record.poll.codes)
    columns = ("voter", *outcomes, "at", "revision") if record.poll.forecast else _COLUMNS
    return (*columns, "tag") if record.poll.network_tags else columns


def _forecast_csv_of(record: PollRecord, page: list[StoredBallot]) -> bytes:
    has_tags = record.poll.network_tags
    return _csv(
        [
            _voter_cell(ballot),
            *(f"{value / MICRO:.6f}" for value in decode_forecast(ballot.code)),
            _time_text(ballot.at),
            ballot.revision,
            *_tag_cell(ballot, has_tags),
        ]
        for ballot in page
    )


def _tag_cell(ballot: StoredBallot, has_tags: bool) -> tuple[str, ...]:
    """Return the last column of a poll with network tags. It is empty for a vote without a tag."""
    return (safe_cell(ballot.tag.hex()),) if has_tags else ()


def _voter_cell(ballot: StoredBallot) -> str:
    """Return the voter with a letter before it, because ``606e108800862246`` is a number to a spreadsheet."""
    return f"v{_voter(ballot)}"


def _choice_cell(choice: Choice) -> str:
    """Return the choice as a cell. Lists are joined with spaces, which option ids do not contain."""
    if isinstance(choice, int):
        return str(choice)  # the value of a rating is a number
    return safe_cell(" ".join(choice) if isinstance(choice, list) else str(choice))


def safe_cell(text: str) -> str:
    """Return the text with an apostrophe before a formula and before what a spreadsheet would convert.

    So spreadsheets neither run it nor change it.
    """
    is_formula = text.startswith(_FORMULA_STARTS) or text.lstrip().startswith(_FORMULA_STARTS)
    return f"'{text}" if is_formula or _CONVERTED.fullmatch(text.strip()) else text


def _csv(rows: Iterable[Iterable[object]]) -> bytes:
    """Return the rows as CSV (RFC 4180) in UTF-8."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _voter(ballot: StoredBallot) -> str:
    return ballot.voter[:VOTER_BYTES].hex()
