"""A poll and its totals for people at a terminal: bars where it can draw, one line where it cannot.

Texts of a poll come from whoever runs the service that was asked, so they
reach the terminal only through ``printable``: an escape sequence in a label
must not be able to do anything there.
"""

from __future__ import annotations

import re
from typing import Final

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pollwire.errors import Document
from pollwire.terminal.runoff import rounds_told

_UNPRINTED: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Controls (C0, C1), line breaks, changes of direction, and halves of characters."""

_PHASE_STYLE: Final = {"open": "bold green", "scheduled": "bold yellow"}


def printable(text: object) -> str:
    """The text without anything that moves the cursor, rings or reorders what follows."""
    return _UNPRINTED.sub("\ufffd", str(text))


def bars(poll: Document, results: Document, note: str | None = None) -> RenderableType:
    """The question, a bar an option, who voted, what it comes to; ``note`` (a lost connection, say) below."""
    parts: list[RenderableType] = [Text(printable(poll["question"]), style="bold"), _state(poll, results)]
    if results.get("hidden"):
        parts.extend(_named(option["id"], option["label"]) for option in poll.get("options") or ())
        parts.append(Text("The totals are hidden from this reader for now.", style="italic"))
    else:
        parts.append(_table(poll, results))
        parts.append(Text(_summary(poll, results), style="dim"))
        parts.extend(Text(printable(sentence)) for sentence in rounds_told(poll, results))
    if note is not None:
        parts.append(Text(note, style="yellow"))
    return Group(*parts)


def line(poll: Document, results: Document) -> str:
    """The same in one line, for logs and pipes."""
    head = f"{results['as_of']} {results['phase']}"
    if results.get("hidden"):
        return f"{head} totals hidden"
    counts = results["counts"]
    shares = _shares(counts, results["voters"])
    told = (f"{printable(option)} {count} ({shares[option]})" for option, count in counts.items())
    return f"{head} {_summary(poll, results)}: {', '.join(told)}"


def options_match(poll: Document, results: Document) -> bool:
    """Whether the poll as it was read names all that the results count: options may have come since."""
    scale, counts = poll.get("scale"), results.get("counts", {})
    if scale:
        return set(counts) <= {str(value) for value in range(scale["min"], scale["max"] + 1)}
    return {option["id"] for option in poll["options"]} == set(counts)


def describe_window(poll: Document) -> str:
    """``open until 2026-11-25 12:00 UTC`` and the like."""
    opens, closes = poll.get("opens_at"), poll.get("closes_at")
    match poll["phase"]:
        case "scheduled":
            until = f" to {minute_of(closes)}" if closes else ""
            return f"scheduled, {minute_of(opens)}{until}"
        case "open":
            return f"open until {minute_of(closes)}" if closes else "open until it is closed by hand"
        case "closed":
            return f"closed since {minute_of(closes)}" if closes else "closed"
        case other:
            return printable(other)


def minute_of(instant: object) -> str:
    """``2026-11-25T12:00:00.000Z`` as people read it."""
    text = printable(instant)
    return f"{text[:10]} {text[11:16]} UTC"


def voters_told(voters: int) -> str:
    """``1 voter``, ``1,234 voters``."""
    return f"{voters:,} voter{'' if voters == 1 else 's'}"


def _summary(poll: Document, results: Document) -> str:
    """How many voted, and their mean; of a ranked poll, that the counts are but the first preferences."""
    told = voters_told(results["voters"])
    if results.get("mean") is not None:
        told += f", mean {results['mean']:.2f}"
    return f"{told}, first preferences" if poll.get("kind") == "ranked" else told


def _state(poll: Document, results: Document) -> Text:
    """The phase as the results have it: they are newer than the poll that was read once."""
    phase = str(results["phase"])
    told = describe_window(poll | {"phase": phase, "closes_at": results.get("closes_at")})
    return Text(told, style=_PHASE_STYLE.get(phase, "bold red"))


def _table(poll: Document, results: Document) -> Table:
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(max_width=40, overflow="ellipsis", no_wrap=True)
    table.add_column(ratio=1)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    counts = results["counts"]
    labels = {option["id"]: option["label"] for option in poll.get("options") or ()}
    shares = _shares(counts, results["voters"])
    most = max(counts.values(), default=0)
    for option, count in counts.items():
        style = "cyan" if count < most or not count else "bold cyan"
        bar = ProgressBar(
            total=max(results["voters"], 1), completed=count, complete_style=style, finished_style=style
        )
        table.add_row(_named(option, labels.get(option, option)), bar, f"{count:,}", shares[option])
    return table


def _named(option: str, label: str) -> Text:
    """An option as people know it, and the id that a vote names, where that is another word."""
    text = Text(printable(label))
    if label.casefold() != option:
        text.append(f" {printable(option)}", style="dim")
    return text


def _shares(counts: dict[str, int], voters: int) -> dict[str, str]:
    """Each option's share of the voters (with several choices a voter the shares sum to more than 100 %)."""
    return {option: f"{100 * count / voters:.1f} %" if voters else "-" for option, count in counts.items()}
