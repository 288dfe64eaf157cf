"""Management of polls: create, read, edit, open, close and delete.

Checks run where they cannot race. The store checks windows and phases atomically, and compares the version of
an edit. If the version changed after the read, the edit is read and checked again.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import AsyncIterator
from enum import StrEnum
from hashlib import blake2b
from typing import Final, TypeVar

import msgspec
from msgspec import UnsetType

from pollwire_server.admin.export import Format, exported, format_of
from pollwire_server.admin.pagination import Page, limit_of
from pollwire_server.admin.requests import Object, Precondition, read_nothing
from pollwire_server.auth.api_keys import Operator, Scope
from pollwire_server.auth.issuers import issuer_id
from pollwire_server.domain.audit import AuditEntry, without_vote_counts
from pollwire_server.domain.decoding import decode_document
from pollwire_server.domain.errors import InvalidPoll, PollNotFound, PollwireError, VersionMismatch
from pollwire_server.domain.identifiers import IDENTIFIER
from pollwire_server.domain.poll import Kind, Poll
from pollwire_server.domain.poll_document import PollDocument, poll_document
from pollwire_server.domain.poll_draft import PollDraft, PollPatch, new_poll
from pollwire_server.domain.poll_edits import apply_patch, lowers_capacity
from pollwire_server.domain.recount import Recount, recount_of
from pollwire_server.domain.tally import Results, results_of
from pollwire_server.domain.timestamps import parse_timestamp
from pollwire_server.domain.window import LifecycleAction, Phase
from pollwire_server.store import Store
from pollwire_server.store.polls.repository import PollRecord

MAX_SEARCH_LENGTH: Final = 300
"""Characters. No question is longer."""

_RACES: Final = 8
"""Attempts of an edit that conflicts with other edits or votes. Each attempt is a full round trip."""
_WORDS_IN_ID: Final = 40
"""Characters of the question in a generated id."""
_SUFFIX_BYTES: Final = 4


class PollPage(Page[PollDocument], frozen=True):
    """One page of polls, newest first."""


class AuditPage(Page[AuditEntry], frozen=True):
    """One page of a poll's audit log, newest first."""


class ConfirmationBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body that confirms an action which removes votes."""

    confirm: str
    """The id of the poll."""


class ReopenBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body that reopens a poll. Without ``closes_at``, the poll stays open until an operator closes it."""

    closes_at: str | None = None
    timezone: str | None = None


