"""Result frames: results encoded once per update, role and wire format, however many clients receive them.

A ``ResultUpdate`` is one read of one poll. It has at most two frames: the complete results, and the hidden
view for clients that may not see them yet. A ``ResultFrame`` encodes each wire format on first use: the JSON
object of HTTP responses, the WebSocket text frame with its header, the server-sent event. Unused formats are
never encoded.
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
from pollwire_server.problem_details import ErrorFacts, ProblemType, facts_of, problem_of
from pollwire_server.store.polls.cache import PollRecord
from pollwire_server.store.results.reader import PollReading

_FINAL_TEXT: Final = 0x81
"""First byte of a final text frame (RFC 6455, section 5.2). A server never masks."""

ROLE_INDEX: Final = {role: index for index, role in enumerate(ReaderRole)}
"""Index of a role in ``ResultUpdate.frames``."""

_encode = msgspec.json.Encoder().encode


def socket_frame(payload: bytes) -> bytes:
    """Return ``payload`` as one unfragmented WebSocket text frame (RFC 6455, section 5.2)."""
    size = len(payload)
    if size < 126:
        return bytes((_FINAL_TEXT, size)) + payload
    if size < 1 << 16:
        return bytes((_FINAL_TEXT, 126)) + size.to_bytes(2, "big") + payload
    return bytes((_FINAL_TEXT, 127)) + size.to_bytes(8, "big") + payload


def event(name: str, payload: bytes, event_id: str | None = None) -> bytes:
    """Return ``payload`` as one server-sent event. It must have no line breaks, which holds for JSON."""
    head = f"event: {name}\n" if event_id is None else f"event: {name}\nid: {event_id}\n"
    return b"%bdata: %b\n\n" % (head.encode(), payload)


class ResultFrame:
    """Content of one update for one or more roles, in every wire format."""

    def __init__(self, results: Results, version: int) -> None:
        self.results = results
        self._version = version

    @cached_property
    def json_without_timestamp(self) -> bytes:
        """Return the JSON object with an empty ``as_of``, so that equal results are equal bytes."""
        return _encode(msgspec.structs.replace(self.results, as_of=""))

    @cached_property
    def dedup_key(self) -> bytes:
        """Return a key that is equal for frames with equal content. Equal frames are not sent twice.

        The key includes the poll's version, which the frame does not show. After an edit the same results are
        sent once more, and pages that show the question or the opening time know that they must read the
        poll.
        """
        return b"%d %b" % (self._version, self.json_without_timestamp)

    @cached_property
    def json(self) -> bytes:
        """Return the JSON object."""
        return _encode(self.results)

    @cached_property
    def text(self) -> str:
        """Return the JSON object as text, for transports that frame it themselves."""
        return self.json.decode()

    @cached_property
    def socket_bytes(self) -> bytes:
        """Return the WebSocket frame, ready for the transport."""
        return socket_frame(self.json)

    @cached_property
    def event_bytes(self) -> bytes:
        """Return the server-sent event. Its id is the position: poll, epoch and seq."""
        results = self.results
        return event("results", self.json, f"{results.poll}-{results.epoch}-{results.seq}")

    @cached_property
    def etag(self) -> str:
        """Return a weak validator (RFC 9110, section 8.8.1). Bodies that differ in ``as_of`` share it."""
        return etag_of(self.json_without_timestamp)


def etag_of(content: bytes) -> str:
    """Return the weak entity tag of this content."""
    return f'W/"{blake2b(content, digest_size=12).hexdigest()}"'


class ResultUpdate:
    """One read of one poll, with a frame for each role.

    ``batch`` is the number of the read batch: batches are numbered in the order in which they start.
    ``position`` orders the content. ``runoff`` is the run-off result of a ranked poll. Streams
    have its winner, but not its rounds (``with_rounds``).
    """

    def __init__(
        self,
        reading: PollReading,
        batch: int = 0,
        runoff: RunoffResult | None = None,
        *,
        with_rounds: bool = True,
    ) -> None:
        self.reading = reading
        self.record: PollRecord = reading.record
        self.poll: Poll = reading.record.poll
        self.now = reading.tally.now
        self.phase = self.poll.phase(self.now)
        self.is_visible = self.poll.is_visible(self.now)
        self.batch = batch
        self._tally = reading.tally
        self._runoff = runoff
        self._with_rounds = with_rounds

    @cached_property
    def position(self) -> tuple[str, int, int, int]:
        """Return (epoch, seq, version, now). Of two updates of a poll, the later one is not less."""
        return self._tally.epoch, self._tally.seq, self.poll.version, self.now

    @cached_property
    def state(self) -> tuple[object, ...]:
        """Return everything that the frames depend on, except the clock."""
        is_counted = self._runoff is not None
        return (*self.position[:3], self.phase, self.poll.closes_at, self.is_visible, is_counted)

    @cached_property
    def full(self) -> ResultFrame:
        """Return the frame for roles that may see the totals."""
        results = results_of(self.poll, self._tally, self._runoff, with_rounds=self._with_rounds)
        return ResultFrame(results, self.poll.version)

    @cached_property
    def hidden(self) -> ResultFrame:
        """Return the frame for roles that may not see them. It does not depend on the votes."""
        return ResultFrame(hidden_results_of(self.poll, self._tally), self.poll.version)

    @cached_property
    def frames(self) -> tuple[ResultFrame | None, ...]:
        """Return the frame of each role, by ``ROLE_INDEX``. Computed once, used for every subscriber."""
        return tuple(self._frame_for(role) for role in ReaderRole)

    def frame_for(self, role: ReaderRole) -> ResultFrame | None:
        """Return the frame for a role, or None if the poll is not visible to it yet (``visible_at``)."""
        return self.frames[ROLE_INDEX[role]]

    def _frame_for(self, role: ReaderRole) -> ResultFrame | None:
        if not self.is_visible and role is not ReaderRole.OPERATOR:
            return None
        return self.full if may_see_totals(self.poll, self.phase, role) else self.hidden


class Heartbeat(msgspec.Struct, frozen=True, tag_field="type", tag="heartbeat"):
    """Message after 10 seconds of silence, because pages cannot see pings."""


class Reconnect(msgspec.Struct, frozen=True, tag_field="type", tag="reconnect"):
    """Message before a planned stop. The client reconnects after ``after_ms`` milliseconds."""

    after_ms: int


class ProblemMessage(ErrorFacts, frozen=True, tag_field="type", tag="problem"):
    """Error about one message or one poll. The stream continues.

    The exception: after the message that the reader's API key or issuer is gone, the stream ends.
    """

    problem: ProblemType
    status: int
    detail: str


HEARTBEAT: Final = _encode(Heartbeat())


def reconnect_message(after_ms: int) -> bytes:
    """Return the message that the stream ends on purpose, and after how long to reconnect."""
    return _encode(Reconnect(after_ms))


def problem_message(error: PollwireError, poll: str | None = None) -> bytes:
    """Return an error as a stream message, about ``poll`` if the error itself names none."""
    row, facts = problem_of(error), facts_of(error)
    if poll is not None:
        facts.setdefault("poll", poll)
    return _encode(ProblemMessage(row.type, row.status, error.detail, **facts))
