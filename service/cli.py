"""The ``pollwire`` command: runs a service, and speaks to one as an operator or a voter.

Which service, and with which key: ``--url`` and ``--key`` say so, else the
data folder of a running ``pollwire up`` does. The folder's key goes to the
folder's service alone, never to another that ``--url`` names.

Exit codes: 0 done; 1 refused, with the problem's own sentence; 2 used in the
wrong way; 3 the service cannot be reached, or cannot answer just now.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import aclosing, contextmanager
from typing import IO, Any, Final, NamedTuple, TypeVar

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from service.client import Client, ClientError, Refused
from service.client.bars import bars, printable, window_told
from service.client.errors import Document, FolderUnusable
from service.client.folder import DataFolder
from service.client.poll_file import PollFileError, parse_poll
from service.client.showing import JsonShow, LineShow, Show, bar_show
from service.client.voting import vote_as_remembered
from service.settings import Settings, SettingsError, read_settings

PATIENCE_S: Final = 3.0
"""A store that restarts is back within two seconds; longer is too long to learn that nothing is there."""

REFUSED: Final = 1
MISUSED: Final = 2
UNREACHABLE: Final = 3

_FLAGS: Final = "pollwire.flags"

Told = TypeVar("Told")
Command = TypeVar("Command", bound=Callable[..., Any])  # Any: click fills in each command's own arguments


class Failure(click.ClickException):
    """Ends the command with one sentence on standard error; for programs, with the problem document."""

    def __init__(self, sentence: str, exit_code: int, document: Document | None = None) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code  # type: ignore[misc]  # click declares one for the class; ours differ
        self._document = {"detail": sentence} if document is None else document
        self._as_json = bool(_flags().get("as_json"))

    def show(self, file: IO[Any] | None = None) -> None:  # Any: click's own signature
        """Called by click where the command ends."""
        told = _compact(self._document) if self._as_json else f"Error: {printable(self.message)}"
        click.echo(told, file=file, err=True)


class Target(NamedTuple):
    """Who is spoken to, as whom, and how the answer is told."""

    url: str
    key: str | None
    folder: DataFolder
    as_json: bool

    def tell(self, document: Document, *sentences: str) -> None:
        """The answer on standard output: whole for programs, in a sentence a line for people."""
        click.echo(_compact(document) if self.as_json else "\n".join(map(printable, sentences)))


def _keep(context: click.Context, option: click.Parameter, value: object) -> None:
    """Keeps a flag wherever on the line it stands; the one nearest to the command's end wins."""
    if value is not None and value is not False and option.name is not None:
        context.meta.setdefault(_FLAGS, {})[option.name] = value


def _flags() -> dict[str, Any]:  # Any: each flag has its own type
    context = click.get_current_context(silent=True)
    return {} if context is None else context.meta.get(_FLAGS, {})


_DATA = click.option(
    "--data",
    metavar="DIR",
    expose_value=False,
    callback=_keep,
    help="The data folder (default: POLLWIRE_DATA_DIR, else .pollwire).",
)


