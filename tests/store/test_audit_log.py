"""Audit log: each action is recorded by the function that performs it, and by no other."""

from __future__ import annotations

import msgspec
import pytest
from pollwire_server.domain.audit import OMITTED
from pollwire_server.domain.errors import InvalidPoll, PhaseConflict, VersionMismatch
from pollwire_server.domain.poll import Option, ResultsMode
from pollwire_server.domain.window import LifecycleAction
from pollwire_server.store import Store
from pollwire_server.store.votes.ballots import BallotInput

from tests.factories import a_poll, a_voter
from tests.store.ballot_helpers import cast, made


async def log_of(store: Store, poll_id: str, limit: int = 100) -> list[tuple[str, str]]:
    """Return the actor and the action of each entry, the newest first."""
    entries, _ = await store.audit_log.entries(poll_id, cursor=None, limit=limit)
    return [(entry.by, entry.act) for entry in entries]


async def test_audit_log_has_entry_for_every_change(store: Store) -> None:
    poll = a_poll(results=ResultsMode.OPERATORS)
    record, _ = await store.polls.create(poll, "digest", by="ama")
    after = msgspec.structs.replace(poll, question="Who wins?", version=2)
    record = await store.polls.edit(record, after, assumes_unvoted=True, by="kofi")
    for act in (
        LifecycleAction.CLOSE,
        LifecycleAction.REOPEN,
        LifecycleAction.PUBLISH,
        LifecycleAction.RESET,
        LifecycleAction.CANCEL,
        LifecycleAction.ARCHIVE,
    ):
        await store.polls.act(poll.id, act, by="ama")
    await store.polls.delete(poll.id, by="esi")
    done = ["archive", "cancel", "reset", "publish", "reopen", "close"]
    expected = [("esi", "delete"), *(("ama", act) for act in done), ("kofi", "edit"), ("ama", "create")]
    assert await log_of(store, poll.id) == expected


async def test_audit_entry_has_state_before_and_after(store: Store) -> None:
    record = await made(store, results=ResultsMode.OPERATORS)
    await cast(store, record, BallotInput(a_voter(), "A"))
    after = msgspec.structs.replace(record.poll, question="Who wins?", version=2)
    await store.polls.edit(record, after, assumes_unvoted=False)
    await store.polls.act(record.poll.id, LifecycleAction.PUBLISH)
    await store.polls.act(record.poll.id, LifecycleAction.RESET)
    (reset, publish, edit, create), _ = await store.audit_log.entries(record.poll.id, cursor=None, limit=9)
    assert create.before is None
    assert create.after is not None
    assert create.after["question"] == record.poll.question
    assert edit.before == {"version": 1, "phase": "open", "question": record.poll.question}
    assert edit.after == {"version": 2, "phase": "open", "question": "Who wins?"}
    assert publish.before == {"version": 2, "phase": "open", "results": "operators"}
    assert publish.after == {"version": 3, "phase": "open", "results": "always"}
    assert reset.before == {"version": 3, "phase": "open", "voters": 1}
    assert reset.after == {"version": 4, "phase": "open", "voters": 0}


async def test_rejected_and_repeated_changes_leave_no_audit_entry(store: Store) -> None:
    record = await made(store)
    await store.polls.create(record.poll, "digest")
    with pytest.raises(PhaseConflict):
        await store.polls.act(record.poll.id, LifecycleAction.ARCHIVE)
    await store.polls.act(record.poll.id, LifecycleAction.OPEN)
    await store.polls.act(record.poll.id, LifecycleAction.CLOSE)
    await store.polls.act(record.poll.id, LifecycleAction.CLOSE)
    with pytest.raises(VersionMismatch):
        await store.polls.edit(record, record.poll, assumes_unvoted=False)
    assert [act for _, act in await log_of(store, record.poll.id)] == ["close", "create"]


async def test_audit_pages_return_every_entry_once(store: Store) -> None:
    record = await made(store)
    for act in (LifecycleAction.CLOSE, LifecycleAction.REOPEN, LifecycleAction.CLOSE, LifecycleAction.REOPEN):
        await store.polls.act(record.poll.id, act)
    actions: list[str] = []
    cursor: str | None = None
    while True:
        entries, cursor = await store.audit_log.entries(record.poll.id, cursor=cursor, limit=2)
        actions += [entry.act for entry in entries]
        await store.polls.act(record.poll.id, LifecycleAction.PUBLISH)
        if cursor is None:
            break
    assert actions == ["reopen", "close", "reopen", "close", "create"]
    with pytest.raises(InvalidPoll):
        await store.audit_log.entries(record.poll.id, cursor="+", limit=2)


async def test_audit_log_keeps_latest_thousand_entries(store: Store) -> None:
    record = await made(store)
    for _ in range(505):
        await store.polls.act(record.poll.id, LifecycleAction.CLOSE)
        await store.polls.act(record.poll.id, LifecycleAction.REOPEN)
    assert len(await log_of(store, record.poll.id, limit=5000)) == 1000


async def test_audit_entry_of_large_edit_has_field_names_only(store: Store) -> None:
    options = tuple(Option(id=f"o{n}", label="x" * 200, code=chr(65 + n), image="/" * 900) for n in range(20))
    record = await made(store)
    after = msgspec.structs.replace(record.poll, options=options, version=2)
    await store.polls.edit(record, after, assumes_unvoted=True)
    (edit, _), _ = await store.audit_log.entries(record.poll.id, cursor=None, limit=2)
    assert edit.after == {"version": 2, "phase": "open", "options": OMITTED}