class PollAdmin:
    """Service for polls. Its methods return documents that are ready to be encoded."""

    __slots__ = ("_store",)

    def __init__(self, store: Store) -> None:
        self._store = store

    async def _check_issuer(self, issuer: str | UnsetType | None) -> None:
        if isinstance(issuer, str) and issuer_id(issuer) not in await self._store.issuers.read_fresh(0):
            raise InvalidPoll("issuer", "No issuer with this name is registered. See /v1/admin/issuers.")

    async def find(self, poll_id: str, operator: Operator) -> PollRecord:
        """Return the current record of the poll from the store.

        Raises ``PollNotFound``, also if the operator's key is bound to other polls.
        """
        if not IDENTIFIER.fullmatch(poll_id):
            raise PollNotFound(poll_id[:64])
        record = await self._store.polls.get(poll_id)
        operator.require_poll(poll_id, record.poll.series)
        return record

    async def document(self, record: PollRecord) -> PollDocument:
        """Return the poll as a document, with its phase by the store's clock."""
        return poll_document(record.poll, await self._store.polls.now())

    async def create(self, body: Object, operator: Operator) -> tuple[PollDocument, bool]:
        """Create a poll. Return it and True, or the existing poll and False for a repeated request.

        Raises ``InvalidPoll``, ``PollExists`` if another poll has the id, and ``PollOutsideKey``.
        """
        draft = decode_document(body, PollDraft)
        await self._check_issuer(draft.issuer)
        now = await self._store.polls.now()
        poll_id = draft.id or generate_poll_id(draft.question)
        operator.require_new_poll(poll_id, draft.series)
        poll = new_poll(draft, poll_id=poll_id, now=now, tie_seed=secrets.token_hex(16))
        record, created = await self._store.polls.create(poll, request_digest(draft), by=operator.name)
        operator.require_poll(poll_id, record.poll.series)
        return poll_document(record.poll, now), created

    async def list(self, query: dict[str, str], operator: Operator) -> PollPage:
        """Return one page of the polls that the key covers, newest first.

        Raises ``InvalidPoll`` for a parameter.
        """
        records, cursor = await self._store.polls.list(
            cursor=query.get("cursor"),
            limit=limit_of(query.get("limit")),
            phase=_word_of(Phase, query, "phase"),
            kind=_word_of(Kind, query, "kind"),
            series=_series_of(query.get("series")),
            q=_search_of(query.get("q")),
            covers=None if operator.binding is None else operator.covers,
        )
        now = await self._store.polls.now()
        return PollPage([poll_document(record.poll, now) for record in records], cursor)

    async def edit(
        self, record: PollRecord, body: Object, precondition: Precondition, operator: Operator
    ) -> PollDocument:
        """Edit the poll. Return the new document.

        After a conflict with another edit, the first vote or the clock, the edit is checked again on the
        current record. With a precondition, another version raises ``VersionMismatch`` instead. Also raises
        ``InvalidPoll``, ``EditRefused``, ``PhaseConflict`` and ``ScopeMissing``.
        """
        patch = decode_document(body, PollPatch)
        await self._check_issuer(patch.issuer)
        for tries_left in reversed(range(_RACES)):
            precondition.check(record.poll.version)
            try:
                return await self.document(await self._edit_once(record, patch, operator))
            except VersionMismatch:
                if not tries_left:
                    raise
            record = await self.find(record.poll.id, operator)
        raise AssertionError("the last try either returns or raises")  # pragma: no cover

    async def _edit_once(self, record: PollRecord, patch: PollPatch, operator: Operator) -> PollRecord:
        now = await self._store.polls.now()
        after = apply_patch(record.poll, patch, now=now, voted=record.voted)
        if _is_same(record.poll, after):
            return record  # a repeated edit changes nothing, not even the version
        if record.voted and lowers_capacity(record.poll, after):
            operator.require_scope(Scope.RESULTS_READ)  # the store rejects a capacity below the votes
        return await self._store.polls.edit(record, after, assumes_unvoted=not record.voted, by=operator.name)

    async def act(
        self, record: PollRecord, action: LifecycleAction, body: Object, precondition: Precondition, by: str
    ) -> PollDocument:
        """Apply a lifecycle action. Return the poll. Repeating the last action changes nothing.

        Archiving also removes the votes from the store's files, in the background. A repeat starts this
        again.

        Raises ``InvalidPoll``, ``VersionMismatch`` and ``PhaseConflict``.
        """
        closes_at = _closing_of(action, body, record.poll.id)
        precondition.check(record.poll.version)
        version = record.poll.version if precondition.is_given else None
        after = await self._store.polls.act(
            record.poll.id, action, closes_at=closes_at, version=version, by=by
        )
        if action is LifecycleAction.ARCHIVE:
            self._store.aof_rewriter.begin()
        return await self.document(after)

    async def delete(self, record: PollRecord, body: Object, precondition: Precondition, by: str) -> None:
        """Delete the poll and its votes. Raises ``InvalidPoll`` unless the body confirms the poll's id."""
        _check_confirmed(body, record.poll.id, "delete")
        precondition.check(record.poll.version)
        await self._store.polls.delete(record.poll.id, by=by)

    async def recount(self, record: PollRecord) -> Recount:
        """Count all ballots. Return the result beside the stored totals of the same instant.

        Raises ``PhaseConflict`` for an archived poll, and ``Overloaded`` during another recount.
        """
        reading, codes = await self._store.recounts.recount(record.poll.id)
        return recount_of(reading.record.poll, reading.tally, codes)

    async def export(self, record: PollRecord, query: dict[str, str]) -> tuple[AsyncIterator[bytes], Format]:
        """Return the chunks of the export and its format. Raises ``InvalidPoll`` and ``PhaseConflict``."""
        export_format = format_of(query.get("format"))
        return await exported(self._store, record.poll.id, export_format), export_format

    async def audit(self, poll_id: str, query: dict[str, str], operator: Operator) -> AuditPage:
        """Return a page of the audit log, newest first.

        The log of a deleted poll is kept for a while. Without ``results:read``, numbers of votes are
        omitted.

        Raises ``PollNotFound``, and ``InvalidPoll`` with the parameter.
        """
        if not IDENTIFIER.fullmatch(poll_id):
            raise PollNotFound(poll_id[:64])
        operator.require_poll(poll_id, await self._store.locations.series_of(poll_id))
        limit = limit_of(query.get("limit"))
        entries, cursor = await self._store.audit_log.entries(
            poll_id, cursor=query.get("cursor"), limit=limit
        )
        if not entries:
            await self.find(poll_id, operator)
        if Scope.RESULTS_READ not in operator.scopes:
            entries = [without_vote_counts(entry) for entry in entries]
        return AuditPage(entries, cursor)

    async def timeline(self, record: PollRecord) -> bytes:
        """Return the totals over time as JSON, even if they are hidden from voters."""
        return (await self._store.timelines.read(record.poll.id)).body

    async def results(self, record: PollRecord) -> Results:
        """Return the totals, even if they are hidden from voters."""
        poll_id = record.poll.id
        reading = (await self._store.results.read_many([poll_id]))[poll_id]
        if isinstance(reading, PollwireError):
            raise reading
        if reading.record.poll.kind is not Kind.RANKED:
            return results_of(reading.record.poll, reading.tally)
        ranked, outcome = await self._store.ranked_results.with_runoff(reading)
        return results_of(ranked.record.poll, ranked.tally, outcome)


