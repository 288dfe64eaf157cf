"""The calls of the three doors, one method each, with the retries that each of them can bear.

What may be sent twice is decided here, call by call. Reads, acts and votes
may: the service knows a repeat when it sees one (a vote's standing choice is
looked up first; on open polls the ``Idempotency-Key`` that every vote carries
tells). A poll created without an id may not: two would stand.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote, urlsplit

import httpx

from pollwire.backoff import Backoff
from pollwire.bulk_votes import ANSWERED_WITHIN_S, NDJSON, Vote, parts_of
from pollwire.errors import (
    ApiError,
    ClientError,
    Document,
    UnexpectedResponse,
    Unreachable,
    no_such_poll,
    refusal_of,
)
from pollwire.pagination import fetch_all_pages
from pollwire.predictions import PredictionCalls
from pollwire.proof_of_work import REQUIRED, solution_of
from pollwire.streaming import reason_of, watch
from pollwire.webhooks import WebhookCalls

ANSWER_WITHIN_S: Final = 5.0
"""The service answers within a second even without its store; five allow for a slow network."""

_POLL_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


RECOUNTED_WITHIN_S: Final = 600.0
"""A recount reads every ballot: some seconds for a million."""


class Client(PredictionCalls, WebhookCalls):
    """One service, as one voter (``token``), one operator (``key``), both or neither.

    ``url`` is the service's base, ``http://host:port``; ``patience_s`` bounds
    how long a call is repeated while the service cannot answer. Answers are
    the wire's own JSON objects. Errors: ``ClientError`` and below.
    """

    def __init__(
        self, url: str, *, key: str | None = None, token: str | None = None, patience_s: float = 10.0
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"A service's address looks like http://127.0.0.1:8000, not {url!r}.")
        self.url = url.rstrip("/")
        self.token = token
        self._key = key
        self._patience_s = patience_s
        # No cookies: the service would set one for each voter, and ``token`` alone says whom we vote as.
        no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        # Every authority's certificate is read for ``verify``, which takes longer than a vote: only for TLS.
        is_encrypted = parts.scheme == "https"
        self._http = httpx.AsyncClient(
            base_url=self.url, timeout=ANSWER_WITHIN_S, cookies=no_cookies, verify=is_encrypted
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections; streams end with their own iteration."""
        await self._http.aclose()

    # Door 1: voters and votes.

    async def issue_voter(self, name: str | None = None) -> Document:
        """``{"token", "expires_at"}``: a new voter, or the one held renewed; later votes are this voter's."""
        body = {} if name is None else {"name": name}
        try:
            issued = await self._call("POST", "/v1/voters", json=body, bearer=self.token)
        except ApiError as refusal:
            if refusal.slug != REQUIRED:
                raise
            body |= await solution_of(refusal)
            issued = await self._call("POST", "/v1/voters", json=body, bearer=self.token)
        self.token = str(issued["token"])
        return issued

    async def vote(
        self,
        poll: str,
        choice: object,
        *,
        revision: int | None = None,
        idempotency_key: str | None = None,
    ) -> Document:
        """Casts ``choice`` (the protocol says its form by kind); answers what stands now, with a receipt.

        ``revision`` names the choice that this one replaces. An own
        ``idempotency_key`` makes a repeat of the whole call on an open poll
        safe as well; without it only the repeats made here are.
        """
        body = {"choice": choice} | ({} if revision is None else {"revision": revision})
        headers = {"Idempotency-Key": idempotency_key or uuid.uuid4().hex}
        return await self._call(
            "POST", f"{_public(poll)}/votes", json=body, headers=headers, bearer=self.token
        )

    async def my_vote(self, poll: str) -> Document:
        """The standing choice of this voter; ``Refused`` (``vote-not-found``) where there is none."""
        return await self._call("GET", f"{_public(poll)}/votes/mine", bearer=self.token)

    async def withdraw(self, poll: str) -> Document:
        """Takes the standing choice back, where the poll allows it."""
        return await self._call("DELETE", f"{_public(poll)}/votes/mine", bearer=self.token)

    async def check_receipt(self, poll: str, receipt: str) -> Document:
        """``{"valid", "counted", "choice", "at"}`` for the receipt of a vote."""
        return await self._call("POST", f"{_public(poll)}/receipts", json={"receipt": receipt})

    # Door 2: polls and their results.

    async def poll(self, poll: str) -> Document:
        """The poll as the public sees it."""
        return await self._call("GET", _public(poll))

    async def results(self, poll: str) -> Document:
        """The totals that this voter may see."""
        return await self._call("GET", f"{_public(poll)}/results", bearer=self.token)

    async def timeline(self, poll: str) -> Document:
        """``{"points": [{"at", "voters", "counts"}]}``; ``Refused`` (``results-hidden``) where totals are."""
        return await self._call("GET", f"{_public(poll)}/timeline", bearer=self.token)

    def watch(
        self, poll: str, *, on_lost: Callable[[ClientError], None] | None = None
    ) -> AsyncGenerator[Document]:
        """The results now and whenever they change, for ever; see ``service.client.watching.watch``."""
        if not _POLL_ID.fullmatch(poll):
            raise no_such_poll(poll)
        return watch(self.url, poll, ticket=self._ticket, patience_s=self._patience_s, on_lost=on_lost)

    async def _ticket(self) -> str | None:
        """A ticket to read as whom we are; None for the public's view, also where we are not known there."""
        bearer = self._key or self.token
        if bearer is None:
            return None
        try:
            return str((await self._call("POST", "/v1/tickets", bearer=bearer))["ticket"])
        except ApiError as refusal:
            if refusal.status != httpx.codes.UNAUTHORIZED:
                raise
            return None

    # Door 3: operators.

    async def create_poll(self, poll: Mapping[str, Any]) -> Document:
        """Creates the poll; an identical repeat answers the one that stands."""
        return await self._call_admin("POST", "", json=poll, repeatable="id" in poll)

    async def polls(self, *, limit: int, **filters: str | None) -> tuple[list[Document], str | None]:
        """The newest ``limit`` polls by ``phase``, ``kind``, ``series`` or ``q``, and where more begin."""
        wanted = {name: value for name, value in filters.items() if value is not None}
        return await fetch_all_pages(
            lambda params: self._call_admin("GET", "", params={**wanted, **params}), limit=limit
        )

    async def poll_for_operators(self, poll: str) -> Document:
        """The poll, also before the public may see it."""
        return await self._call_admin("GET", _one(poll))

    async def timeline_for_operators(self, poll: str) -> Document:
        """``{"points"}``: the totals over time, whoever else may see them."""
        return await self._call_admin("GET", f"{_one(poll)}/timeline")

    async def results_for_operators(self, poll: str) -> Document:
        """The totals, whoever else may see them."""
        return await self._call_admin("GET", f"{_one(poll)}/results")

    async def edit_poll(
        self, poll: str, changes: Mapping[str, Any], *, version: int | None = None
    ) -> Document:
        """Changes the fields named; where ``version`` is given, only if the poll is still at it."""
        headers = {} if version is None else {"If-Match": f'"{version}"'}
        return await self._call_admin(
            "PATCH", _one(poll), json=changes, headers=headers, repeatable=version is None
        )

    async def act(self, poll: str, act: str, **body: object) -> Document:
        """An act by its name (``reopen`` takes ``closes_at=``); repeating the one that stands is fine.

        ``reset`` wants ``confirm=`` the poll's id, and is repeated here only while nobody has voted since.
        """
        return await self._call_admin("POST", f"{_one(poll)}/{act}", json=body)

    async def delete_poll(self, poll: str) -> None:
        """Deletes the poll and every vote in it, for good."""
        await self._call_admin("DELETE", _one(poll), json={"confirm": poll}, repeatable=False)

    async def report(self, poll: str) -> Document:
        """What looks odd: ``{"votes", "usual_per_minute", "bursts", "tags"}``."""
        return await self._call_admin("GET", f"{_one(poll)}/report", timeout=RECOUNTED_WITHIN_S)

    async def purge(
        self, poll: str, *, since: str | None = None, to: str | None = None, tag: str | None = None
    ) -> Document:
        """``{"purged"}``: votes counted from ``since`` on and before ``to`` (RFC 3339), of the network of
        ``tag``, or both, are taken out."""
        given = {"from": since, "to": to, "tag": tag}
        body = {"confirm": poll} | {name: value for name, value in given.items() if value is not None}
        return await self._call_admin("POST", f"{_one(poll)}/purge", json=body, timeout=RECOUNTED_WITHIN_S)

    async def erase(self, poll: str, receipt: str) -> Document:
        """``{"erased"}``: the vote of ``receipt`` is taken out without a trace; false where none stood."""
        body = {"receipt": receipt}
        return await self._call_admin("POST", f"{_one(poll)}/erase", json=body)

    async def recount(self, poll: str) -> Document:
        """``{"matches", "stored", "recounted"}``: every ballot counted anew; minutes for millions of them."""
        return await self._call_admin("POST", f"{_one(poll)}/recount", timeout=RECOUNTED_WITHIN_S)

    async def audit(self, poll: str, *, limit: int) -> tuple[list[Document], str | None]:
        """The newest ``limit`` entries of the poll's audit log, and the cursor where more begin."""
        path = f"{_one(poll)}/audit"
        return await fetch_all_pages(lambda params: self._call_admin("GET", path, params=params), limit=limit)

    async def export(self, poll: str, form: str = "csv") -> AsyncGenerator[bytes]:
        """Every vote that stands, as a file (``csv`` or ``ndjson``) in pieces, in memory one at a time.

        ``Unreachable`` in the middle says that the file is not whole. Nothing is repeated here.
        """
        path = f"{self.url}/v1/admin/polls{_one(poll)}/export"
        headers = {} if self._key is None else {"Authorization": f"Bearer {self._key}"}
        try:
            async with self._http.stream("GET", path, params={"format": form}, headers=headers) as response:
                if not response.is_success:
                    await response.aread()
                    self._parse_response(response)
                async for piece in response.aiter_bytes():
                    yield piece
        except httpx.TransportError as error:
            raise Unreachable(self.url, reason_of(error)) from None

    async def send_votes(self, poll: str, votes: Iterable[Vote]) -> AsyncGenerator[Document]:
        """Votes for voters whom this back end knows (scope ``votes:write``); each line is answered, in order.

        ``{"line", "status", "revision"}``, or ``{"line", "problem", "status", "detail"}`` for one that was
        refused. Nothing is repeated here; sending all again is safe, what stands is ``unchanged``.
        ``Unreachable`` in the middle leaves open what became of the lines that were not answered.
        """
        path = f"/v1/admin/polls{_one(poll)}/votes"
        headers = {"Content-Type": NDJSON}
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key}"
        for before, body in parts_of(votes):
            for text in (await self._send_part(path, body, headers)).splitlines():
                yield self._answered(text, before)

    def _answered(self, text: bytes, before: int) -> Document:
        """An answer to a line, by the line's number among all."""
        try:
            said = json.loads(text)
            return {**said, "line": said["line"] + before}
        except (ValueError, TypeError, KeyError):
            raise UnexpectedResponse(self.url, httpx.codes.OK) from None

    async def _send_part(self, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        try:
            response = await self._http.post(path, content=body, headers=headers, timeout=ANSWERED_WITHIN_S)
        except httpx.TransportError as error:
            raise Unreachable(self.url, reason_of(error)) from None
        if not response.is_success:
            self._parse_response(response)
        return response.content

    async def create_key(self, name: str, scopes: Sequence[str]) -> Document:
        """A new API key, whose ``key`` is shown this once. Not repeated: each call makes another."""
        body = {"name": name, "scopes": list(scopes)}
        return await self._call("POST", "/v1/admin/keys", bearer=self._key, json=body, repeatable=False)

    async def keys(self) -> list[Document]:
        """Every API key, the newest first, without their secrets."""
        items, _ = await fetch_all_pages(
            lambda params: self._operator_call("GET", "/v1/admin/keys", params=params)
        )
        return items

    async def revoke_key(self, key: str) -> None:
        """Revokes the API key of this id."""
        path = f"/v1/admin/keys/{quote(key, safe='')}"
        await self._call("DELETE", path, bearer=self._key, repeatable=False)

    async def _operator_call(self, method: str, path: str, **request: Any) -> Document:
        return await self._call(method, path, bearer=self._key, **request)

    async def _call_admin(self, method: str, path: str, **request: Any) -> Document:
        return await self._call(method, f"/v1/admin/polls{path}", bearer=self._key, **request)

    async def _call(
        self, method: str, path: str, *, bearer: str | None = None, repeatable: bool = True, **request: Any
    ) -> Document:
        """One call, repeated while that is safe and may help. ``request`` goes to httpx as it is."""
        if bearer is not None:
            request["headers"] = {**request.get("headers", {}), "Authorization": f"Bearer {bearer}"}
        backoff = Backoff(self._patience_s)
        while True:
            try:
                return self._parse_response(await self._http.request(method, path, **request))
            except (ApiError, UnexpectedResponse) as error:
                failure: ClientError = error
                again = repeatable and error.is_transient
            except httpx.TransportError as error:
                failure = Unreachable(self.url, reason_of(error))
                # Without a connection nothing was sent, so anything may be sent again.
                again = repeatable or isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            wait_s = failure.retry_after_s if isinstance(failure, ApiError) else 0.0
            if not (again and await backoff.pause(wait_s)):
                raise failure

    def _parse_response(self, response: httpx.Response) -> Document:
        """The object that a success carries (empty for 204); raises what anything else is."""
        if response.status_code == httpx.codes.NO_CONTENT:
            return {}
        headers = response.headers
        if response.is_success:
            return self._object_in(response)
        refusal = refusal_of(response.content, headers.get("content-type", ""), headers.get("retry-after"))
        raise refusal or UnexpectedResponse(self.url, response.status_code)

    def _object_in(self, response: httpx.Response) -> Document:
        try:
            document = response.json()
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise UnexpectedResponse(self.url, response.status_code)
        return document


def _one(poll: str) -> str:
    if not _POLL_ID.fullmatch(poll):
        raise no_such_poll(poll)
    return f"/{poll}"


def _public(poll: str) -> str:
    return f"/v1/polls{_one(poll)}"
