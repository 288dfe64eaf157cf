"""Text views of a poll and its totals: a bar chart for a terminal, or one line for logs and pipes.

The texts of a poll come from a service that may not be trusted. So they reach
the terminal only through ``printable``, which makes escape sequences harmless.
"""

from __future__ import annotations

import re
from typing import Final

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pollwire.errors import Document
from pollwire.terminal.forecast_bars import ForecastBar, band_text, mean_text
from pollwire.terminal.runoff import describe_rounds
from pollwire.terminal.shares import shares_of

_UNPRINTED: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters (C0, C1), line and paragraph separators, text direction controls, and surrogates."""

_PHASE_STYLE: Final = {"open": "bold green", "scheduled": "bold yellow"}


def printable(text: object) -> str:
    """Replace characters that control the terminal or change the direction of the text."""
    return _UNPRINTED.sub("\ufffd", str(text))


def bars(poll: Document, results: Document, note: str | None = None) -> RenderableType:
    """Draw the question, the state, a bar for each option, and a summary.

    ``note`` is shown below, for example that the connection is lost.
    """
    parts: list[RenderableType] = [Text(printable(poll["question"]), style="bold"), _state(poll, results)]
    if results.get("hidden"):
        parts.extend(_label_with_id(option["id"], option["label"]) for option in poll.get("options") or ())
        parts.append(Text("The totals are hidden from this reader for now.", style="italic"))
    else:
        parts.append(_table(poll, results))
        parts.append(Text(_summary(poll, results), style="dim"))
        parts.extend(Text(printable(sentence)) for sentence in describe_rounds(poll, results))
    if note is not None:
        parts.append(Text(note, style="yellow"))
    return Group(*parts)


def line(poll: Document, results: Document) -> str:
    """Format the results as one line, for logs and pipes."""
    head = f"{results['as_of']} {results['phase']}"
    if results.get("hidden"):
        return f"{head} totals hidden"
    counts = results["counts"]
    if results.get("forecast"):
        means = (
            f"{printable(name)} {mean_text(results, name)} ({band_text(results, name)})" for name in counts
        )
        return f"{head} {_summary(poll, results)}: {', '.join(means)}"
    shares = _shares(counts, results["voters"])
    summaries = (f"{printable(option)} {count} ({shares[option]})" for option, count in counts.items())
    return f"{head} {_summary(poll, results)}: {', '.join(summaries)}"


def options_match(poll: Document, results: Document) -> bool:
    """Return True if the poll has the options of the results. Options may be added after it was read."""
    scale, counts = poll.get("scale"), results.get("counts", {})
    if scale:
        return set(counts) <= {str(value) for value in range(scale["min"], scale["max"] + 1)}
    return {option["id"] for option in poll["options"]} == set(counts)


def describe_window(poll: Document) -> str:
    """Describe the phase and its times, such as ``open until 2026-11-25 12:00 UTC``."""
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
    """Format ``2026-11-25T12:00:00.000Z`` as ``2026-11-25 12:00 UTC``."""
    text = printable(instant)
    return f"{text[:10]} {text[11:16]} UTC"


def format_voters(voters: int) -> str:
    """Format a number of voters: ``1 voter``, ``1,234 voters``."""
    return f"{voters:,} voter{'' if voters == 1 else 's'}"


def _summary(poll: Document, results: Document) -> str:
    """Format the number of voters and the mean. For a ranked poll, note that counts are first preferences."""
    summary = format_voters(results["voters"])
    if results.get("mean") is not None:
        summary += f", mean {results['mean']:.2f}"
    return f"{summary}, first preferences" if poll.get("kind") == "ranked" else summary


def _state(poll: Document, results: Document) -> Text:
    """Format the phase of the results, which are newer than the poll."""
    phase = str(results["phase"])
    text = describe_window(poll | {"phase": phase, "closes_at": results.get("closes_at")})
    return Text(text, style=_PHASE_STYLE.get(phase, "bold red"))


def _table(poll: Document, results: Document) -> Table:
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(max_width=40, overflow="ellipsis", no_wrap=True)
    table.add_column(ratio=1)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    counts = results["counts"]
    labels = {option["id"]: option["label"] for option in poll.get("options") or ()}
    if results.get("forecast"):
        return _with_forecast_rows(table, labels, results)
    shares = _shares(counts, results["voters"])
    leading = _leading(poll, results)
    for option, count in counts.items():
        style = "bold cyan" if option in leading else "cyan"
        bar = ProgressBar(
            total=max(results["voters"], 1), completed=count, complete_style=style, finished_style=style
        )
        table.add_row(_label_with_id(option, labels.get(option, option)), bar, f"{count:,}", shares[option])
    return table


def _with_forecast_rows(table: Table, labels: dict[str, str], results: Document) -> Table:
    most = max(results["forecast"].values())
    for outcome, mean in results["forecast"].items():
        style = "bold cyan" if mean == most else "cyan"
        bar = ForecastBar(mean, results["spread"][outcome], style)
        name = _label_with_id(outcome, labels.get(outcome, outcome))
        table.add_row(name, bar, band_text(results, outcome), mean_text(results, outcome))
    return table


def _leading(poll: Document, results: Document) -> set[str]:
    """Return the options that lead by the rule of the poll's kind.

    Instant runoff decides a ranked poll. The result of a rating is its mean, so no value leads.
    """
    kind = poll.get("kind")
    if kind == "ranked" or "leading" in results:
        return set(results.get("leading", ()))
    values = {} if kind == "rating" else results["counts"]
    highest = max(values.values(), default=0)
    return {option for option, value in values.items() if value == highest and value}


def _label_with_id(option: str, label: str) -> Text:
    """Format the label of an option, with the id that a vote uses if it differs from the label."""
    text = Text(printable(label))
    if label.casefold() != option:
        text.append(f" {printable(option)}", style="dim")
    return text


def _shares(counts: dict[str, int], voters: int) -> dict[str, str]:
    """Format each option's share of the voters. With several choices a voter, the sum exceeds 100 %."""
    shares = shares_of(counts, voters, digits=1)
    return {option: f"{shares[option]:.1f} %" if voters else "-" for option in counts}
