"""Messages that clients send on WebSockets (``watch``, ``unwatch``, ``ticket``), on both paths.

An invalid message is answered with a ``problem`` message, and the socket stays open. Violations of the
WebSocket protocol close the socket. The transport detects them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from pollwire_server.domain.decoding import json_decoder
from pollwire_server.domain.errors import InvalidPoll, MalformedBody, PollwireError
from pollwire_server.live.stream_session import StreamSession
from pollwire_server.problem_details import to_pollwire_error

MAX_POLLS: Final = 100
"""Polls that one socket may watch."""

SendProblem = Callable[[PollwireError, str | None], Awaitable[None]]
"""Sends a ``problem`` message, about a poll if its id is given."""


class ClientMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Message of a client. The fields are applied in the order ticket, unwatch, watch."""

    watch: list[str] | UnsetType = UNSET
    unwatch: list[str] | UnsetType = UNSET
    ticket: str | UnsetType = UNSET


_decode_message = json_decoder(ClientMessage).decode
_EMPTY: Final = ClientMessage()


class ClientMessageHandler:
    """Applies the messages of one client to its stream. ``only_poll``: the poll of a single-poll socket."""

    __slots__ = ("_count_refusal", "_delay_s", "_only_poll", "_send_problem", "_stream")

    def __init__(
        self,
        stream: StreamSession[Any],  # of any kind of subscriber
        send_problem: SendProblem,
        *,
        only_poll: str | None,
        count_refusal: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._stream = stream
        self._send_problem = send_problem
        self._only_poll = only_poll
        self._count_refusal = count_refusal
        self._delay_s = 0.0

    async def handle_all(self, messages: Iterable[str | None]) -> None:
        """Apply several messages, in order."""
        for text in messages:
            await self.handle(text)

    async def handle(self, text: str | None) -> None:
        """Apply one message. ``None`` is a binary message. Raises only what ``send_problem`` raises.

        Returns later if too many messages and polls of the client's network were refused.
        """
        try:
            await self._apply(_decode(text))
        except OSError:  # of send_problem: the client has disconnected (ASGI specification, section 2.4)
            raise
        except Exception as failure:
            self._delay_s = self._count_refusal()
            await self._send_problem(to_pollwire_error(failure), None)
        if self._delay_s > 0:
            delay_s, self._delay_s = self._delay_s, 0.0
            await asyncio.sleep(delay_s)

    async def _apply(self, message: ClientMessage) -> None:
        if self._only_poll is not None and (message.watch is not UNSET or message.unwatch is not UNSET):
            raise MalformedBody('This socket watches one poll. It accepts only {"ticket": "..."}.')
        if message.ticket is not UNSET:
            self._stream.authenticate(message.ticket)
            await self._watch(sorted(self._stream.polls))
        if message.unwatch is not UNSET:
            for poll_id in message.unwatch:
                self._stream.unwatch(poll_id)
        if message.watch is not UNSET:
            polls = list(dict.fromkeys(message.watch))
            if len(self._stream.polls.union(polls)) > MAX_POLLS:
                raise InvalidPoll("watch", f"One socket can watch at most {MAX_POLLS} polls.")
            await self._watch(polls)

    async def _watch(self, polls: Sequence[str]) -> None:
        """Subscribe to all polls concurrently, so that their reads share a round trip."""
        await asyncio.gather(*(self._watch_one(poll_id) for poll_id in polls))

    async def _watch_one(self, poll_id: str) -> None:
        try:
            grant = await self._stream.authorize(poll_id)
        except PollwireError as error:
            self._delay_s = self._count_refusal()
            await self._send_problem(error, poll_id)
        else:
            self._stream.watch(poll_id, grant)


def _decode(text: str | None) -> ClientMessage:
    """Decode a message. Raises ``MalformedBody`` unless it is a JSON object with at least one known field."""
    if text is None:
        raise MalformedBody("Messages must be text, not binary.")
    try:
        message = _decode_message(text.removeprefix("\ufeff"))
    except msgspec.DecodeError as error:
        raise MalformedBody(f"Invalid message: {error}.") from None
    if message == _EMPTY:
        raise MalformedBody("A message must be a JSON object with watch, unwatch or ticket.")
    return message
