"""Cache of polls in this process: decoded from the store's fields, replaced when the version changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from pollwire_server.domain.ballot import BallotCodec
from pollwire_server.domain.poll import Poll
from pollwire_server.domain.tally import Tally
from pollwire_server.store.keys import keys_of

MAX_CACHED_POLLS: Final = 10_000
"""Cached polls, some KB each; the oldest entry is evicted first."""

MAX_CACHED_LOCATIONS: Final = 50_000
"""Polls with a cached series; the oldest entry is evicted first. The next read finds an evicted one again."""

_LIFECYCLE_FIELDS: Final = (
    "opens_at",
    "closes_at",
    "planned_closes_at",
    "closed_at",
    "resolve_by",
    "version",
)
"""Numbers that actions and the clock change. The store keeps each in a field beside the poll's document."""

_TEXT_FIELDS: Final = ("results", "ended")
"""Texts that actions change. The document also contains ``results``, with the value before any publish."""

_NOT_IN_DOCUMENT: Final = ("ended", "resolution", "is_scoring")
"""Poll attributes that the document never contains."""


class PollRecord(msgspec.Struct, frozen=True, eq=False):
    """One version of one poll, with everything that is needed to validate a ballot."""

    poll: Poll
    codec: BallotCodec
    voter_key: bytes
    """32 random bytes of this poll or its series. A voter id is a hash under this key. Empty once
    archived."""
    voted: bool
    """True if a vote was ever counted, as of the read that created this record."""
    stamp: bytes
    """Version and incarnation. Identifies this version of this poll, also if the id is used again."""
    incarnation: bytes
    """Random id of this poll. Distinguishes it from an earlier poll with the same id."""
    keys: tuple[bytes, ...]
    """Keys of the poll in its hash slot, in the order of ``keys_of``."""


class RawSnapshot(NamedTuple):
    """State of a poll from one step of the store (``snapshot`` in ``functions/includes/poll_reply.lua``)."""

    tally: Tally
    closed_at: int | None
    """Milliseconds since the epoch; None while the poll is not closed."""
    fields: dict[bytes, bytes] | None
    """Fields of the poll; None if the reader's stamp was still current."""


def snapshot_from(reply: Sequence[Any]) -> RawSnapshot:
    """Decode the snapshot in a function's reply."""
    now, closed_at, tally_fields, poll_fields = reply
    fields = _pairs(tally_fields)
    tally = Tally(
        epoch=fields.pop(b"epoch", b"").decode(),
        seq=int(fields.pop(b"seq", 0)),
        voters=int(fields.pop(b"voters", 0)),
        counts={letter.decode(): int(count) for letter, count in fields.items()},
        now=now,
    )
    return RawSnapshot(
        tally, None if closed_at < 0 else closed_at, _pairs(poll_fields) if poll_fields else None
    )


def document_of(poll: Poll) -> bytes:
    """Encode the poll as the store's JSON document, without the fields that actions and the clock change."""
    document = msgspec.to_builtins(poll)
    return msgspec.json.encode(
        {
            name: value
            for name, value in document.items()
            if name not in (*_LIFECYCLE_FIELDS, *_NOT_IN_DOCUMENT)
        }
    )


def poll_of(doc: bytes, fields: Mapping[bytes, bytes]) -> Poll:
    """Decode a poll from its document and the fields beside it."""
    document = msgspec.json.decode(doc)
    document |= {name: int(fields[key]) for name in _LIFECYCLE_FIELDS if (key := name.encode()) in fields}
    document |= {"resolution": _resolution(fields.get(b"resolution")), "is_scoring": _is_scoring(fields)}
    document |= {name: fields[key].decode() for name in _TEXT_FIELDS if (key := name.encode()) in fields}
    return msgspec.convert(document, Poll)


