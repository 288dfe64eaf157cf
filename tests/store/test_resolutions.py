"""Resolutions of predictions: scores, allowed transitions, and no double scoring."""

from __future__ import annotations

import asyncio

import pytest
from pollwire_server.domain.errors import InvalidPoll, PhaseConflict, PollNotFound, VersionMismatch
from pollwire_server.domain.poll import Resolution
from pollwire_server.domain.timestamps import format_timestamp
from pollwire_server.domain.window import LifecycleAction, Phase
from pollwire_server.store import Store, open_store
from pollwire_server.store.keys import SCORED_VOTERS
from pollwire_server.store.polls.repository import PollRecord
from pollwire_server.store.predictions.resolutions import ResolutionRequest
from pollwire_server.store.votes.ballots import BallotInput, BallotStatus
from pollwire_server.store.webhooks.outbox import OutboxScan

from tests.factories import FAR_OFF, LONG_AGO, a_voter
from tests.store.ballot_helpers import cast, outcomes_of, set_field, tally_of
from tests.store.prediction_helpers import (
    a_prediction,
    all_scores,
    broken_off,
    closed,
    crowd,
    picked,
    resolved,
    scores_in,
    unresolved,
    until_later,
)
from tests.valkey import Valkey

SERIES = pytest.mark.parametrize("series", ["cup", None])


async def phase_of(store: Store, record: PollRecord) -> Phase:
    """Return the current phase of the poll."""
    return (await store.polls.get(record.poll.id)).poll.phase(await store.polls.now())


@SERIES
async def test_resolved_prediction_has_outcome_and_metadata(store: Store, series: str | None) -> None:
    record = await closed(store, await a_prediction(store, series))
    request = ResolutionRequest("home", note="full time")
    after = await store.resolutions.resolve(record.poll.id, request, by="ama")
    assert isinstance(after, PollRecord)
    resolution = after.poll.resolution
    assert resolution is not None
    assert resolution == Resolution(
        code="A",
        at=resolution.at,
        effective_at=record.poll.closed_at or 0,
        by="ama",
        version=after.poll.version,
        note="full time",
    )
    assert (after.poll.outcome, await phase_of(store, record)) == ("home", Phase.RESOLVED)


async def test_each_voter_is_scored_once(store: Store) -> None:
    record = await a_prediction(store)
    right, wrong, gone = a_voter(), a_voter(), a_voter()
    await picked(store, record, (right, "A"), (wrong, "B"), (gone, "A"))
    await store.ballots.withdraw(record, gone)
    await resolved(store, await closed(store, record), "home")
    assert await scores_in(store) == {right: (1, 1), wrong: (0, 1)}


async def test_ballot_changed_after_effective_at_does_not_score(store: Store) -> None:
    record = await a_prediction(store)
    early, late = a_voter(), a_voter()
    (vote,) = await outcomes_of(store, record, BallotInput(early, "A"))
    await until_later(store, vote.at)
    await picked(store, record, (late, "A"))
    await resolved(store, await closed(store, record), "home", effective_at=vote.at)
    assert await scores_in(store) == {early: (1, 1)}


@SERIES
@pytest.mark.parametrize("outcome", ["home", None])
async def test_repeated_resolution_changes_nothing(
    store: Store, series: str | None, outcome: str | None
) -> None:
    record = await closed(store, await a_prediction(store, series))
    first = await resolved(store, record, outcome)
    assert (await resolved(store, record, outcome)).poll == first.poll
    back = await unresolved(store, record)
    assert (await unresolved(store, record)).poll == back.poll


@SERIES
async def test_resolution_with_other_outcome_conflicts(store: Store, series: str | None) -> None:
    record = await closed(store, await a_prediction(store, series))
    await resolved(store, record, "home", effective_at=LONG_AGO)
    for outcome, effective_at in (("away", None), (None, None), ("home", LONG_AGO + 1)):
        with pytest.raises(PhaseConflict) as conflict:
            await resolved(store, record, outcome, effective_at)
        assert conflict.value.phase == "resolved"
    await unresolved(store, record)
    assert (await resolved(store, record, "away")).poll.outcome == "away"


async def test_annulled_prediction_gives_no_scores(store: Store) -> None:
    record = await a_prediction(store)
    await picked(store, record, (a_voter(), "A"))
    after = await resolved(store, await closed(store, record), None)
    assert after.poll.resolution is not None
    assert after.poll.outcome is None
    assert await scores_in(store) == {}


@pytest.mark.parametrize("phase", ["open", "scheduled", "canceled"])
async def test_only_closed_prediction_can_be_resolved(store: Store, phase: str) -> None:
    record = await a_prediction(store, opens_at=FAR_OFF if phase == "scheduled" else LONG_AGO)
    if phase == "canceled":
        await store.polls.act(record.poll.id, LifecycleAction.CANCEL)
    with pytest.raises(PhaseConflict) as conflict:
        await resolved(store, record, "home")
    assert conflict.value.phase == phase


