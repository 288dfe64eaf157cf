"""Client of the HTTP API: one method for each call, with the retries that are safe for it.

Reads, lifecycle actions and votes are retried, because the service recognizes
repeats. It compares a vote with the voter's current choice. On open polls it
uses the ``Idempotency-Key`` that the client sends with every vote. Creating a
poll without an id is not retried, because that could create two polls.
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
    parse_error,
)
from pollwire.pagination import fetch_all_pages
from pollwire.predictions import PredictionCalls
from pollwire.proof_of_work import REQUIRED, solution_of
from pollwire.streaming import reason_of, watch
from pollwire.webhooks import WebhookCalls

ANSWER_WITHIN_S: Final = 5.0
"""The service responds within a second even without its store. Five seconds allow for a slow network."""

MAX_CHALLENGES: Final = 3
"""The service may require a harder challenge while the first one is solved."""

_POLL_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


RECOUNTED_WITHIN_S: Final = 600.0
"""A recount reads every ballot, which takes some seconds for a million."""


class Client(PredictionCalls, WebhookCalls):
    """Client of one service, as one voter (``token``), one operator (``key``), both or neither.

    ``url`` is the base URL of the service, ``http://host:port``. ``patience_s``
    limits how long a call is retried while the service is unavailable. Methods
    return the JSON objects of the API. Errors are ``ClientError`` and its subclasses.
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
        # No cookies: the service would set one for each voter, but only ``token`` must identify the voter.
        no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        # ``verify`` reads the certificates of all authorities, which takes longer than a vote: only for TLS.
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
        """Close the HTTP connections. A stream closes when its iteration ends."""
        await self._http.aclose()

    # Voters and votes

    async def issue_voter(self, name: str | None = None) -> Document:
        """Create a voter, or renew the token of the current one. Return ``{"token", "expires_at"}``.

        Later calls use the new token.
        """
        body = {} if name is None else {"name": name}
        for _ in range(MAX_CHALLENGES):
            try:
                issued = await self._call("POST", "/v1/voters", json=body, bearer=self.token)
            except ApiError as error:
                if error.slug != REQUIRED:
                    raise
                body |= await solution_of(error)
            else:
                break
        else:
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
        """Cast ``choice`` and return the current vote with a receipt.

        The form of ``choice`` depends on the kind of the poll (``docs/api/voting.md``).
        ``revision`` is that of the vote to replace. Retries of this method are always
        safe. Pass an ``idempotency_key`` to repeat the whole call safely on an open poll.
        """
        body = {"choice": choice} | ({} if revision is None else {"revision": revision})
        headers = {"Idempotency-Key": idempotency_key or uuid.uuid4().hex}
        return await self._call(
            "POST", f"{_public(poll)}/votes", json=body, headers=headers, bearer=self.token
        )

    async def my_vote(self, poll: str) -> Document:
        """Return this voter's current vote. Raises ``ApiError`` (``vote-not-found``) if there is none."""
        return await self._call("GET", f"{_public(poll)}/votes/mine", bearer=self.token)

    async def withdraw(self, poll: str) -> Document:
        """Withdraw the current vote, if the poll allows it."""
        return await self._call("DELETE", f"{_public(poll)}/votes/mine", bearer=self.token)

    async def check_receipt(self, poll: str, receipt: str) -> Document:
        """Check the receipt of a vote. Return ``{"valid", "counted", "choice", "at"}``."""
        return await self._call("POST", f"{_public(poll)}/receipts", json={"receipt": receipt})

    # Polls and their results

    async def poll(self, poll: str) -> Document:
        """Return the poll as it is public."""
        return await self._call("GET", _public(poll))

    async def results(self, poll: str) -> Document:
        """Return the results that this voter may see."""
        return await self._call("GET", f"{_public(poll)}/results", bearer=self.token)

    async def timeline(self, poll: str) -> Document:
        """Return the totals over time: ``{"points": [{"at", "voters", "counts"}]}``.

        Raises ``ApiError`` (``results-hidden``) while the results are hidden.
        """
        return await self._call("GET", f"{_public(poll)}/timeline", bearer=self.token)

    async def distribution(self, poll: str) -> Document:
        """Return the histograms of a forecast: ``{"bins", "counts"}``."""
        return await self._call("GET", f"{_public(poll)}/distribution", bearer=self.token)

    def watch(
        self, poll: str, *, on_lost: Callable[[ClientError], None] | None = None
    ) -> AsyncGenerator[Document]:
        """Yield the current results, then each change, without end. See ``pollwire.streaming.watch``."""
        if not _POLL_ID.fullmatch(poll):
            raise no_such_poll(poll)
        return watch(self.url, poll, ticket=self._ticket, patience_s=self._patience_s, on_lost=on_lost)

    async def _ticket(self) -> str | None:
        """Return a ticket to read as this operator or voter.

        Return None for the public view: without a key and a token, or if the service rejects them.
        """
        bearer = self._key or self.token
        if bearer is None:
            return None
        try:
            return str((await self._call("POST", "/v1/tickets", bearer=bearer))["ticket"])
        except ApiError as error:
            if error.status != httpx.codes.UNAUTHORIZED:
                raise
            return None

    # Administration

    async def create_poll(self, poll: Mapping[str, Any]) -> Document:
        """Create a poll. An identical repeat with the same id returns the existing poll."""
        return await self._call_admin("POST", "", json=poll, repeatable="id" in poll)

    async def polls(self, *, limit: int, **filters: str | None) -> tuple[list[Document], str | None]:
        """Return the newest ``limit`` polls and the cursor of the next page.

        Filters: ``phase``, ``kind``, ``series`` and ``q`` (text in the question or id).
        """
        wanted = {name: value for name, value in filters.items() if value is not None}
        return await fetch_all_pages(
            lambda params: self._call_admin("GET", "", params={**wanted, **params}), limit=limit
        )

    async def poll_for_operators(self, poll: str) -> Document:
        """Return the poll, also before it is public."""
        return await self._call_admin("GET", _one(poll))

    async def timeline_for_operators(self, poll: str) -> Document:
        """Return the totals over time (``{"points"}``), also if they are hidden from the public."""
        return await self._call_admin("GET", f"{_one(poll)}/timeline")

    async def results_for_operators(self, poll: str) -> Document:
        """Return the results, also if they are hidden from the public."""
        return await self._call_admin("GET", f"{_one(poll)}/results")

    async def edit_poll(
        self, poll: str, changes: Mapping[str, Any], *, version: int | None = None
    ) -> Document:
        """Change the fields in ``changes``. With ``version``, only if the poll still has that version."""
        headers = {} if version is None else {"If-Match": f'"{version}"'}
        return await self._call_admin(
            "PATCH", _one(poll), json=changes, headers=headers, repeatable=version is None
        )

    async def act(self, poll: str, action: str, **body: object) -> Document:
        """Perform a lifecycle action by its name, such as ``close``. A repeat is safe.

        ``reopen`` accepts ``closes_at=``. ``reset`` requires the poll's id as ``confirm=``; a repeat
        is safe only until the next vote.
        """
        return await self._call_admin("POST", f"{_one(poll)}/{action}", json=body)

    async def delete_poll(self, poll: str) -> None:
        """Delete the poll and all its votes permanently."""
        await self._call_admin("DELETE", _one(poll), json={"confirm": poll}, repeatable=False)

    async def report(self, poll: str) -> Document:
        """Report suspicious voting: ``{"votes", "usual_per_minute", "bursts", "tags"}``."""
        return await self._call_admin("GET", f"{_one(poll)}/report", timeout=RECOUNTED_WITHIN_S)

    async def purge(
        self, poll: str, *, since: str | None = None, to: str | None = None, tag: str | None = None
    ) -> Document:
        """Remove votes by time range, network, or both. Return ``{"purged"}``, their number.

        The range begins at ``since`` and ends before ``to`` (RFC 3339). ``tag`` identifies a network.
        """
        given = {"from": since, "to": to, "tag": tag}
        body = {"confirm": poll} | {name: value for name, value in given.items() if value is not None}
        return await self._call_admin("POST", f"{_one(poll)}/purge", json=body, timeout=RECOUNTED_WITHIN_S)

    async def erase(self, poll: str, receipt: str) -> Document:
        """Erase a vote by its receipt, without a trace. Return ``{"erased"}``, false if there was no vote."""
        body = {"receipt": receipt}
        return await self._call_admin("POST", f"{_one(poll)}/erase", json=body)

    async def recount(self, poll: str) -> Document:
        """Count all ballots again. Return ``{"matches", "stored", "recounted"}``.

        This takes minutes for many millions of ballots.
        """
        return await self._call_admin("POST", f"{_one(poll)}/recount", timeout=RECOUNTED_WITHIN_S)

    async def audit(self, poll: str, *, limit: int) -> tuple[list[Document], str | None]:
        """Return the newest ``limit`` entries of the poll's audit log and the cursor of the next page."""
        path = f"{_one(poll)}/audit"
        return await fetch_all_pages(lambda params: self._call_admin("GET", path, params=params), limit=limit)

    async def export(self, poll: str, export_format: str = "csv") -> AsyncGenerator[bytes]:
        """Yield the pieces of a file (``csv`` or ``ndjson``) with all current votes.

        Raises ``Unreachable`` if the connection is lost before the file is complete. Never retried.
        """
        path = f"{self.url}/v1/admin/polls{_one(poll)}/export"
        headers = {} if self._key is None else {"Authorization": f"Bearer {self._key}"}
        try:
            async with self._http.stream(
                "GET", path, params={"format": export_format}, headers=headers
            ) as response:
                if not response.is_success:
                    await response.aread()
                    self._parse_response(response)
                async for piece in response.aiter_bytes():
                    yield piece
        except httpx.TransportError as error:
            raise Unreachable(self.url, reason_of(error)) from None

    async def send_votes(self, poll: str, votes: Iterable[Vote]) -> AsyncGenerator[Document]:
        """Send the votes of voters that this back end knows (scope ``votes:write``).

        Yields one result for each line, in order: ``{"line", "status", "revision"}``, or
        ``{"line", "problem", "status", "detail"}`` for a rejected vote. Never retried. Sending all
        votes again is safe: votes that were counted are ``unchanged``. Raises ``Unreachable`` if the
        connection is lost; the votes without a result may have been counted.
        """
        path = f"/v1/admin/polls{_one(poll)}/votes"
        headers = {"Content-Type": NDJSON}
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key}"
        for before, body in parts_of(votes):
            for text in (await self._send_part(path, body, headers)).splitlines():
                yield self._line_result(text, before)

    def _line_result(self, text: bytes, before: int) -> Document:
        """Parse the result of one line. Its number counts from the first of all parts."""
        try:
            result = json.loads(text)
            return {**result, "line": result["line"] + before}
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

    async def create_key(
        self,
        name: str,
        scopes: Sequence[str],
        *,
        polls: Sequence[str] = (),
        series: Sequence[str] = (),
        expires_at: str | None = None,
    ) -> Document:
        """Create an API key. Its ``key`` is returned only here. Never retried: each call creates another.

        ``polls`` has ids, and prefixes that end with ``*``. With ``polls`` or ``series``, the key may use no
        other polls. ``expires_at`` is RFC 3339 with an offset.
        """
        limits = {"polls": list(polls), "series": list(series), "expires_at": expires_at}
        body = {"name": name, "scopes": list(scopes)} | {key: value for key, value in limits.items() if value}
        return await self._call("POST", "/v1/admin/keys", bearer=self._key, json=body, repeatable=False)

    async def keys(self) -> list[Document]:
        """Return all API keys, newest first, without their secrets."""
        items, _ = await fetch_all_pages(
            lambda params: self._call_operator("GET", "/v1/admin/keys", params=params)
        )
        return items

    async def service_audit(self, *, limit: int | None = None) -> tuple[list[Document], str | None]:
        """Return the newest ``limit`` entries of the service's audit log (None: all), and the cursor."""
        return await fetch_all_pages(
            lambda params: self._call_operator("GET", "/v1/admin/audit", params=params), limit=limit
        )

    async def revoke_key(self, key: str) -> None:
        """Revoke the API key with this id."""
        path = f"/v1/admin/keys/{quote(key, safe='')}"
        await self._call("DELETE", path, bearer=self._key, repeatable=False)

    async def _call_operator(self, method: str, path: str, **request: Any) -> Document:
        return await self._call(method, path, bearer=self._key, **request)

    async def _call_admin(self, method: str, path: str, **request: Any) -> Document:
        return await self._call(method, f"/v1/admin/polls{path}", bearer=self._key, **request)

    async def _call(
        self, method: str, path: str, *, bearer: str | None = None, repeatable: bool = True, **request: Any
    ) -> Document:
        """Send a request, and retry it while that is safe and may help. Passes ``request`` to httpx."""
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
                # Without a connection nothing was sent, so a retry is always safe.
                again = repeatable or isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            wait_s = failure.retry_after_s if isinstance(failure, ApiError) else 0.0
            if not (again and await backoff.pause(wait_s)):
                raise failure

    def _parse_response(self, response: httpx.Response) -> Document:
        """Return the JSON object of a success (empty for 204). Raise the error of any other response."""
        if response.status_code == httpx.codes.NO_CONTENT:
            return {}
        headers = response.headers
        if response.is_success:
            return self._object_in(response)
        error = parse_error(response.content, headers.get("content-type", ""), headers.get("retry-after"))
        raise error or UnexpectedResponse(self.url, response.status_code)

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