class PollCache:
    """Bounded cache of polls and their locations.

    An entry stays until a reader or a change notification finds another version in the store.
    """

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._records: dict[str, PollRecord] = {}
        self._series: dict[str, str] = {}

    def get(self, poll_id: str) -> PollRecord | None:
        """Return the cached poll, or None."""
        return self._records.get(poll_id)

    def keys_of(self, poll_id: str) -> tuple[bytes, ...]:
        """Return the poll's keys at its last known location. The poll need not be cached."""
        record = self._records.get(poll_id)
        return (
            record.keys if record is not None else keys_of(self._namespace, poll_id, self.series_of(poll_id))
        )

    def series_of(self, poll_id: str) -> str | None:
        """Return the cached series of the poll; None if it has none or is not cached."""
        return self._series.get(poll_id)

    def set_location(self, poll_id: str, series: str | None) -> None:
        """Cache the poll's location: the slot of the series, or the slot of the poll's id (None)."""
        if self._series.get(poll_id) == series:
            return
        self.discard(poll_id)
        self._series.pop(poll_id, None)
        if series is None:
            return
        if len(self._series) >= MAX_CACHED_LOCATIONS:
            del self._series[next(iter(self._series))]
        self._series[poll_id] = series

    def update(self, poll_id: str, snapshot: RawSnapshot, cached: PollRecord | None) -> PollRecord:
        """Store the record of a snapshot and return it.

        ``cached`` is the record with the stamp that the reader sent. A snapshot without fields confirms it.
        """
        voted = snapshot.tally.seq > 0
        if snapshot.fields is not None:
            record = self._decode(poll_id, snapshot.fields, voted)
        elif cached is None:
            raise AssertionError("the store omits the poll only if the reader sent a current stamp")
        else:
            record = _with_latch(cached, snapshot.closed_at, voted)
        self._store(poll_id, record)
        return record

    def discard(self, poll_id: str) -> None:
        """Evict a poll."""
        self._records.pop(poll_id, None)

    def forget_all(self) -> None:
        """Evict all polls, because any of them may have changed."""
        self._records.clear()

    def _store(self, poll_id: str, record: PollRecord) -> None:
        if poll_id not in self._records and len(self._records) >= MAX_CACHED_POLLS:
            del self._records[next(iter(self._records))]
        self._records[poll_id] = record

    def _decode(self, poll_id: str, fields: Mapping[bytes, bytes], voted: bool) -> PollRecord:
        poll = poll_of(fields[b"doc"], fields)
        return PollRecord(
            poll=poll,
            codec=BallotCodec(poll),
            voter_key=fields.get(b"voter_key", b""),
            voted=voted,
            stamp=fields[b"version"] + b"." + fields[b"incarnation"],
            incarnation=fields[b"incarnation"],
            keys=keys_of(self._namespace, poll_id, poll.series),
        )


def _with_latch(record: PollRecord, closed_at: int | None, voted: bool) -> PollRecord:
    """Apply the two changes that do not raise the version: closing by the clock, and the first vote."""
    if record.poll.closed_at == closed_at and record.voted == voted:
        return record
    return msgspec.structs.replace(
        record, poll=msgspec.structs.replace(record.poll, closed_at=closed_at), voted=voted
    )


def _is_scoring(fields: Mapping[bytes, bytes]) -> bool:
    """Return True until the step that shows the new state. The stage after it changes no version."""
    return b"scoring" in fields and not fields[b"scoring"].startswith(b"level ")


def _resolution(text: bytes | None) -> dict[str, object] | None:
    """Decode the output of ``encode_resolution`` (``functions/includes/scoring.lua``)."""
    if text is None:
        return None
    stored = msgspec.json.decode(text)
    numbers: dict[str, object] = {name: int(stored[name]) for name in ("at", "effective_at", "version")}
    crowd = stored.get("crowd")
    if "forecasters" in stored:
        numbers |= {"forecasters": int(stored["forecasters"]), "log_sum": int(stored["log_sum"])}
    if crowd is not None:
        numbers["crowd"] = {name: int(crowd[name]) for name in ("brier", "baseline", "peer")}
    texts = {name: stored.get(name) for name in ("note", "source")}
    return {**numbers, **texts, "code": stored.get("outcome"), "by": stored["by"]}


def _pairs(flat: Sequence[bytes]) -> dict[bytes, bytes]:
    return dict(zip(flat[::2], flat[1::2], strict=True))
