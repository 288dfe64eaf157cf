"""What a reader says on a socket, and what is done about it, whatever carries the socket.

Whatever is said wrong is answered by a ``problem`` message, and the socket
lives on; what the protocol itself forbids, the carrier closes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from pollwire_server.domain.errors import InvalidPoll, MalformedBody, PollwireError
from pollwire_server.live.stream_session import StreamSession
from pollwire_server.problem_details import to_pollwire_error

MOST_POLLS: Final = 100
"""Polls that one socket may watch."""

SendProblem = Callable[[PollwireError, str | None], Awaitable[None]]
"""Answers with a problem, about a poll if one is named."""


class ClientMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A reader's message: what it sets is done, the ticket first."""

    watch: list[str] | UnsetType = UNSET
    unwatch: list[str] | UnsetType = UNSET
    ticket: str | UnsetType = UNSET


_read_message = msgspec.json.Decoder(ClientMessage).decode
_NOTHING: Final = ClientMessage()


class ClientMessageHandler:
    """Hears a reader on one stream; ``only``: a socket of this one poll."""

    __slots__ = ("_only", "_stream", "_tell")

    def __init__(
        self,
        stream: StreamSession[Any],  # of any kind of subscriber
        tell: SendProblem,
        *,
        only: str | None,
    ) -> None:
        self._stream = stream
        self._tell = tell
        self._only = only

    async def hear_all(self, messages: Iterable[str | None]) -> None:
        """Does what the messages say, in order."""
        for text in messages:
            await self.handle(text)

    async def handle(self, text: str | None) -> None:
        """Does what a message says; ``None`` is a binary one. Raises only what telling raises."""
        try:
            await self._do(_said(text))
        except OSError:  # of telling: the reader has left, as ASGI says it (specification, 2.4)
            raise
        except Exception as failure:
            await self._tell(to_pollwire_error(failure), None)

    async def _do(self, said: ClientMessage) -> None:
        if self._only is not None and (said.watch is not UNSET or said.unwatch is not UNSET):
            raise MalformedBody('This socket is one poll\'s; it takes {"ticket": "..."} alone.')
        if said.ticket is not UNSET:
            self._stream.authenticate(said.ticket)
            await self._watch(sorted(self._stream.polls))
        if said.unwatch is not UNSET:
            for poll_id in said.unwatch:
                self._stream.unwatch(poll_id)
        if said.watch is not UNSET:
            wanted = list(dict.fromkeys(said.watch))
            if len(self._stream.polls.union(wanted)) > MOST_POLLS:
                raise InvalidPoll("watch", f"One socket watches at most {MOST_POLLS} polls.")
            await self._watch(wanted)

    async def _watch(self, polls: Sequence[str]) -> None:
        """All at once, so that their reads share a round trip."""
        await asyncio.gather(*(self._watch_one(poll_id) for poll_id in polls))

    async def _watch_one(self, poll_id: str) -> None:
        try:
            admission = await self._stream.admit(poll_id)
        except PollwireError as error:
            await self._tell(error, poll_id)
        else:
            self._stream.watch(poll_id, admission.reader)


def _said(text: str | None) -> ClientMessage:
    """The message, which must be a JSON object with at least one of the fields."""
    if text is None:
        raise MalformedBody("Messages are text, not binary.")
    try:
        said = _read_message(text)
    except msgspec.DecodeError as error:
        raise MalformedBody(f"The message is not one of this socket's: {error}.") from None
    if said == _NOTHING:
        raise MalformedBody("A message is a JSON object with watch, unwatch or ticket.")
    return said
