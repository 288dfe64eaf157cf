"""Common parts of all commands: connection options, the target service, and the output of results and errors.

``--url`` and ``--key`` select the service and the API key. Their defaults come
from the data folder of a running ``pollwire up``. The folder's key is sent only to
the folder's service, never to another service in ``--url``.
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
"""A store restarts within two seconds. A longer time would only delay the error message."""

REFUSED: Final = 1
MISUSED: Final = 2
UNREACHABLE: Final = 3

_OPTIONS_KEY: Final = "pollwire.flags"

T = TypeVar("T")
Command = TypeVar("Command", bound=Callable[..., Any])  # Any: click fills in each command's own arguments


class Failure(click.ClickException):
    """Error that ends the command with a sentence on standard error, or with a document for ``--json``."""

    def __init__(self, sentence: str, exit_code: int, document: Document | None = None) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code  # type: ignore[misc]  # click declares one for the class; ours differ
        self._document = {"detail": sentence} if document is None else document
        self._as_json = bool(flags().get("as_json"))

    def show(self, file: IO[Any] | None = None) -> None:  # Any: click's own signature
        """Print the error. Called by click when the command ends."""
        text = compact(self._document) if self._as_json else f"Error: {printable(self.message)}"
        click.echo(text, file=file, err=True)


class Target(NamedTuple):
    """Target of a command: the service, the credentials, and the output format."""

    url: str
    key: str | None
    folder: CliDataFolder
    as_json: bool

    def print_result(self, document: Document, *sentences: str) -> None:
        """Print the document for ``--json``, else the sentences, one a line."""
        click.echo(compact(document) if self.as_json else "\n".join(map(printable, sentences)))


def _keep(context: click.Context, option: click.Parameter, value: object) -> None:
    """Store a flag, at any position of the command line. The last group or command with it wins."""
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
    """Add the options for the service, the API key, the data folder and the output format to a command."""
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


def run_client(session: Callable[[Client], Coroutine[Any, Any, T]], target: Target) -> T:
    """Run ``session`` with a client and return its result. Client errors become ``Failure``."""

    async def run() -> T:
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