def _speaks(command: Command) -> Command:
    """Gives a command the flags that say which service, with which key, and how to answer."""
    options = (
        click.option("--url", expose_value=False, callback=_keep, help="The service's address."),
        click.option("--key", expose_value=False, callback=_keep, help="An operator's API key."),
        _DATA,
        click.option(
            "--json", "as_json", is_flag=True, expose_value=False, callback=_keep, help="Answer in JSON."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _settings(**overrides: object) -> Settings:
    try:
        return read_settings(os.environ, **overrides)
    except SettingsError as error:
        raise Failure(str(error), MISUSED) from None


def _target() -> Target:
    flags = _flags()
    settings = _settings(data_dir=flags.get("data"))
    folder = DataFolder(settings.data_dir)
    own_url = folder.service_url()
    url = flags.get("url") or own_url
    if url is None:
        sentence = "start one with pollwire up, or name one with --url"
        raise Failure(f"No service runs from the data folder {folder.path}; {sentence}.", UNREACHABLE)
    url = url.rstrip("/")
    key = flags.get("key") or settings.admin_key or (folder.admin_key() if url == own_url else None)
    return Target(url, key, folder, bool(flags.get("as_json")))


def _ask(session: Callable[[Client], Coroutine[Any, Any, Told]], target: Target) -> Told:
    """What ``session`` brings back from the service; what goes wrong ends the command in one sentence."""

    async def run() -> Told:
        async with client:
            return await session(client)

    token = target.folder.voter_token(target.url)
    try:
        client = Client(target.url, key=target.key, token=token, patience_s=PATIENCE_S)
    except ValueError as error:
        raise Failure(str(error), MISUSED) from None
    try:
        return asyncio.run(run())
    except Refused as refusal:
        code = UNREACHABLE if refusal.is_passing else REFUSED
        raise Failure(refusal.detail, code, refusal.document) from None
    except FolderUnusable as error:
        raise Failure(str(error), MISUSED) from None
    except ClientError as error:
        raise Failure(str(error), UNREACHABLE) from None


def _compact(document: object) -> str:
    return json.dumps(document, ensure_ascii=False)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pollwire")
@_speaks
def main() -> None:
    """Real-time polls: run the service, run polls, vote, watch."""


@main.command()
@click.option("--host", metavar="ADDRESS", help="Where to listen (default: 127.0.0.1).")
@click.option("--port", metavar="PORT", help="0 takes a free one (default: 8000).")
@click.option("--workers", metavar="N", help="Processes that serve (default: 1).")
@click.option("--redis", "redis_url", metavar="URL", help="A store of yours instead of a private one.")
@click.option("--demo", is_flag=True, help="Make the demo polls.")
@_DATA
def up(host: str | None, port: str | None, workers: str | None, redis_url: str | None, demo: bool) -> None:
    """Start the service; Ctrl-C stops it."""
    # Here, not above: it brings the whole service along, and loading that takes longer than a vote.
    from service.supervisor import run_up  # noqa: PLC0415

    settings = _settings(
        host=host,
        port=port,
        workers=workers,
        redis_url=redis_url,
        demo=demo or None,
        data_dir=_flags().get("data"),
    )
    sys.exit(run_up(settings))


@main.group()
@_speaks
def polls() -> None:
    """Create polls and run them (operators)."""


@polls.command()
@click.argument("file", type=click.File(encoding="utf-8"))
@_speaks
def create(file: IO[str]) -> None:
    """Create the poll that FILE describes (TOML or JSON; - reads standard input)."""
    document, target = _read(file), _target()
    poll = _ask(lambda client: client.create_poll(document), target)
    target.tell(poll, _summary(poll), f"{target.url}/polls/{poll['id']}")


@polls.command("list")
@click.option("--phase", help="Only polls in this phase.")
@click.option("--kind", help="Only polls of this kind.")
@click.option("-q", help="Only polls whose question or id has this text.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@_speaks
def list_polls(phase: str | None, kind: str | None, q: str | None, limit: int) -> None:
    """List polls, the newest first."""
    target = _target()
    items, more = _ask(lambda client: client.polls(limit=limit, phase=phase, kind=kind, q=q), target)
    if target.as_json:
        click.echo(_compact({"items": items, "next": more}))
    elif sys.stdout.isatty():
        Console().print(_listing(items))
    else:
        for poll in items:
            click.echo("\t".join(printable(poll[name]) for name in ("id", "phase", "kind", "question")))
    if more is not None and not target.as_json:
        click.echo(f"There are more; --limit {limit * 2} shows some of them.", err=True)


@polls.command()
@click.argument("poll")
@_speaks
def show(poll: str) -> None:
    """Show a poll and its totals."""
    target = _target()
    document, results = _ask(lambda client: _poll_and_results(client, poll, target), target)
    if target.as_json:
        click.echo(_compact(document))
    else:
        Console().print(bars(document, results))


@polls.command()
@click.argument("poll")
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option("--version", type=int, help="Refuse if the poll is no longer at this version.")
@_speaks
def edit(poll: str, file: IO[str], version: int | None) -> None:
    """Change the fields that FILE names (TOML or JSON; - reads standard input)."""
    changes, target = _read(file), _target()
    after = _ask(lambda client: client.edit_poll(poll, changes, version=version), target)
    target.tell(after, f"{_summary(after)} Version {after['version']}.")


@polls.command("open")
@click.argument("poll")
@_speaks
def open_poll(poll: str) -> None:
    """Open a scheduled poll now."""
    _act(poll, "open")


@polls.command()
@click.argument("poll")
@_speaks
def close(poll: str) -> None:
    """Close an open poll now."""
    _act(poll, "close")


@polls.command()
@click.argument("poll")
@click.option("--closes-at", metavar="TIME", help="When it closes again (RFC 3339; default: by hand).")
@_speaks
def reopen(poll: str, closes_at: str | None) -> None:
    """Open a closed poll again."""
    _act(poll, "reopen", **({} if closes_at is None else {"closes_at": closes_at}))


@polls.command()
@click.argument("poll")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_speaks
def delete(poll: str, yes: bool) -> None:
    """Delete a poll and every vote in it, for good."""
    target = _target()
    if not yes:
        click.confirm(f"Delete {printable(poll)} and every vote in it?", abort=True, err=True)
    _ask(lambda client: client.delete_poll(poll), target)
    target.tell({"deleted": poll}, f"{poll} is deleted.")


@main.command()
@click.argument("poll")
@click.argument("choice", nargs=-1)
@click.option("--withdraw", is_flag=True, help="Take the standing vote back.")
@_speaks
def vote(poll: str, choice: tuple[str, ...], withdraw: bool) -> None:
    """Vote for CHOICE, an option's id (several ids in a poll that takes several)."""
    if withdraw == bool(choice):
        raise click.UsageError("Name at least one CHOICE, or take the vote back with --withdraw alone.")
    target = _target()
    if withdraw and target.folder.voter_token(target.url) is None:
        raise Failure(f"Nobody has voted at {target.url} from the data folder {target.folder.path}.", REFUSED)
    if withdraw:
        answer = _ask(lambda client: client.withdraw(poll), target)
    else:
        answer = _ask(lambda client: vote_as_remembered(client, target.folder, poll, choice), target)
    target.tell(answer, _vote_told(answer))


@main.command()
@click.argument("poll")
@click.option("--until-final", is_flag=True, help="End when voting has ended.")
@_speaks
def watch(poll: str, until_final: bool) -> None:
    """Watch the totals move; Ctrl-C ends it."""
    target = _target()
    try:
        with _showing(target) as show:
            _ask(lambda client: _follow(client, poll, target, show, until_final), target)
    except KeyboardInterrupt:
        sys.exit(0)


def _read(file: IO[str]) -> Document:
    try:
        return parse_poll(file.read(), file.name)
    except UnicodeDecodeError:
        raise Failure(f"{file.name} is not text in UTF-8.", MISUSED) from None
    except PollFileError as error:
        raise Failure(str(error), MISUSED) from None


def _act(poll: str, act: str, **body: object) -> None:
    target = _target()
    after = _ask(lambda client: client.act(poll, act, **body), target)
    target.tell(after, _summary(after))


def _summary(poll: Document) -> str:
    return f"{poll['id']} is {window_told(poll)}."


def _listing(items: list[Document]) -> Table:
    table = Table("id", "phase", "kind", "question", box=None, header_style="bold")
    for poll in items:
        table.add_row(*(Text(printable(poll[name])) for name in ("id", "phase", "kind", "question")))
    return table


async def _poll_and_results(client: Client, poll: str, target: Target) -> tuple[Document, Document]:
    """As an operator where there is a key, else as the public sees them."""
    if target.key is None:
        return await client.poll(poll), await client.results(poll)
    return await client.poll_for_operators(poll), await client.results_for_operators(poll)


def _vote_told(answer: Document) -> str:
    choice = answer.get("choice")
    named = ", ".join(choice) if isinstance(choice, list) else choice
    about = f" ({named})" if named else ""
    return f"{str(answer['status']).capitalize()}: your vote in {answer['poll']}{about}."


@contextmanager
def _showing(target: Target) -> Iterator[Show]:
    if target.as_json:
        yield JsonShow(click.echo)
    elif sys.stdout.isatty():
        with bar_show(Console()) as show:
            yield show
    else:
        yield LineShow(click.echo, lambda sentence: click.echo(sentence, err=True))


async def _follow(client: Client, poll_id: str, target: Target, show: Show, until_final: bool) -> None:
    poll, _ = await _poll_and_results(client, poll_id, target)
    async with aclosing(client.watch(poll_id, on_lost=show.lost)) as frames:
        async for results in frames:
            if {option["id"] for option in poll["options"]} != set(results.get("counts", ())):
                poll, _ = await _poll_and_results(client, poll_id, target)  # options were added or renamed
            show.results(poll, results)
            if until_final and results["final"]:
                return
