"""Shared documents of timelines."""

from __future__ import annotations

import asyncio
import gzip
import json

from pollwire_server.domain.tally import Tally
from pollwire_server.domain.timeline import TimelineSample
from pollwire_server.live.timeline_documents import MAX_AGE_MS, MAX_CACHED_BYTES, TimelineDocuments
from pollwire_server.store.results.reader import PollReading
from pollwire_server.store.results.timelines import TimelineReading

from tests.factories import a_poll
from tests.unit.live.readers import EPOCH, NOW, a_record

POINT = b'{"at":"2026-11-24T12:00:00.000Z","voters":0,"counts":{}}'


def a_reading(*, seq: int = 1, now: int = NOW, points: int = 50, poll: str = "lunch") -> TimelineReading:
    record = a_record(a_poll(id=poll))
    tally = Tally(epoch=EPOCH, seq=seq, voters=seq, counts={"A": seq}, now=now)
    newest = TimelineSample(now, seq, {"A": seq})
    return TimelineReading(PollReading(record, tally), (POINT,) * points, newest, b"%d" % points)


async def test_document_is_shared_while_totals_stay() -> None:
    documents = TimelineDocuments()
    first = documents.document(a_reading(), 2000)
    assert documents.document(a_reading(now=NOW + MAX_AGE_MS - 1), 2000) is first
    assert documents.document(a_reading(now=NOW + MAX_AGE_MS), 2000) is not first
    changed = documents.document(a_reading(seq=2), 2000)
    assert json.loads(changed.body)["points"][-1]["voters"] == 2
    assert changed.etag != first.etag


async def test_numbers_of_points_share_few_documents() -> None:
    documents = TimelineDocuments()
    bodies = {id(documents.document(a_reading(points=500), number)) for number in range(2, 500)}
    assert len(bodies) == 7
    assert len(json.loads(documents.document(a_reading(points=500), 77).body)["points"]) == 50


async def test_document_is_compressed_once_for_all_clients() -> None:
    document = TimelineDocuments().document(a_reading(), 2000)
    one, *others = await asyncio.gather(*(document.compressed() for _ in range(5)))
    assert one is not None
    assert all(other is one for other in others)
    assert gzip.decompress(one) == document.body
    assert await TimelineDocuments().document(a_reading(points=1), 2000).compressed() is None


async def test_cache_is_bounded_by_bytes() -> None:
    documents = TimelineDocuments()
    for number in range(20):
        documents.document(a_reading(points=20_000, poll=f"poll-{number}"), 2000)
    size = sum(len(document.body) for _, _, document in documents._documents.values())
    assert size == documents._size <= MAX_CACHED_BYTES
