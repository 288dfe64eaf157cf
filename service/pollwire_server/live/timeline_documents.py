"""Documents of timelines, shared by all clients of the same totals.

A timeline may have 4 MB. Each client would cost as much memory, encoding and compression, and a client that
requests it costs only 70 bytes. So one document exists for each poll, number of points and position. Its
compressed form is made once, in a thread, and one at a time.

The newest point has the time of the read. A document is reused for ``MAX_AGE_MS`` if the totals have not
changed, so its newest point may be that much older.
"""

from __future__ import annotations

import asyncio
import gzip
from typing import Final

from pollwire_server.live.result_frames import etag_of
from pollwire_server.store.results.timelines import TimelineReading

MAX_POINTS: Final = 2000
POINT_LIMITS: Final = (2, 5, 10, 20, 50, 100, 200, 500, 1000, MAX_POINTS)
"""Numbers of points that documents are made for. A request gets the largest one within its ``points``."""
MAX_AGE_MS: Final = 1000
MAX_CACHED_BYTES: Final = 16 * 1024 * 1024
MIN_COMPRESS_BYTES: Final = 1024
COMPRESS_LEVEL: Final = 1
"""30 ms for 4 MB, and still a tenth of the size."""


class TimelineDocument:
    """A timeline as JSON. Compressed on the first request for it."""

    def __init__(self, body: bytes, etag: str, compressing: asyncio.Semaphore) -> None:
        self.body = body
        self.etag = etag
        self._compressing = compressing
        self._compressed: asyncio.Task[bytes] | None = None

    async def compressed(self) -> bytes | None:
        """Return the document as gzip, or None if it is too short for it."""
        if len(self.body) < MIN_COMPRESS_BYTES:
            return None
        if self._compressed is None:
            self._compressed = asyncio.create_task(self._compress(), name="compress timeline")
        return await asyncio.shield(self._compressed)

    async def _compress(self) -> bytes:
        async with self._compressing:
            return await asyncio.to_thread(gzip.compress, self.body, COMPRESS_LEVEL, mtime=0)


class TimelineDocuments:
    """Cache of timeline documents, by poll and number of points."""

    def __init__(self) -> None:
        self._documents: dict[tuple[str, int], tuple[bytes, int, TimelineDocument]] = {}
        self._size = 0
        self._compressing = asyncio.Semaphore(1)

    def document(self, reading: TimelineReading, max_points: int) -> TimelineDocument:
        """Return the timeline with at most ``max_points`` points (2 at least)."""
        limit = max(one for one in POINT_LIMITS if one <= max_points)
        key, version = (reading.reading.record.poll.id, limit), reading.version
        now = reading.reading.tally.now
        cached = self._documents.pop(key, None)
        if cached is not None:
            if cached[0] == version and now - cached[1] < MAX_AGE_MS:
                self._documents[key] = cached
                return cached[2]
            self._size -= len(cached[2].body)
        etag = etag_of(b"%b %d" % (version, limit))
        document = TimelineDocument(reading.thinned_body(limit), etag, self._compressing)
        self._documents[key] = (version, now, document)
        self._size += len(document.body)
        while self._size > MAX_CACHED_BYTES and len(self._documents) > 1:
            self._size -= len(self._documents.pop(next(iter(self._documents)))[2].body)
        return document
