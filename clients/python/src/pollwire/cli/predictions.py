"""Commands for predictions (resolve, unresolve) and for the leaderboards of series."""

from __future__ import annotations

import click

from pollwire.cli.context import REFUSED, Failure, connection_options, run_client, target_of_flags
from pollwire.cli.output import print_list
from pollwire.cli.progress import bar_of
from pollwire.errors import Document

_ORDERS = ("accuracy", "peer", "peer_average", "baseline", "brier")
_BIN_COLUMNS = ("confidence", "forecasts", "mean", "came true", "95 % interval")
_COLUMNS = ("rank", "name", "forecasts", "accuracy", "peer", "brier")


@click.command()
@click.argument("poll")
@click.argument("outcome", required=False)
@click.option("--annul", is_flag=True, help="Void the prediction; no voter is scored.")
@click.option("--effective-at", metavar="TIME", help="Score the choices of this time (RFC 3339).")
@click.option("--note", metavar="TEXT", help="Note shown with the outcome.")
@click.option("--source", metavar="URL", help="Page with evidence of the outcome (https).")
@click.option("--correct", is_flag=True, help="Replace the outcome of a resolved prediction.")
@connection_options
def resolve(
    poll: str,
    outcome: str | None,
    *,
    annul: bool,
    effective_at: str | None,
    note: str | None,
    source: str | None,
    correct: bool,
) -> None:
    """Resolve a closed prediction to OUTCOME and score all voters."""
    if annul == (outcome is not None):
        raise click.UsageError("Name the OUTCOME, or annul the prediction with --annul alone.")
    target = target_of_flags()
    with bar_of("voters scored") as on_progress:
        after = run_client(
            lambda client: client.resolve(
                poll,
                outcome,
                effective_at=effective_at,
                note=note,
                source=source,
                correct=correct,
                on_progress=on_progress,
            ),
            target,
        )
    target.print_result(after, f"{poll} is annulled." if annul else f"{poll} is resolved: {outcome}.")


@click.command()
@click.argument("poll")
@connection_options
def unresolve(poll: str) -> None:
    """Undo the resolution of a prediction and its scores."""
    target = target_of_flags()
    with bar_of("voters unscored") as on_progress:
        after = run_client(lambda client: client.unresolve(poll, on_progress=on_progress), target)
    target.print_result(after, f"{poll} is {after['phase']} again.")


@click.command()
@click.argument("poll")
@connection_options
def mine(poll: str) -> None:
    """Show your own vote, and the scores of a resolved prediction."""
    target = target_of_flags()
    if target.folder.voter_token(target.url) is None:
        raise Failure(f"No vote was cast at {target.url} from the data folder {target.folder.path}.", REFUSED)
    own = run_client(lambda client: client.my_vote(poll), target)
    target.print_result(own, *_own_vote(own))


@click.group()
@connection_options
def series() -> None:
    """Show series of predictions, and change their settings."""


@series.command()
@click.argument("series_id", metavar="SERIES")
@connection_options
def show(series_id: str) -> None:
    """Show a series: settings, polls and the crowd's scores."""
    target = target_of_flags()
    about = run_client(lambda client: client.series(series_id), target)
    target.print_result(about, *_summary(about))


@series.command()
@click.argument("series_id", metavar="SERIES")
@click.option("--mine", is_flag=True, help="Show your own calibration.")
@connection_options
def calibration(series_id: str, *, mine: bool) -> None:
    """Show how often forecasts of some confidence came true."""
    target = target_of_flags()
    if mine:
        bins = run_client(lambda client: client.own_series_page(series_id), target)["calibration"]
    else:
        bins = run_client(lambda client: client.calibration(series_id), target)["crowd"]
    print_list(target, bins, None, cells=_bin_cells, columns=_BIN_COLUMNS)


@series.command(name="set")
@click.argument("series_id", metavar="SERIES")
@click.option("--title", metavar="TEXT", help="Title; an empty one removes it.")
@click.option("--rank-by", type=click.Choice(_ORDERS), help="Score that orders the leaderboard.")
@click.option("--minimum", type=click.IntRange(1, 10_000), help="Scored forecasts that a rank needs.")
@connection_options
def set_series(series_id: str, *, title: str | None, rank_by: str | None, minimum: int | None) -> None:
    """Change settings of a series, or create a series."""
    settings: dict[str, str | int | None] = {"rank_by": rank_by, "minimum": minimum, "title": title}
    settings = {name: value for name, value in settings.items() if value is not None}
    if not settings:
        raise click.UsageError("Name a setting: --title, --rank-by or --minimum.")
    if title == "":
        settings["title"] = None
    target = target_of_flags()
    with bar_of("rows ordered") as on_progress:
        about = run_client(
            lambda client: client.edit_series(series_id, on_progress=on_progress, **settings), target
        )
    target.print_result(about, *_summary(about))


@series.command()
@click.argument("series_id", metavar="SERIES")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True)
@connection_options
def leaderboard(series_id: str, limit: int) -> None:
    """Show the leaderboard of a series."""
    target = target_of_flags()
    items, more = run_client(lambda client: client.leaderboard(series_id, limit=limit), target)
    print_list(target, items, more, cells=_cells, columns=_COLUMNS)


def _own_vote(own: Document) -> list[str]:
    lines = [f"{own['poll']}: {_choice(own['choice'])}, since {own['at']}"]
    if own.get("correct") is not None:
        lines.append("right" if own["correct"] else "wrong")
    score = own.get("score")
    if score is None:
        return lines
    lines.append(f"Brier {score['brier']:.4f}, baseline {score['baseline']:+.2f}")
    if "crowd" in score:
        crowd = score["crowd"]
        lines[-1] += f", peer {score['peer']:+.2f}"
        lines.append(f"crowd: Brier {crowd['brier']:.4f}, baseline {crowd['baseline']:+.2f}")
    if score.get("better_than") is not None:
        lines.append(f"better than {score['better_than']:.0%} of the forecasts")
    return lines


def _choice(choice: object) -> str:
    if isinstance(choice, dict):
        return ", ".join(f"{name} {probability:.1%}" for name, probability in choice.items())
    return ", ".join(map(str, choice)) if isinstance(choice, list) else str(choice)


def _summary(about: Document) -> tuple[str, ...]:
    numbers = ", ".join(f"{number} {phase}" for phase, number in about["polls"].items())
    title = f"{about['series']}: {about['title']}" if about["title"] else about["series"]
    order = f"ranked by {about['rank_by']}, from {about['minimum']} scored"
    return title, f"{order}, version {about['version']}", f"polls: {numbers}"


def _bin_cells(found: Document) -> tuple[object, ...]:
    confidence = f"{found['from']:.0%} to {found['to']:.0%}"
    interval = f"{found['low']:.0%} to {found['high']:.0%}"
    return confidence, found["n"], f"{found['mean']:.1%}", f"{found['rate']:.1%}", interval


def _cells(row: Document) -> tuple[object, ...]:
    accuracy = "" if row["accuracy"] is None else f"{row['accuracy']:.1%}"
    peer = "" if row["peer"] is None else f"{row['peer']:+.2f}"
    brier = "" if row["brier"] is None else f"{row['brier']:.4f}"
    return row["rank"] or "-", row["name"] or "-", row["forecasts"], accuracy, peer, brier
