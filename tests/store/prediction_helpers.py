"""Helpers for store tests of predictions and series."""

from __future__ import annotations

import asyncio

from pollwire_server.domain.poll import Kind, Revote
from pollwire_server.domain.window import LifecycleAction
from pollwire_server.store import Store, open_store
from pollwire_server.store.keys import series_keys
from pollwire_server.store.polls.repository import PollRecord
from pollwire_server.store.predictions.progress import Progress
from pollwire_server.store.predictions.resolutions import ResolutionRequest
from pollwire_server.store.predictions.series import decode_score
from pollwire_server.store.votes.ballots import BallotInput

from tests.factories import a_voter, options
from tests.store.ballot_helpers import cast, made
from tests.wait import until


async def a_prediction(store: Store, series: str | None = "cup", **changes: object) -> PollRecord:
    """Create a prediction in a series. Picks may be changed."""
    fields = {"kind": Kind.PREDICTION, "revote": Revote.WITHDRAW, "options": options("home", "away", "draw")}
    return await made(store, series=series, **(fields | changes))


async def picked(store: Store, record: PollRecord, *picks: tuple[bytes, str]) -> None:
    """Cast picks of voters, each by the letter of an outcome."""
    await cast(store, record, *(BallotInput(voter, code) for voter, code in picks))


async def closed(store: Store, record: PollRecord) -> PollRecord:
    """Close the prediction."""
    return await store.polls.act(record.poll.id, LifecycleAction.CLOSE)


async def resolved(
    store: Store, record: PollRecord, outcome: str | None, effective_at: int | None = None
) -> PollRecord:
    """Resolve the prediction and wait until all voters are scored."""
    request = ResolutionRequest(outcome, effective_at)
    while isinstance(after := await store.resolutions.resolve(record.poll.id, request, by="ama"), Progress):
        pass  # a busy machine: the same request waits again
    return after


async def unresolved(store: Store, record: PollRecord) -> PollRecord:
    """Undo the resolution and all scores."""
    while isinstance(after := await store.resolutions.unresolve(record.poll.id, by="ama"), Progress):
        pass
    return after


async def crowd(store: Store, record: PollRecord, size: int) -> dict[bytes, tuple[int, int]]:
    """Cast picks of ``count`` voters. Every third one picks the first outcome. Return the expected scores."""
    voters = [a_voter() for _ in range(size)]
    for start in range(0, size, 1000):
        part = range(start, min(start + 1000, size))
        await picked(store, record, *((voters[place], "ABC"[place % 3]) for place in part))
    return {voter: (int(place % 3 == 0), 1) for place, voter in enumerate(voters)}


async def all_scores(store: Store, series: str = "cup") -> dict[bytes, tuple[int, int]]:
    """Return the number of right and of scored votes of every stored row."""
    keys, client = series_keys(store.connection.namespace, series), store.connection.client
    version = int(await client.hget(keys.series, "settled") or 0)
    stored = await client.hgetall(keys.scores)
    return {voter: decode_score(row, version)[:2] for voter, row in stored.items()}


async def broken_off(
    store: Store, url: str, record: PollRecord, *, after_steps: int, taking_back: bool = False
) -> Progress:
    """Start to score for ``home`` (or to undo it) in another process that dies after this many steps."""
    dying = await open_store(url, namespace=store.connection.namespace)
    call, made = dying.polls.call, 0

    async def call_until_death(function: str, poll_id: str, args: list[object]) -> object:
        nonlocal made
        made += function == "score_page"
        if made > after_steps:
            await asyncio.Event().wait()  # the process does nothing any more
        return await call(function, poll_id, args)

    dying.polls.call = call_until_death  # type: ignore[assignment,method-assign]  # a death at a chosen step
    if taking_back:
        progress = await dying.resolutions.unresolve(record.poll.id, by="ama")
    else:
        progress = await dying.resolutions.resolve(record.poll.id, ResolutionRequest("home"), by="ama")
    await dying.close()
    assert isinstance(progress, Progress)
    return progress


async def until_later(store: Store, instant: int) -> None:
    """Wait until the store's clock has passed this time."""

    async def is_later() -> bool:
        return await store.polls.now() > instant

    await until(is_later)


async def scores_in(store: Store, series: str = "cup") -> dict[bytes, tuple[int, int]]:
    """Return the right and scored counts by voter."""
    rows, total = await store.series.rows(series, after=0, limit=100)
    assert len(rows) == total
    return {row.voter: (row.score.right, row.score.forecasts) for row in rows}
