"""Open streams that depend on an API key or on an issuer, so that they end when it is revoked or deleted.

A ticket is valid for 60 s, but the stream that it opens may last for hours. Only streams of polls with hidden
totals are kept here, because all other streams are the same for everybody.
"""

from __future__ import annotations

from collections.abc import Callable

from pollwire_server.auth.tickets import Ticket
from pollwire_server.domain.errors import ApiKeyInvalid, StoreUnavailable, VoterTokenInvalid
from pollwire_server.live.poll_topic import Subscriber


class RevocableStreams:
    """Streams by the source of their access."""

    __slots__ = ("_streams",)

    def __init__(self) -> None:
        self._streams: dict[tuple[bool, bytes], tuple[Ticket, set[Subscriber]]] = {}

    def add(self, reader: Ticket | None, subscriber: Subscriber) -> None:
        """Add a stream. It stays until ``discard``, even if it gets another ticket later."""
        if reader is not None and reader.source:
            key = (reader.is_operator, reader.source)
            self._streams.setdefault(key, (reader, set()))[1].add(subscriber)

    def discard(self, subscriber: Subscriber) -> None:
        """Remove a stream that has ended."""
        for key, (_, subscribers) in list(self._streams.items()):
            subscribers.discard(subscriber)
            if not subscribers:
                del self._streams[key]

    def end_inactive(self, is_active: Callable[[Ticket], bool]) -> None:
        """End the streams of all sources that are not active any more.

        A source that cannot be checked is kept: without the store, no results are read.
        """
        for key, (reader, subscribers) in list(self._streams.items()):
            try:
                if is_active(reader):
                    continue
            except StoreUnavailable:
                continue
            del self._streams[key]
            for subscriber in list(subscribers):
                subscriber.end_access(ApiKeyInvalid() if reader.is_operator else VoterTokenInvalid())