async def test_unknown_outcome_and_future_effective_at_are_rejected(store: Store) -> None:
    record = await closed(store, await a_prediction(store))
    with pytest.raises(InvalidPoll) as refused:
        await resolved(store, record, "unknown")
    assert refused.value.field == "outcome"
    with pytest.raises(InvalidPoll) as refused:
        await resolved(store, record, "home", effective_at=FAR_OFF)
    assert refused.value.field == "effective_at"
    with pytest.raises(PollNotFound):
        await store.resolutions.unresolve("nowhere", by="ama")


async def test_resolution_with_other_version_is_rejected(store: Store) -> None:
    record = await closed(store, await a_prediction(store))
    with pytest.raises(VersionMismatch):
        await store.resolutions.resolve(record.poll.id, ResolutionRequest("home"), version=1, by="ama")
    await store.resolutions.resolve(record.poll.id, ResolutionRequest("home"), version=2, by="ama")
    with pytest.raises(VersionMismatch):
        await store.resolutions.unresolve(record.poll.id, version=2, by="ama")


@pytest.mark.parametrize(
    "action",
    [
        LifecycleAction.REOPEN,
        LifecycleAction.CANCEL,
        LifecycleAction.RESET,
        LifecycleAction.CLOSE,
        LifecycleAction.OPEN,
    ],
)
async def test_resolved_prediction_rejects_other_actions(store: Store, action: LifecycleAction) -> None:
    record = await closed(store, await a_prediction(store))
    await resolved(store, record, "home")
    with pytest.raises(PhaseConflict):
        await store.polls.act(record.poll.id, action)
    with pytest.raises(PhaseConflict):
        await store.polls.delete(record.poll.id)
    listed, _ = await store.polls.list()
    assert [entry.poll.id for entry in listed] == [record.poll.id]


async def test_resolved_prediction_rejects_votes(store: Store) -> None:
    record = await a_prediction(store)
    await resolved(store, await closed(store, record), "home")
    stored = await store.polls.get(record.poll.id)
    assert await cast(store, stored, BallotInput(a_voter(), "A")) == [BallotStatus.CLOSED]
    back = await unresolved(store, record)
    assert await cast(store, back, BallotInput(a_voter(), "A")) == [BallotStatus.CLOSED]


async def test_unresolve_removes_exactly_own_scores(store: Store) -> None:
    first, second = await a_prediction(store), await a_prediction(store)
    ama, kofi = a_voter(), a_voter()
    await picked(store, first, (ama, "A"))
    await picked(store, second, (ama, "B"), (kofi, "A"))
    await resolved(store, await closed(store, first), "home")
    before = await all_scores(store)
    await resolved(store, await closed(store, second), "home")
    assert await scores_in(store) == {ama: (1, 2), kofi: (1, 1)}
    await unresolved(store, second)
    assert await all_scores(store) == before
    assert await phase_of(store, second) is Phase.CLOSED


async def test_archive_keeps_outcome_and_scores(store: Store) -> None:
    record = await a_prediction(store)
    ama = a_voter()
    await picked(store, record, (ama, "A"))
    await resolved(store, await closed(store, record), "home")
    archived = await store.polls.act(record.poll.id, LifecycleAction.ARCHIVE)
    assert archived.poll.outcome == "home"
    assert await scores_in(store) == {ama: (1, 1)}
    with pytest.raises(PhaseConflict):
        await unresolved(store, record)


async def test_concurrent_different_outcomes_score_exactly_one(store: Store, valkey: Valkey) -> None:
    record = await a_prediction(store)
    expected = await crowd(store, record, 900)
    await closed(store, record)
    other = await open_store(valkey.url, namespace=store.connection.namespace)
    outcomes = await asyncio.gather(
        store.resolutions.resolve(record.poll.id, ResolutionRequest("home"), by="ama"),
        other.resolutions.resolve(record.poll.id, ResolutionRequest("away"), by="kofi"),
        return_exceptions=True,
    )
    await other.close()
    (won,) = (each for each in outcomes if isinstance(each, PollRecord))
    (lost,) = (each for each in outcomes if isinstance(each, PhaseConflict))
    assert lost.phase in {"closed", "resolved"}
    right = sum(score[0] for score in (await all_scores(store)).values())
    assert right == 300
    assert won.poll.outcome in {"home", "away"}
    assert len(await all_scores(store)) == len(expected)


async def test_concurrent_identical_resolutions_score_once(store: Store, valkey: Valkey) -> None:
    record = await a_prediction(store)
    expected = await crowd(store, record, 3000)
    await closed(store, record)
    others = [await open_store(valkey.url, namespace=store.connection.namespace) for _ in range(3)]
    await asyncio.gather(*(resolved(each, record, "home") for each in (store, *others)))
    for each in others:
        await each.close()
    assert await all_scores(store) == expected


