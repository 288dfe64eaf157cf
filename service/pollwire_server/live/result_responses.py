"""Plain reads: a poll, its results and their timeline as whole HTTP answers, with what caches need to know.

What everybody sees alike may be kept by anybody and is validated by its tag;
whatever depends on who asks is nobody else's, and is not kept at all.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from pollwire_server.auth.origins import Headers, OriginPolicy
from pollwire_server.domain.errors import PollNotFound, ResultsHidden
from pollwire_server.domain.poll import Kind, Poll, ResultsMode
from pollwire_server.domain.poll_document import poll_document
from pollwire_server.domain.visibility import ReaderRole
from pollwire_server.live.read_access import ReadAccess, StreamCredentials
from pollwire_server.live.result_frames import ResultUpdate, etag_of
from pollwire_server.problem_details import HttpResponse

_JSON: Final = (b"content-type", b"application/json")
_PRIVATE: Final = ((b"cache-control", b"private, no-store"), (b"vary", b"Origin, Authorization, Cookie"))
_ETAG: Final = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_VARY: Final = b"vary"


class ResultResponses:
    """Answers ``GET /v1/polls/{id}``, ``.../results`` and ``.../timeline``."""

    def __init__(self, door: ReadAccess, origins: OriginPolicy, results_max_age_s: int) -> None:
        self._door = door
        self._origins = origins
        self._public = b"public, max-age=%d" % results_max_age_s

    async def poll(
        self, poll_id: str, visitor: StreamCredentials, if_none_match: str | None = None
    ) -> HttpResponse:
        """The poll's document. Raises ``PollNotFound``, ``StoreUnavailable``, ``VoterTokenInvalid``."""
        change, _ = await self._door.read_authorized(poll_id, visitor)
        body = msgspec.json.encode(poll_document(change.poll, change.now))
        return self._answer(change, visitor, body, etag_of(body), if_none_match)

    async def results(
        self, poll_id: str, visitor: StreamCredentials, if_none_match: str | None = None
    ) -> HttpResponse:
        """The results as this visitor may see them. Raises like ``poll``."""
        change, admission = await self._door.read_authorized(poll_id, visitor)
        if change.poll.kind is Kind.RANKED:
            change = await self._door.with_runoff(change, admission.reader)
        return self.for_role(admission.reader, change, visitor, if_none_match)

    async def timeline(
        self, poll_id: str, visitor: StreamCredentials, if_none_match: str | None = None
    ) -> HttpResponse:
        """The totals over time. Raises like ``poll``, and ``ResultsHidden`` where totals are."""
        _, admission = await self._door.read_authorized(poll_id, visitor)
        read = await self._door.timeline(poll_id)
        change = ResultUpdate(read.reading)  # later than the look, so it is what the reader is judged by
        frame = change.frame_for(admission.reader)
        if frame is None:
            raise PollNotFound(poll_id)
        if frame is not change.whole:
            raise ResultsHidden(change.poll.results)
        return self._answer(change, visitor, read.body, etag_of(read.content), if_none_match)

    def for_role(
        self,
        reader: ReaderRole,
        change: ResultUpdate,
        visitor: StreamCredentials,
        if_none_match: str | None = None,
    ) -> HttpResponse:
        """The results of one read as ``reader`` may see them. Raises ``PollNotFound``."""
        frame = change.frame_for(reader)
        if frame is None:
            raise PollNotFound(change.poll.id)
        return self._answer(change, visitor, frame.json, frame.etag, if_none_match)

    def cors_headers(self, visitor: StreamCredentials, poll: Poll) -> Headers:
        """What lets the visitor's page read an answer about the poll."""
        return self._origins.cors_headers(visitor.origin, visitor.host, poll.origins)

    def _answer(
        self,
        change: ResultUpdate,
        visitor: StreamCredentials,
        body: bytes,
        etag: str,
        if_none_match: str | None,
    ) -> HttpResponse:
        cors = self.cors_headers(visitor, change.poll)
        if change.poll.results is not ResultsMode.ALWAYS or not change.is_visible:
            return HttpResponse(200, (_JSON, *_PRIVATE, *_but_vary(cors)), body)
        headers = ((b"etag", etag.encode()), (b"cache-control", self._public), *cors)
        if matches(if_none_match, etag):
            return HttpResponse(304, headers, b"")  # RFC 9110, 15.4.5: the fields that a 200 would have had
        return HttpResponse(200, (_JSON, *headers), body)


def matches(if_none_match: str | None, etag: str) -> bool:
    """Whether ``If-None-Match`` names the tag, by weak comparison (RFC 9110, sections 13.1.2 and 8.8.3.2)."""
    if if_none_match is None:
        return False
    if if_none_match.strip() == "*":
        return True
    return etag.removeprefix("W/") in _ETAG.findall(if_none_match)


def _but_vary(headers: Headers) -> Headers:
    return tuple(header for header in headers if header[0] != _VARY)
