"""What every command needs: which service is spoken to, as whom, and how its answer or its refusal is told.

Which service, and with which key: ``--url`` and ``--key`` say so, else the
data folder of a running ``pollwire up`` does. The folder's key goes to the
folder's service alone, never to another that ``--url`` names.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Coroutine
from typing import IO, Any, Final, NamedTuple, TypeVar

import click

from pollwire import ApiError, Client, ClientError
from pollwire.cli.data_folder import CliDataFolder
from pollwire.cli.environment import EnvironmentSettings, EnvironmentSettingsError, read_environment
from pollwire.errors import Document, StorageError
from pollwire.terminal.charts import printable

RETRY_FOR_S: Final = 3.0
"""A store that restarts is back within two seconds; longer is too long to learn that nothing is there."""

REFUSED: Final = 1
MISUSED: Final = 2
UNREACHABLE: Final = 3

_OPTIONS_KEY: Final = "pollwire.flags"

Told = TypeVar("Told")
Command = TypeVar("Command", bound=Callable[..., Any])  # Any: click fills in each command's own arguments


class Failure(click.ClickException):
    """Ends the command with one sentence on standard error; for programs, with the problem document."""

    def __init__(self, sentence: str, exit_code: int, document: Document | None = None) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code  # type: ignore[misc]  # click declares one for the class; ours differ
        self._document = {"detail": sentence} if document is None else document
        self._as_json = bool(flags().get("as_json"))

    def show(self, file: IO[Any] | None = None) -> None:  # Any: click's own signature
        """Called by click where the command ends."""
        told = compact(self._document) if self._as_json else f"Error: {printable(self.message)}"
        click.echo(told, file=file, err=True)


class Target(NamedTuple):
    """Who is spoken to, as whom, and how the answer is told."""

    url: str
    key: str | None
    folder: CliDataFolder
    as_json: bool

    def print_result(self, document: Document, *sentences: str) -> None:
        """The answer on standard output: whole for programs, in a sentence a line for people."""
        click.echo(compact(document) if self.as_json else "\n".join(map(printable, sentences)))


def _keep(context: click.Context, option: click.Parameter, value: object) -> None:
    """Keeps a flag wherever on the line it stands; the one nearest to the command's end wins."""
    if value is not None and value is not False and option.name is not None:
        context.meta.setdefault(_OPTIONS_KEY, {})[option.name] = value


def flags() -> dict[str, Any]:  # Any: each flag has its own type
    context = click.get_current_context(silent=True)
    return {} if context is None else context.meta.get(_OPTIONS_KEY, {})


data_option = click.option(
    "--data",
    metavar="DIR",
    expose_value=False,
    callback=_keep,
    help="The data folder (default: POLLWIRE_DATA_DIR, else .pollwire).",
)


def connection_options(command: Command) -> Command:
    """Gives a command the flags that say which service, with which key, and how to answer."""
    options = (
        click.option("--url", expose_value=False, callback=_keep, help="The service's address."),
        click.option("--key", expose_value=False, callback=_keep, help="An operator's API key."),
        data_option,
        click.option(
            "--json", "as_json", is_flag=True, expose_value=False, callback=_keep, help="Answer in JSON."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def environment_settings(data_dir: str | None) -> EnvironmentSettings:
    """Return the command line's settings from the environment; ``data_dir`` overrides the variable."""
    try:
        return read_environment(os.environ, data_dir)
    except EnvironmentSettingsError as error:
        raise Failure(str(error), MISUSED) from None


def target_of_flags() -> Target:
    given = flags()
    settings = environment_settings(given.get("data"))
    folder = CliDataFolder(settings.data_dir)
    own_url = folder.service_url()
    url = given.get("url") or own_url
    if url is None:
        sentence = "start one with pollwire up, or name one with --url"
        raise Failure(f"No service runs from the data folder {folder.path}; {sentence}.", UNREACHABLE)
    url = url.rstrip("/")
    key = given.get("key") or settings.admin_key or (folder.admin_key() if url == own_url else None)
    return Target(url, key, folder, bool(given.get("as_json")))


def run_client(session: Callable[[Client], Coroutine[Any, Any, Told]], target: Target) -> Told:
    """What ``session`` brings back from the service; what goes wrong ends the command in one sentence."""

    async def run() -> Told:
        async with client:
            return await session(client)

    token = target.folder.voter_token(target.url)
    try:
        client = Client(target.url, key=target.key, token=token, patience_s=RETRY_FOR_S)
    except ValueError as error:
        raise Failure(str(error), MISUSED) from None
    try:
        return asyncio.run(run())
    except ApiError as refusal:
        code = UNREACHABLE if refusal.is_transient else REFUSED
        raise Failure(refusal.detail, code, refusal.document) from None
    except StorageError as error:
        raise Failure(str(error), MISUSED) from None
    except ClientError as error:
        raise Failure(str(error), UNREACHABLE) from None


def compact(document: object) -> str:
    return json.dumps(document, ensure_ascii=False)
