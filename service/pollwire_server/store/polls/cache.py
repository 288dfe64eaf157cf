"""A poll as this process holds it: read from the store's fields, and kept until another version shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from pollwire_server.domain.ballot import BallotCodec
from pollwire_server.domain.poll import Poll
from pollwire_server.domain.tally import Tally
from pollwire_server.store.keys import keys_of

MOST_RECORDS: Final = 10_000
"""Polls held, some KB each; the one first met goes first."""

MOST_HOMES: Final = 50_000
"""Polls of which it is remembered with which series they lie; of one forgotten it is found out anew."""

_LIFECYCLE: Final = ("opens_at", "closes_at", "planned_closes_at", "closed_at", "resolve_by", "version")
"""What acts and the clock move; kept as fields of their own, beside the rest of the poll in one document."""

_WORDS: Final = ("results", "ended")
"""What acts move besides, in words. The document has ``results`` as well, as it was before any publish."""


_NEVER_IN_IT: Final = ("ended", "resolution", "is_scoring")
"""What the document does not have at all."""


class PollRecord(msgspec.Struct, frozen=True, eq=False):
    """One version of one poll, with all that judging a ballot of it needs."""

    poll: Poll
    codec: BallotCodec
    voter_key: bytes
    """32 random bytes of this poll's; a voter here is a keyed hash under them. Empty once archived."""
    voted: bool
    """Whether a vote was ever counted, as of the read that made this."""
    stamp: bytes
    """Names this version of this poll to the store, and no other, not even of a later poll of the same id."""
    incarnation: bytes
    """Tells this poll from an earlier one of the same id."""
    keys: tuple[bytes, ...]
    """The poll's keys in the slot that it lies in, as ``keys_of`` gives them."""


class RawSnapshot(NamedTuple):
    """What one step of the store said of a poll (``snapshot`` in ``functions/includes/polls.lua``)."""

    tally: Tally
    closed_at: int | None
    fields: dict[bytes, bytes] | None


def snapshot_from(reply: Sequence[Any]) -> RawSnapshot:
    """A snapshot out of a function's reply."""
    now, closed_at, tally_fields, poll_fields = reply
    held = _pairs(tally_fields)
    tally = Tally(
        epoch=held.pop(b"epoch", b"").decode(),
        seq=int(held.pop(b"seq", 0)),
        voters=int(held.pop(b"voters", 0)),
        counts={letter.decode(): int(count) for letter, count in held.items()},
        now=now,
    )
    return RawSnapshot(
        tally, None if closed_at < 0 else closed_at, _pairs(poll_fields) if poll_fields else None
    )


def document_of(poll: Poll) -> bytes:
    """A poll without what acts and the clock move, as the store keeps it."""
    document = msgspec.to_builtins(poll)
    return msgspec.json.encode(
        {name: value for name, value in document.items() if name not in (*_LIFECYCLE, *_NEVER_IN_IT)}
    )


def poll_of(doc: bytes, fields: Mapping[bytes, bytes]) -> Poll:
    """The poll of a document and the fields of its life beside it."""
    document = msgspec.json.decode(doc)
    document |= {name: int(fields[key]) for name in _LIFECYCLE if (key := name.encode()) in fields}
    document |= {"resolution": _resolution(fields.get(b"resolution")), "is_scoring": b"scoring" in fields}
    document |= {name: fields[key].decode() for name in _WORDS if (key := name.encode()) in fields}
    return msgspec.convert(document, Poll)


class PollCache:
    """The polls that this process has seen last, each until the store is known to have another version."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._records: dict[str, PollRecord] = {}
        self._series: dict[str, str] = {}

    def get(self, poll_id: str) -> PollRecord | None:
        """The poll as last seen, if it is held."""
        return self._records.get(poll_id)

    def keys_of(self, poll_id: str) -> tuple[bytes, ...]:
        """The poll's keys, whether or not it is held."""
        record = self._records.get(poll_id)
        return (
            record.keys if record is not None else keys_of(self._namespace, poll_id, self.series_of(poll_id))
        )

    def series_of(self, poll_id: str) -> str | None:
        """The series that the poll was last seen to lie with; None also where that is not known."""
        return self._series.get(poll_id)

    def set_location(self, poll_id: str, series: str | None) -> None:
        """The poll is to be looked for in the series' slot from now on (None: in the slot of its id)."""
        if self._series.get(poll_id) == series:
            return
        self.forget(poll_id)
        self._series.pop(poll_id, None)
        if series is None:
            return
        if len(self._series) >= MOST_HOMES:
            del self._series[next(iter(self._series))]
        self._series[poll_id] = series

    def update(self, poll_id: str, snapshot: RawSnapshot, known: PollRecord | None) -> PollRecord:
        """The record that a snapshot stands for, held from now on; ``known`` had its stamp compared."""
        voted = snapshot.tally.seq > 0
        if snapshot.fields is not None:
            record = self._read(poll_id, snapshot.fields, voted)
        elif known is None:
            raise AssertionError("the store leaves a poll out only for a reader that named its stamp")
        else:
            record = _moved(known, snapshot.closed_at, voted)
        self._hold(poll_id, record)
        return record

    def forget(self, poll_id: str) -> None:
        """Hold it no longer."""
        self._records.pop(poll_id, None)

    def forget_all(self) -> None:
        """Hold nothing: anything may have changed."""
        self._records.clear()

    def _hold(self, poll_id: str, record: PollRecord) -> None:
        if poll_id not in self._records and len(self._records) >= MOST_RECORDS:
            del self._records[next(iter(self._records))]
        self._records[poll_id] = record

    def _read(self, poll_id: str, fields: Mapping[bytes, bytes], voted: bool) -> PollRecord:
        poll = poll_of(fields[b"doc"], fields)
        return PollRecord(
            poll=poll,
            codec=BallotCodec(poll),
            voter_key=fields.get(b"voter_key", b""),
            voted=voted,
            stamp=fields[b"version"] + b"." + fields[b"birth"],
            incarnation=fields[b"birth"],
            keys=keys_of(self._namespace, poll_id, poll.series),
        )


def _moved(record: PollRecord, closed_at: int | None, voted: bool) -> PollRecord:
    """The record after what moves without a new version: the latch, and the first vote."""
    if record.poll.closed_at == closed_at and record.voted == voted:
        return record
    return msgspec.structs.replace(
        record, poll=msgspec.structs.replace(record.poll, closed_at=closed_at), voted=voted
    )


def _resolution(text: bytes | None) -> dict[str, str | int | None] | None:
    """What ``settle_as`` of ``includes/scoring.lua`` has written."""
    if text is None:
        return None
    held: dict[str, str] = msgspec.json.decode(text)
    numbers = {name: int(held[name]) for name in ("at", "effective_at", "version")}
    return {**numbers, "code": held.get("outcome"), "by": held["by"], "note": held.get("note")}


def _pairs(flat: Sequence[bytes]) -> dict[bytes, bytes]:
    return dict(zip(flat[::2], flat[1::2], strict=True))
