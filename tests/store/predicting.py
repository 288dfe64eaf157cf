"""Short words for tests of predictions and their series."""

from __future__ import annotations

from service.domain.poll import Kind, Revote
from service.domain.window import Act
from service.store import Store
from service.store.ballots import Cast
from service.store.polls import PollRecord
from service.store.resolutions import Resolving
from tests.making import options
from tests.store.casting import cast, made
from tests.waiting import until


async def a_prediction(store: Store, series: str | None = "cup", **changes: object) -> PollRecord:
    """A prediction of who wins, in a series; picks may be changed."""
    fields = {"kind": Kind.PREDICTION, "revote": Revote.WITHDRAW, "options": options("home", "away", "draw")}
    return await made(store, series=series, **(fields | changes))


async def picked(store: Store, record: PollRecord, *picks: tuple[bytes, str]) -> None:
    """Voters pick outcomes (by letter)."""
    await cast(store, record, *(Cast(voter, code) for voter, code in picks))


async def closed(store: Store, record: PollRecord) -> PollRecord:
    """Voting has ended."""
    return await store.polls.act(record.poll.id, Act.CLOSE)


async def resolved(
    store: Store, record: PollRecord, outcome: str | None, effective_at: int | None = None
) -> PollRecord:
    """The prediction has come to the outcome, and everybody is scored."""
    after = await store.resolutions.resolve(record.poll.id, Resolving(outcome, effective_at), by="ama")
    assert isinstance(after, PollRecord)
    return after


async def unresolved(store: Store, record: PollRecord) -> PollRecord:
    """The outcome was taken back, and every score."""
    after = await store.resolutions.unresolve(record.poll.id, by="ama")
    assert isinstance(after, PollRecord)
    return after


async def until_later(store: Store, instant: int) -> None:
    """The store's clock has left the instant behind."""

    async def is_later() -> bool:
        return await store.polls.now() > instant

    await until(is_later)


async def scores_in(store: Store, series: str = "cup") -> dict[bytes, tuple[int, int]]:
    """Right and scored, by voter."""
    rows, total = await store.series.rows(series, after=0, limit=100)
    assert len(rows) == total
    return {row.voter: (row.score.right, row.score.forecasts) for row in rows}
