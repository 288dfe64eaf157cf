"""Results to bytes: once per change, class of reader and wire form, however many read them.

A ``Change`` is one read of one poll. It has at most two frames: the whole
totals, and the hidden view for those who may not see them yet. A ``Frame``
builds each of its wire forms when it is first asked for: the JSON object that
HTTP answers with, the WebSocket text frame with its header, the server-sent
event. A form that nobody wants is never built.
"""

from __future__ import annotations

from functools import cached_property
from hashlib import blake2b
from typing import Final

import msgspec

from pollwire_server.domain.errors import PollwireError
from pollwire_server.domain.instant_runoff import RunoffResult
from pollwire_server.domain.poll import Poll
from pollwire_server.domain.tally import Results, hidden_results_of, results_of
from pollwire_server.domain.visibility import ReaderRole, may_see_totals
from pollwire_server.problem_details import problem_document
from pollwire_server.store.polls.cache import PollRecord
from pollwire_server.store.results.reader import PollReading

_FINAL_TEXT: Final = 0x81
"""RFC 6455, section 5.2: FIN set, opcode 1; a server never masks."""

ROLE_INDEX: Final = {reader: place for place, reader in enumerate(ReaderRole)}
"""Where a class of readers stands in ``Change.frames``."""

_encode = msgspec.json.Encoder().encode


def socket_frame(payload: bytes) -> bytes:
    """``payload`` as one unfragmented WebSocket text frame (RFC 6455, section 5.2)."""
    size = len(payload)
    if size < 126:
        return bytes((_FINAL_TEXT, size)) + payload
    if size < 1 << 16:
        return bytes((_FINAL_TEXT, 126)) + size.to_bytes(2, "big") + payload
    return bytes((_FINAL_TEXT, 127)) + size.to_bytes(8, "big") + payload


def event(name: str, payload: bytes, event_id: str | None = None) -> bytes:
    """``payload`` (JSON, so without line breaks) as one server-sent event."""
    head = f"event: {name}\n" if event_id is None else f"event: {name}\nid: {event_id}\n"
    return b"%bdata: %b\n\n" % (head.encode(), payload)


class ResultFrame:
    """What one class of readers is told by one change, in every wire form."""

    def __init__(self, results: Results, version: int) -> None:
        self.results = results
        self._version = version

    @cached_property
    def json_without_timestamp(self) -> bytes:
        """What the frame says, without when it was read."""
        return _encode(msgspec.structs.replace(self.results, as_of=""))

    @cached_property
    def dedup_key(self) -> bytes:
        """Equal contents need not be sent twice.

        The poll's version is of the content though it is not said: after an edit the same totals come once
        more, and a page that shows the question or when voting opens knows to read the poll again.
        """
        return b"%d %b" % (self._version, self.json_without_timestamp)

    @cached_property
    def json(self) -> bytes:
        """The object itself."""
        return _encode(self.results)

    @cached_property
    def text(self) -> str:
        """The object, for senders that frame it themselves."""
        return self.json.decode()

    @cached_property
    def socket_bytes(self) -> bytes:
        """The WebSocket frame, ready for the transport."""
        return socket_frame(self.json)

    @cached_property
    def event_bytes(self) -> bytes:
        """The server-sent event; its id is the reader's position."""
        results = self.results
        return event("results", self.json, f"{results.poll}-{results.epoch}-{results.seq}")

    @cached_property
    def etag(self) -> str:
        """A weak validator (RFC 9110, section 8.8.1): ``as_of`` may differ between bodies that share it."""
        return etag_of(self.json_without_timestamp)


def etag_of(content: bytes) -> str:
    """The weak entity tag of what an answer says."""
    return f'W/"{blake2b(content, digest_size=12).hexdigest()}"'


class ResultUpdate:
    """What one read says of one poll, with a frame for each class of reader.

    ``turn`` numbers the reads of this process in the order in which they
    began; ``position`` orders what they say. ``outcome`` is what a ranked poll
    comes to, for those who ask once: streams are not told.
    """

    def __init__(self, reading: PollReading, turn: int = 0, outcome: RunoffResult | None = None) -> None:
        self.reading = reading
        self.record: PollRecord = reading.record
        self.poll: Poll = reading.record.poll
        self.now = reading.tally.now
        self.phase = self.poll.phase(self.now)
        self.is_visible = self.poll.is_visible(self.now)
        self.turn = turn
        self._tally = reading.tally
        self._outcome = outcome

    @cached_property
    def position(self) -> tuple[str, int, int, int]:
        """(epoch, seq, version, now): of two changes of a poll, the one that reads later is not less."""
        return self._tally.epoch, self._tally.seq, self.poll.version, self.now

    @cached_property
    def state(self) -> tuple[object, ...]:
        """All that any frame of the change depends on, but for the clock."""
        return (*self.position[:3], self.phase, self.poll.closes_at, self.is_visible)

    @cached_property
    def whole(self) -> ResultFrame:
        """For readers who may see the totals."""
        return ResultFrame(results_of(self.poll, self._tally, self._outcome), self.poll.version)

    @cached_property
    def hidden(self) -> ResultFrame:
        """For readers who may not: the same whatever is counted."""
        return ResultFrame(hidden_results_of(self.poll, self._tally), self.poll.version)

    @cached_property
    def frames(self) -> tuple[ResultFrame | None, ...]:
        """What each class of reader gets, by ``RANK``: looked up for every reader, decided once a change."""
        return tuple(self._frame_for(reader) for reader in ReaderRole)

    def frame_for(self, reader: ReaderRole) -> ResultFrame | None:
        """What ``reader`` gets; None where the poll does not exist for them (``visible_at`` is ahead)."""
        return self.frames[ROLE_INDEX[reader]]

    def _frame_for(self, reader: ReaderRole) -> ResultFrame | None:
        if not self.is_visible and reader is not ReaderRole.OPERATOR:
            return None
        return self.whole if may_see_totals(self.poll, self.phase, reader) else self.hidden


HEARTBEAT: Final = b'{"type":"heartbeat"}'


def reconnect_message(after_ms: int) -> bytes:
    """Tells a reader that the stream ends on purpose, and when to come back."""
    return _encode({"type": "reconnect", "after_ms": after_ms})


def problem_message(error: PollwireError, poll: str | None = None) -> bytes:
    """A refusal on an open stream: the facts of the problem document beside ``problem`` and ``poll``."""
    document = problem_document(error)
    del document["title"]
    message: dict[str, object] = {"type": "problem", "problem": document.pop("type")}
    message["status"] = document.pop("status")
    if poll is not None:
        message["poll"] = poll
    return _encode(message | document)
