"""Votes as the voter saved in a data folder. Creates that voter if there is none yet."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import click

from pollwire.cli.data_folder import CliDataFolder
from pollwire.client import Client
from pollwire.errors import ApiError, Document, StorageError

_LISTS: Final = ("multiple", "ranked")
_PROBABILITY: Final = re.compile(
    r"(?P<value>\d*\.?\d+)(?:(?P<percent>%)|:(?P<against>\d*\.?\d+)|\s+in\s+(?P<of>\d+))?", re.ASCII
)
_WHOLE: Final = re.compile(r"-?[0-9]{1,9}", re.ASCII)


async def vote_as_saved_voter(
    client: Client, folder: CliDataFolder, poll_id: str, options: Sequence[str]
) -> Document:
    """Vote for ``options`` in the form of the poll's kind. Return the current vote."""
    poll = await client.poll(poll_id)
    if poll.get("forecast"):
        choice: object = forecast_of(options, [option["id"] for option in poll["options"]])
    else:
        choice = parse_choice(poll["kind"], options)
    if poll["identity"] == "open":
        return await client.vote(poll_id, choice)
    if client.token is None:
        await _become_voter(client, folder)
    try:
        return await client.vote(poll_id, choice)
    except ApiError as refusal:
        if refusal.slug != "voter-token-invalid":
            raise
    # The token has expired, or the service has another secret. It cannot become valid again.
    await _become_voter(client, folder)
    return await client.vote(poll_id, choice)


def parse_choice(kind: str, words: Sequence[str]) -> object:
    """Convert command line arguments to a choice. The service rejects a choice that does not fit the kind."""
    if kind in _LISTS or len(words) > 1:
        return list(words)
    if kind == "rating" and _WHOLE.fullmatch(words[0]):
        return int(words[0])
    return words[0]


def forecast_of(words: Sequence[str], outcomes: Sequence[str]) -> dict[str, float]:
    """Convert ``OUTCOME=PROBABILITY`` arguments to a forecast. One missing outcome gets the rest.

    A probability is ``70%``, ``.7`` or ``70``, odds such as ``7:3``, or ``1 in 200``.
    """
    forecast: dict[str, float] = {}
    for word in words:
        name, separator, text = word.partition("=")
        if not separator or name in forecast:
            raise click.UsageError(f"Give each outcome one probability, such as {outcomes[0]}=70%.")
        forecast[name] = _probability_of(text)
    missing = [name for name in outcomes if name not in forecast]
    if len(missing) == 1:
        forecast[missing[0]] = max(round(1 - sum(forecast.values()), 9), 0.0)
    return forecast


def _probability_of(text: str) -> float:
    found = _PROBABILITY.fullmatch(text.strip())
    if found is None:
        raise click.UsageError(f"{text!r} is not a probability. Write 70%, .7, 7:3 or 1 in 200.")
    value, percent, against, of = (found[name] for name in ("value", "percent", "against", "of"))
    number = float(value)
    if against is not None:
        return number / max(number + float(against), 1e-9)
    if of is not None:
        return number / max(float(of), 1e-9)
    return number / 100 if percent or number > 1 else number


async def _become_voter(client: Client, folder: CliDataFolder) -> None:
    """Create a voter, and save the token before it is used."""
    client.token = None
    issued = await client.issue_voter()
    try:
        folder.keep_voter_token(client.url, issued["token"])
    except OSError as error:
        raise StorageError(folder.path, error.strerror or str(error)) from None
