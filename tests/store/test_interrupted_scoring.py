"""Interrupted scoring: another process continues it, but leaves scoring in progress alone."""

from __future__ import annotations

import pytest
from pollwire_server.domain.window import Phase
from pollwire_server.store import Store
from pollwire_server.store.polls.repository import PollRecord
from pollwire_server.store.predictions import resolutions
from pollwire_server.store.webhooks.outbox import OutboxScan

from tests.store.prediction_helpers import a_prediction, broken_off, closed, crowd, scores_in
from tests.valkey import Valkey
from tests.wait import until


async def scan(store: Store, record: PollRecord) -> OutboxScan:
    """Scan the poll's outbox."""
    (found,) = await store.outbox.scan_many([store.outbox.place_of(record.poll.id)], None)
    assert isinstance(found, OutboxScan)
    return found


async def a_broken_scoring(store: Store, valkey: Valkey) -> PollRecord:
    """Create a prediction with interrupted scoring."""
    record = await a_prediction(store)
    await crowd(store, record, 90)
    record = await closed(store, record)
    await broken_off(store, valkey.url, record, after_steps=3)
    return record


async def test_outbox_scan_reports_scoring_progress(store: Store, valkey: Valkey) -> None:
    record = await a_broken_scoring(store, valkey)
    found = await scan(store, record)
    assert found.scoring is not None
    assert found.next_at is not None
    assert 0 < found.next_at - found.now <= 1000
    (due,) = await store.outbox.dues()
    await store.outbox.reschedule(due, found)
    (again,) = await store.outbox.dues()
    assert again.at == found.next_at


async def test_progressing_scoring_is_not_resumed(
    store: Store, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolutions, "STALLED_AFTER_S", 0.0)
    record = await a_broken_scoring(store, valkey)
    poll_id, scoring = record.poll.id, (await scan(store, record)).scoring
    assert scoring is not None
    for setup in (b"give + A 1 2 0 0 90", scoring):
        store.resolutions.resume_if_stalled(poll_id, setup)
        assert store.resolutions._tasks == {}
    store.resolutions.resume_if_stalled(poll_id, scoring)
    assert list(store.resolutions._tasks) == [poll_id]

    async def is_resolved() -> bool:
        now = await store.polls.now()
        return (await store.polls.get(poll_id)).poll.phase(now) is Phase.RESOLVED

    await until(is_resolved)
    assert len(await scores_in(store)) == 90


async def test_two_quick_scans_do_not_resume_scoring(store: Store, valkey: Valkey) -> None:
    record = await a_broken_scoring(store, valkey)
    for _ in range(3):
        store.resolutions.resume_if_stalled(record.poll.id, (await scan(store, record)).scoring)
    assert store.resolutions._tasks == {}
