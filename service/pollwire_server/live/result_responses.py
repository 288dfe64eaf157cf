"""Responses of the read routes: a poll, its results and their timeline, with headers for HTTP caches.

Responses that are the same for every client may be cached by anybody and have an entity tag. Responses that
depend on the client must not be stored.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import msgspec

from pollwire_server.auth.cors import Headers
from pollwire_server.domain.crowd import distribution_of
from pollwire_server.domain.errors import InvalidPoll, NotFound, PollNotFound, ResultsHidden
from pollwire_server.domain.poll import Kind, ResultsMode
from pollwire_server.domain.poll_document import poll_document
from pollwire_server.domain.visibility import ReaderRole
from pollwire_server.http_protocol.media_type import accepts_gzip
from pollwire_server.live.read_access import ReadAccess, StreamCredentials
from pollwire_server.live.result_frames import ResultUpdate, etag_of
from pollwire_server.live.timeline_documents import MAX_POINTS, TimelineDocuments
from pollwire_server.problem_details import HttpResponse

_JSON: Final = (b"content-type", b"application/json")
_PRIVATE: Final = ((b"cache-control", b"private, no-store"), (b"vary", b"Authorization, Cookie"))
_ETAG: Final = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_VARY: Final = b"vary"
_VARIES: Final = ((_VARY, b"Accept-Encoding"),)
_GZIP: Final = (b"content-encoding", b"gzip")


class _Content(NamedTuple):
    """A body with its entity tag and headers of its own."""

    body: bytes
    etag: str
    headers: Headers = ()


class ResultResponses:
    """Builds the responses of ``GET /v1/polls/{id}`` and of its results, timeline and distribution."""

    def __init__(self, access: ReadAccess, results_max_age_s: int) -> None:
        self._access = access
        self._timelines = TimelineDocuments()
        self._public = b"public, max-age=%d" % results_max_age_s

    async def poll(
        self, poll_id: str, credentials: StreamCredentials, if_none_match: str | None = None
    ) -> HttpResponse:
        """Return the poll's document. Raises like ``ReadAccess.read_authorized``."""
        update, _ = await self._access.read_authorized(poll_id, credentials)
        body = msgspec.json.encode(poll_document(update.poll, update.now))
        return self._respond(update, _Content(body, etag_of(body)), if_none_match)

    async def results(
        self, poll_id: str, credentials: StreamCredentials, if_none_match: str | None = None
    ) -> HttpResponse:
        """Return the results as this client may see them. Raises like ``poll``."""
        update, grant = await self._access.read_authorized(poll_id, credentials)
        if update.poll.kind is Kind.RANKED:
            update = await self._access.with_runoff(update, grant.role)
        return self.for_role(grant.role, update, if_none_match)

    async def timeline(
        self,
        poll_id: str,
        credentials: StreamCredentials,
        if_none_match: str | None = None,
        *,
        points: str | None = None,
        accept_encoding: str = "",
    ) -> HttpResponse:
        """Return the totals over time, with at most ``points`` points (of the query).

        Raises like ``poll``, ``InvalidPoll`` for other ``points``, and ``ResultsHidden``.
        """
        _, grant = await self._access.read_authorized(poll_id, credentials)
        max_points = MAX_POINTS if points is None else _max_points(points)
        timeline = await self._access.timeline(poll_id)
        update = ResultUpdate(timeline.reading)  # newer than the first read, so it decides visibility
        frame = update.frame_for(grant.role)
        if frame is None:
            raise PollNotFound(poll_id)
        if frame is not update.full:
            raise ResultsHidden(update.poll.results)
        document = self._timelines.document(timeline, max_points)
        compressed = await document.compressed() if accepts_gzip(accept_encoding) else None
        more = _VARIES if compressed is None else (*_VARIES, _GZIP)
        # The tag is weak, so both forms may share it (RFC 9110, 8.8.1).
        content = _Content(document.body if compressed is None else compressed, document.etag, more)
        return self._respond(update, content, if_none_match)

    async def distribution(
        self, poll_id: str, credentials: StreamCredentials, if_none_match: str | None = None
    ) -> HttpResponse:
        """Return the histograms of a forecast. Raises like ``timeline``, and ``NotFound`` for other polls."""
        update, grant = await self._access.read_authorized(poll_id, credentials)
        if update.frame_for(grant.role) is None:
            raise PollNotFound(poll_id)
        if not update.poll.forecast:
            raise NotFound("Only a forecast has a distribution. Read the results instead.")
        if update.frame_for(grant.role) is not update.full:
            raise ResultsHidden(update.poll.results)
        body = msgspec.json.encode(distribution_of(update.poll, update.reading.tally.counts))
        return self._respond(update, _Content(body, etag_of(body)), if_none_match)

    def for_role(
        self,
        role: ReaderRole,
        update: ResultUpdate,
        if_none_match: str | None = None,
    ) -> HttpResponse:
        """Return the results of one update as ``role`` may see them. Raises ``PollNotFound``."""
        frame = update.frame_for(role)
        if frame is None:
            raise PollNotFound(update.poll.id)
        return self._respond(update, _Content(frame.json, frame.etag), if_none_match)

    def _respond(
        self,
        update: ResultUpdate,
        content: _Content,
        if_none_match: str | None,
    ) -> HttpResponse:
        body, etag, more = content
        origins = update.poll.origins
        if update.poll.results is not ResultsMode.ALWAYS or not update.is_visible:
            return HttpResponse(200, (_JSON, *_PRIVATE, *more), body, origins)
        headers = ((b"etag", etag.encode()), (b"cache-control", self._public))
        if matches(if_none_match, etag):
            # The fields of a 200 (RFC 9110, section 15.4.5).
            return HttpResponse(304, (*headers, *(one for one in more if one[0] == _VARY)), b"", origins)
        return HttpResponse(200, (_JSON, *headers, *more), body, origins)


def matches(if_none_match: str | None, etag: str) -> bool:
    """Return True if ``If-None-Match`` has the tag, by weak comparison (RFC 9110, 13.1.2 and 8.8.3.2)."""
    if if_none_match is None:
        return False
    if if_none_match.strip() == "*":
        return True
    tag = etag.removeprefix("W/")
    return tag in if_none_match and tag in _ETAG.findall(if_none_match)  # a long list is read only on a hit


def _max_points(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 2 <= int(text) <= MAX_POINTS):
        raise InvalidPoll("points", f"points must be a whole number from 2 to {MAX_POINTS}.")
    return int(text)
