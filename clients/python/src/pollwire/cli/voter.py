"""Votes as the voter whom a data folder remembers, and makes that voter when there is none yet."""

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
    """Votes for the ``options`` in the form that the poll's kind asks for; answers what stands now."""
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
    # The token has expired, or the service has another secret: nobody can vote with it any more.
    await _become_voter(client, folder)
    return await client.vote(poll_id, choice)


def choice_of(kind: str, words: Sequence[str]) -> object:
    """The words of a command line as a choice of the kind; what does not fit is the service's to refuse."""
    if kind in _LISTS or len(words) > 1:
        return list(words)
    if kind == "rating" and _WHOLE.fullmatch(words[0]):
        return int(words[0])
    return words[0]


async def _become_voter(client: Client, folder: CliDataFolder) -> None:
    """A new voter, remembered before anything is done in its name."""
    client.token = None
    issued = await client.issue_voter()
    try:
        folder.keep_voter_token(client.url, issued["token"])
    except OSError as error:
        raise StorageError(folder.path, error.strerror or str(error)) from None
