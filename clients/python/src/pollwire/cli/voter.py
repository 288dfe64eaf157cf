"""Votes as the voter saved in a data folder. Creates that voter if there is none yet."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from pollwire.cli.data_folder import CliDataFolder
from pollwire.client import Client
from pollwire.errors import ApiError, Document, StorageError

_LISTS: Final = ("multiple", "ranked")
_WHOLE: Final = re.compile(r"-?[0-9]{1,9}", re.ASCII)


async def vote_as_saved_voter(
    client: Client, folder: CliDataFolder, poll_id: str, options: Sequence[str]
) -> Document:
    """Vote for ``options`` in the form of the poll's kind. Return the current vote."""
    poll = await client.poll(poll_id)
    choice = choice_of(poll["kind"], options)
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


def choice_of(kind: str, words: Sequence[str]) -> object:
    """Convert command line arguments to a choice. The service rejects a choice that does not fit the kind."""
    if kind in _LISTS or len(words) > 1:
        return list(words)
    if kind == "rating" and _WHOLE.fullmatch(words[0]):
        return int(words[0])
    return words[0]


async def _become_voter(client: Client, folder: CliDataFolder) -> None:
    """Create a voter, and save the token before it is used."""
    client.token = None
    issued = await client.issue_voter()
    try:
        folder.keep_voter_token(client.url, issued["token"])
    except OSError as error:
        raise StorageError(folder.path, error.strerror or str(error)) from None
