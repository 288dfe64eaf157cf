"""Votes as the voter whom a data folder remembers, and makes that voter when there is none yet."""

from __future__ import annotations

from collections.abc import Sequence

from service.client.client import Client
from service.client.errors import Document, FolderUnusable, Refused
from service.client.folder import DataFolder


async def vote_as_remembered(
    client: Client, folder: DataFolder, poll_id: str, options: Sequence[str]
) -> Document:
    """Votes for the ``options`` in the form that the poll's kind asks for; answers what stands now."""
    poll = await client.poll(poll_id)
    choice = list(options) if poll["kind"] == "multiple" or len(options) > 1 else options[0]
    if poll["identity"] == "open":
        return await client.vote(poll_id, choice)
    if client.token is None:
        await _become_voter(client, folder)
    try:
        return await client.vote(poll_id, choice)
    except Refused as refusal:
        if refusal.slug != "voter-token-invalid":
            raise
    # The token has expired, or the service has another secret: nobody can vote with it any more.
    await _become_voter(client, folder)
    return await client.vote(poll_id, choice)


async def _become_voter(client: Client, folder: DataFolder) -> None:
    """A new voter, remembered before anything is done in its name."""
    client.token = None
    issued = await client.issue_voter()
    try:
        folder.keep_voter_token(client.url, issued["token"])
    except OSError as error:
        raise FolderUnusable(folder.path, error.strerror or str(error)) from None