def _check_confirmed(body: Object, poll_id: str, action: str) -> None:
    if decode_document(body, ConfirmationBody).confirm != poll_id:
        raise InvalidPoll("confirm", f"To {action} this poll, confirm its id: {poll_id!r}.")


def _closing_of(action: LifecycleAction, body: Object, poll_id: str) -> int | None:
    """Return the closing time of a reopened poll (None: not scheduled). Check the body of other actions."""
    if action is LifecycleAction.RESET:
        _check_confirmed(body, poll_id, "reset")
        return None
    if action is not LifecycleAction.REOPEN:
        read_nothing(body)
        return None
    reopening = decode_document(body, ReopenBody)
    if reopening.closes_at is None:
        return None
    return parse_timestamp(reopening.closes_at, reopening.timezone, "closes_at")


Word = TypeVar("Word", bound=StrEnum)


def _word_of(words: type[Word], query: dict[str, str], name: str) -> Word | None:
    if name not in query:
        return None
    try:
        return words(query[name])
    except ValueError:
        known = ", ".join(words)
        raise InvalidPoll(name, f"{name} must be one of {known}, not {query[name][:40]!r}.") from None


def _series_of(text: str | None) -> str | None:
    if text is not None and not IDENTIFIER.fullmatch(text):
        raise InvalidPoll("series", "series must be an id of letters a to z, digits and hyphens.")
    return text


def _search_of(text: str | None) -> str | None:
    if text is not None and len(text) > MAX_SEARCH_LENGTH:
        raise InvalidPoll("q", f"q may have at most {MAX_SEARCH_LENGTH} characters.")
    return text or None


def request_digest(draft: PollDraft) -> str:
    """Return a digest that distinguishes a repeated request from another request for the same id.

    It covers the fields that differ from their defaults. So the order of keys does not change it, nor do
    fields that a later release adds.
    """
    given = {
        name: msgspec.to_builtins(value)
        for name in PollDraft.__struct_fields__
        if (value := getattr(draft, name)) != _DEFAULTS.get(name)
    }
    return blake2b(msgspec.json.encode(given, order="sorted"), digest_size=16).hexdigest()


_DEFAULTS: Final = {
    field.name: field.default
    for field in msgspec.structs.fields(PollDraft)
    if field.default is not msgspec.NODEFAULT
}


def generate_poll_id(question: str) -> str:
    """Return a readable id: words of the question and a random suffix."""
    plain = unicodedata.normalize("NFKD", question).encode("ascii", "ignore").decode().lower()
    words = "-".join(re.findall(r"[a-z0-9]+", plain))[:_WORDS_IN_ID].strip("-") or "poll"
    return f"{words}-{secrets.token_hex(_SUFFIX_BYTES)}"


def _is_same(before: Poll, after: Poll) -> bool:
    return msgspec.structs.replace(after, version=before.version) == before