@pytest.mark.parametrize("steps", [1, 7, 20])
async def test_interrupted_scoring_is_completed_by_another_process(
    store: Store, valkey: Valkey, steps: int
) -> None:
    record = await a_prediction(store)
    expected = await crowd(store, record, 9000)
    await closed(store, record)
    progress = await broken_off(store, valkey.url, record, after_steps=steps)
    assert 0 < progress.done < progress.total == 18_000
    assert await phase_of(store, record) is Phase.CLOSED
    with pytest.raises(PhaseConflict):
        await store.polls.act(record.poll.id, LifecycleAction.REOPEN)
    with pytest.raises(PhaseConflict):
        await store.polls.delete(record.poll.id)
    assert (await resolved(store, record, "home")).poll.phase(FAR_OFF) is Phase.RESOLVED
    assert await all_scores(store) == expected
    assert not await store.connection.client.exists(record.keys[SCORED_VOTERS])
    await unresolved(store, record)
    assert await all_scores(store) == {}


async def test_resolve_and_unresolve_are_in_audit_log(store: Store) -> None:
    record = await closed(store, await a_prediction(store))
    await resolved(store, record, "home")
    await resolved(store, record, "home")
    await unresolved(store, record)
    entries, _ = await store.audit_log.entries(record.poll.id, cursor=None, limit=10)
    undone, done = entries[:2]
    assert (undone.act, done.act, done.by) == ("unresolve", "resolve", "ama")
    assert done.before is not None
    assert done.after is not None
    assert undone.after is not None
    assert (done.before["phase"], done.after["phase"], undone.after["phase"]) == (
        "closed",
        "resolved",
        "closed",
    )
    assert done.after["resolution"] == {"outcome": "home", "note": None}
    assert undone.after["resolution"] is None


async def test_prediction_without_outcome_is_canceled_at_resolve_by(store: Store) -> None:
    record = await a_prediction(store, closes_at=FAR_OFF, resolve_by=FAR_OFF + 1)
    await set_field(store, record, "resolve_by", LONG_AGO + 5)
    assert (await store.results.positions([record.poll.id]))[record.poll.id].phase is Phase.CANCELED  # type: ignore[union-attr]
    assert await cast(store, record, BallotInput(a_voter(), "A")) == [BallotStatus.CLOSED]
    await set_field(store, record, "resolve_by", FAR_OFF)
    after = await store.polls.get(record.poll.id)
    assert (after.poll.phase(LONG_AGO), after.poll.closed_at) == (Phase.CANCELED, LONG_AGO + 5)
    assert (await tally_of(store, record)).voters == 0
    with pytest.raises(PhaseConflict):
        await resolved(store, record, "home")


@pytest.mark.parametrize("seen_first", ["by a reader", "by an act", "by a look", "by no process"])
@pytest.mark.parametrize("phase", [Phase.OPEN, Phase.CLOSED])
async def test_cancel_by_clock_is_in_audit_log_once(store: Store, phase: Phase, seen_first: str) -> None:
    record = await a_prediction(store, resolve_by=FAR_OFF)
    await picked(store, record, (a_voter(), "A"))
    if phase is Phase.CLOSED:
        record = await closed(store, record)
    due = (record.poll.closed_at or LONG_AGO) + 5
    await until_later(store, due)
    await set_field(store, record, "resolve_by", due)
    if seen_first == "by a reader":
        await store.polls.get(record.poll.id)
    elif seen_first == "by an act":
        await store.polls.act(record.poll.id, LifecycleAction.PUBLISH)
        await store.polls.act(record.poll.id, LifecycleAction.ARCHIVE, by="ama")
    elif seen_first == "by a look":
        await store.outbox.scan_many([store.outbox.place_of(record.poll.id)], None)
    entries, _ = await store.audit_log.entries(record.poll.id, cursor=None, limit=10)
    (entry,) = (entry for entry in entries if entry.act == "cancel")
    assert (entry.by, entry.at) == ("clock", format_timestamp(due))
    version = record.poll.version
    assert entry.before is not None
    assert entry.before.items() >= {"version": version, "phase": phase.value}.items()
    assert entry.after is not None
    assert entry.after.items() >= {"version": version + 1, "phase": "canceled"}.items()
    assert entries[0].act == ("archive" if seen_first == "by an act" else "cancel")


async def test_prediction_without_end_is_scanned_at_resolve_by(store: Store) -> None:
    record = await a_prediction(store, closes_at=None, resolve_by=FAR_OFF)
    (scan,) = await store.outbox.scan_many([store.outbox.place_of(record.poll.id)], None)
    assert isinstance(scan, OutboxScan)
    assert scan.next_at == FAR_OFF


async def test_resolved_prediction_ignores_resolve_by(store: Store) -> None:
    record = await closed(store, await a_prediction(store, resolve_by=FAR_OFF))
    await resolved(store, record, "home")
    await set_field(store, record, "resolve_by", LONG_AGO)
    assert await phase_of(store, record) is Phase.RESOLVED
    back = await unresolved(store, record)
    assert (back.poll.phase(FAR_OFF), back.poll.resolve_by) == (Phase.CLOSED, None)


async def test_reopened_prediction_must_close_before_resolve_by(store: Store) -> None:
    record = await closed(store, await a_prediction(store, resolve_by=FAR_OFF))
    with pytest.raises(InvalidPoll):
        await store.polls.act(record.poll.id, LifecycleAction.REOPEN, closes_at=FAR_OFF)
    await store.polls.act(record.poll.id, LifecycleAction.REOPEN, closes_at=FAR_OFF - 1)
