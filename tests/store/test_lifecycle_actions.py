"""Voting windows and lifecycle actions: the store and the domain apply the same rules."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import pytest
from pollwire_server.domain.errors import InvalidPoll, PhaseConflict, PollNotFound, VersionMismatch
from pollwire_server.domain.poll import Kind
from pollwire_server.domain.window import TRANSITIONS, LifecycleAction, Phase, phase_at
from pollwire_server.store import Store
from pollwire_server.store.polls.repository import PollRecord
from pollwire_server.store.votes.ballots import BallotInput, BallotStatus

from tests.factories import FAR_OFF, LONG_AGO, a_voter
from tests.store.ballot_helpers import DAY_MS, cast, made, outcomes_of, set_field


async def scheduled(store: Store) -> PollRecord:
    """Create a scheduled poll."""
    return await made(store, opens_at=FAR_OFF)


async def opened_by_clock(store: Store) -> PollRecord:
    """Create a poll that its ``opens_at`` has opened."""
    return await made(store)


async def opened_by_act(store: Store) -> PollRecord:
    """Create a poll that an operator opened."""
    return await store.polls.act((await scheduled(store)).poll.id, LifecycleAction.OPEN)


async def closed_by_clock(store: Store) -> PollRecord:
    """Create a poll that its ``closes_at`` has closed."""
    return await made(store, closes_at=LONG_AGO + 1)


async def closed_by_act(store: Store) -> PollRecord:
    """Create a poll that an operator closed."""
    return await store.polls.act((await made(store)).poll.id, LifecycleAction.CLOSE)


async def reopened(store: Store) -> PollRecord:
    """Create a poll that an operator closed and reopened without a closing time."""
    return await store.polls.act((await closed_by_act(store)).poll.id, LifecycleAction.REOPEN)


async def canceled(store: Store) -> PollRecord:
    """Create a canceled poll."""
    return await store.polls.act((await made(store)).poll.id, LifecycleAction.CANCEL)


async def archived(store: Store) -> PollRecord:
    """Create an archived poll."""
    return await store.polls.act((await closed_by_act(store)).poll.id, LifecycleAction.ARCHIVE)


Situation = Callable[[Store], Awaitable[PollRecord]]
SITUATIONS = [scheduled, opened_by_clock, opened_by_act, closed_by_clock, closed_by_act, reopened]
SITUATIONS += [canceled, archived]


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("action", list(LifecycleAction))
async def test_actions_match_domain_table(
    store: Store, action: LifecycleAction, situation: Situation
) -> None:
    record = await situation(store)
    await set_field(store, record, "results", "operators")
    store.polls.on_gap()
    record = await store.polls.get(record.poll.id)
    now = await store.polls.now()
    allowed_from, leads_to = TRANSITIONS[action]
    before = record.poll.phase(now)
    changes_nothing = before is leads_to and (action is not LifecycleAction.REOPEN or situation is reopened)
    if before in allowed_from:
        after = await store.polls.act(record.poll.id, action)
        assert after.poll.version == record.poll.version + 1
    elif changes_nothing:
        after = await store.polls.act(record.poll.id, action)
        assert after.poll == record.poll
    else:
        with pytest.raises(PhaseConflict) as conflict:
            await store.polls.act(record.poll.id, action)
        assert (conflict.value.act, conflict.value.phase) == (action, before)
        after = await store.polls.get(record.poll.id)
        assert after.poll == record.poll
        return
    assert after.poll.phase(await store.polls.now()) is (leads_to or before)


@pytest.mark.parametrize("closed_at", [None, -5, 5])
@pytest.mark.parametrize("closes_at", [None, -60_000, 60_000])
@pytest.mark.parametrize("opens_at", [-120_000, -60_000, 30_000])
async def test_phases_match_domain(
    store: Store, opens_at: int, closes_at: int | None, closed_at: int | None
) -> None:
    record, now = await made(store), await store.polls.now()
    ends = {"closes_at": closes_at, "closed_at": closed_at}
    window = {name: now + offset for name, offset in ends.items() if offset is not None}
    for name, instant in {"opens_at": now + opens_at, **window}.items():
        await set_field(store, record, name, instant)
    state = (await store.results.positions([record.poll.id]))[record.poll.id]
    assert state is not None
    expected = phase_at(
        now, opens_at=now + opens_at, closes_at=window.get("closes_at"), closed_at=window.get("closed_at")
    )
    assert state.phase is expected


@pytest.mark.parametrize("state", ["waiting", "scoring", "resolved", "archived"])
@pytest.mark.parametrize("resolve_by", [-1_000, 60_000])
@pytest.mark.parametrize("closed_at", [None, -60_000])
async def test_prediction_phases_match_domain(
    store: Store, closed_at: int | None, resolve_by: int, state: str
) -> None:
    record, now = await made(store, kind=Kind.PREDICTION), await store.polls.now()
    stored_resolution = {"at": "1", "effective_at": "1", "version": "1", "by": "ama", "outcome": "A"}
    fields: dict[str, object] = {"resolve_by": now + resolve_by}
    fields |= {} if closed_at is None else {"closed_at": now + closed_at}
    fields |= {
        "resolved": {"resolution": json.dumps(stored_resolution)},
        "archived": {"ended": "archived"},
    }.get(state, {})
    fields |= {"scoring": "+ A 1 3 0 0 1"} if state == "scoring" else {}
    for name, value in fields.items():
        await set_field(store, record, name, value)
    current = (await store.results.positions([record.poll.id]))[record.poll.id]
    assert current is not None
    store.polls.on_gap()  # forget the cached poll, which the test changed directly
    overdue = resolve_by < 0 and state == "waiting"
    known = {"resolved": Phase.RESOLVED, "archived": Phase.ARCHIVED}
    expected = known.get(state) or (Phase.CANCELED if overdue else Phase.CLOSED if closed_at else Phase.OPEN)
    after = (await store.results.read(record.poll.id)).record.poll
    assert current.phase is after.phase(now) is expected


async def test_open_sets_opening_time_to_now(store: Store) -> None:
    record = await opened_by_act(store)
    assert LONG_AGO < record.poll.opens_at <= await store.polls.now()
    assert await cast(store, record, BallotInput(a_voter(), "A")) == [BallotStatus.COUNTED]


async def test_close_keeps_planned_closing_time(store: Store) -> None:
    record = await made(store, closes_at=FAR_OFF)
    (vote,) = await outcomes_of(store, record, BallotInput(a_voter(), "A"))
    closed = await store.polls.act(record.poll.id, LifecycleAction.CLOSE)
    assert closed.poll.planned_closes_at == FAR_OFF
    assert closed.poll.closes_at == closed.poll.closed_at
    assert closed.poll.closed_at is not None
    assert vote.at < closed.poll.closed_at <= await store.polls.now() + 1
    assert await cast(store, closed, BallotInput(a_voter(), "A")) == [BallotStatus.CLOSED]


async def test_second_close_keeps_first_planned_closing_time(store: Store) -> None:
    record = await made(store, closes_at=FAR_OFF)
    await store.polls.act(record.poll.id, LifecycleAction.CLOSE)
    await store.polls.act(record.poll.id, LifecycleAction.REOPEN, closes_at=FAR_OFF - 1)
    assert (await store.polls.act(record.poll.id, LifecycleAction.CLOSE)).poll.planned_closes_at == FAR_OFF


async def test_reopen_sets_new_closing_time(store: Store) -> None:
    record = await closed_by_clock(store)
    opened = await store.polls.act(record.poll.id, LifecycleAction.REOPEN, closes_at=FAR_OFF)
    assert (opened.poll.closes_at, opened.poll.closed_at) == (FAR_OFF, None)
    assert await cast(store, opened, BallotInput(a_voter(), "A")) == [BallotStatus.COUNTED]
    await store.polls.act(record.poll.id, LifecycleAction.CLOSE)
    assert (await store.polls.act(record.poll.id, LifecycleAction.REOPEN)).poll.closes_at is None


async def test_second_reopen_with_other_closing_time_conflicts(store: Store) -> None:
    record = await closed_by_act(store)
    first = await store.polls.act(record.poll.id, LifecycleAction.REOPEN, closes_at=FAR_OFF)
    assert (
        await store.polls.act(record.poll.id, LifecycleAction.REOPEN, closes_at=FAR_OFF)
    ).poll == first.poll
    with pytest.raises(PhaseConflict):
        await store.polls.act(record.poll.id, LifecycleAction.REOPEN, closes_at=FAR_OFF + 1)


async def test_reopen_with_past_closing_time_is_rejected(store: Store) -> None:
    record = await closed_by_act(store)
    with pytest.raises(InvalidPoll) as refused:
        await store.polls.act(record.poll.id, LifecycleAction.REOPEN, closes_at=LONG_AGO)
    assert refused.value.field == "closes_at"
    assert (await store.polls.get(record.poll.id)).poll == record.poll


async def test_action_with_other_version_is_rejected(store: Store) -> None:
    record = await made(store)
    with pytest.raises(VersionMismatch) as mismatch:
        await store.polls.act(record.poll.id, LifecycleAction.CLOSE, version=7)
    assert mismatch.value.version == 1
    assert (await store.polls.act(record.poll.id, LifecycleAction.CLOSE, version=1)).poll.version == 2
    assert (await store.polls.act(record.poll.id, LifecycleAction.CLOSE, version=1)).poll.version == 2


async def test_action_on_missing_poll_raises_not_found(store: Store) -> None:
    with pytest.raises(PollNotFound):
        await store.polls.act("nowhere", LifecycleAction.OPEN)


async def test_window_read_as_closed_stays_closed_after_clock_step(store: Store) -> None:
    record, now = await made(store), await store.polls.now()
    await set_field(store, record, "closes_at", now - 1)
    assert (await store.results.read(record.poll.id)).record.poll.closed_at == now - 1
    await set_field(store, record, "closes_at", now + DAY_MS)
    assert await cast(store, record, BallotInput(a_voter(), "A")) == [BallotStatus.CLOSED]
