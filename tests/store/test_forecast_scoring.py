"""Scores of forecasts in a series: equal to those computed from scratch, and shown in one step."""

from __future__ import annotations

import asyncio
import math
import random

import pytest
from pollwire_server.domain.forecast import (
    MICRO,
    apply_floor,
    decode_forecast,
    encode_forecast,
    largest_remainder,
)
from pollwire_server.domain.forecast_scoring import brier_micro, crowd_peer, log_probability, score_forecast
from pollwire_server.domain.scoring import RankBy, Score
from pollwire_server.store import Store
from pollwire_server.store.keys import series_keys
from pollwire_server.store.polls.repository import PollRecord
from pollwire_server.store.predictions import resolutions
from pollwire_server.store.predictions.resolutions import ResolutionRequest
from pollwire_server.store.votes.ballots import BallotInput, BallotStatus

from tests.factories import a_voter
from tests.store.ballot_helpers import cast, outcomes_of
from tests.store.prediction_helpers import (
    a_prediction,
    broken_off,
    closed,
    picked,
    resolved,
    scores_in,
    unresolved,
    until_later,
)
from tests.store.test_forecasts import a_code, a_forecast_poll
from tests.valkey import Valkey

Codes = dict[bytes, str]


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let requests wait for the end of the scoring, however slow the machine is."""
    monkeypatch.setattr(resolutions, "MAX_REQUEST_WAIT_S", 60.0)


async def forecasts_in(store: Store, record: PollRecord, source: random.Random, voters: list[bytes]) -> Codes:
    """Cast a random forecast for each voter and return them."""
    codes = {voter: a_code(source, len(record.poll.options)) for voter in voters}
    await cast(store, record, *(BallotInput(voter, code) for voter, code in codes.items()))
    return codes


async def corrected(store: Store, record: PollRecord, outcome: str | None) -> PollRecord:
    """Replace the outcome of a resolved prediction."""
    request = ResolutionRequest(outcome, correct=True)
    after = await store.resolutions.resolve(record.poll.id, request, by="ama")
    assert isinstance(after, PollRecord)
    return after


def crowd_of(codes: Codes) -> tuple[int, ...]:
    """Return the mean forecast."""
    return largest_remainder(
        [sum(column) for column in zip(*map(decode_forecast, codes.values()), strict=True)]
    )


def add_scores(board: dict[bytes, Score], codes: Codes, outcome: int, *, is_ordered: bool = False) -> None:
    """Add the scores of one prediction, computed from its forecasts, to a leaderboard."""
    logs = [
        math.floor(log_probability(decode_forecast(code), outcome) * 1e9 + 0.5) for code in codes.values()
    ]
    mean = sum(logs) / len(logs) / 1e9
    crowd = brier_micro(crowd_of(codes), outcome, is_ordered=is_ordered)
    for voter, code in codes.items():
        score = score_forecast(
            decode_forecast(code), outcome, mean_log=mean, forecasters=len(codes), is_ordered=is_ordered
        )
        added = (int(score.is_correct), 1, score.brier, score.baseline, score.peer, MICRO, crowd)
        before = board.get(voter, Score(0, 0))
        board[voter] = Score(*(old + new for old, new in zip(before, added, strict=True)))


async def board_of(store: Store) -> dict[bytes, Score]:
    """Return all rows of the leaderboard, after a check of their ranks."""
    board = await store.series.leaderboard("cup", after=0, limit=1000)
    assert len(board.rows) == board.total
    if board.series.rank_by is RankBy.PEER:
        peers = [row.score.peer for row in board.rows]
        assert peers == sorted(peers, reverse=True)
        assert [row.rank for row in board.rows] == [1 + sum(p > own for p in peers) for own in peers]
    return {row.voter: row.score for row in board.rows}


@pytest.mark.parametrize("is_ordered", [False, True], ids=["brier", "ranked"])
@pytest.mark.parametrize("outcomes", [2, 4], ids=["two", "four"])
async def test_leaderboard_equals_scores_from_scratch(store: Store, outcomes: int, is_ordered: bool) -> None:
    source, voters = random.Random(outcomes), [a_voter() for _ in range(60)]
    expected: dict[bytes, Score] = {}
    for place in range(3):
        record = await a_forecast_poll(store, outcomes, ordered=is_ordered)
        codes = await forecasts_in(store, record, source, source.sample(voters, 40))
        after = await resolved(store, await closed(store, record), f"o{place % outcomes}")
        add_scores(expected, codes, place % outcomes, is_ordered=is_ordered)
        assert await board_of(store) == expected
        resolution = after.poll.resolution
        assert resolution is not None
        assert resolution.crowd is not None
        assert resolution.forecasters == len(codes)
        logs = [log_probability(decode_forecast(code), place % outcomes) for code in codes.values()]
        mean = sum(logs) / len(logs)
        own = math.log(apply_floor(crowd_of(codes))[place % outcomes])
        assert resolution.crowd.peer / MICRO == pytest.approx(crowd_peer(own, mean), abs=1e-6)
    assert abs(sum(score.peer for score in expected.values())) <= 3 * 40


def extreme_code(source: random.Random, outcomes: int) -> str:
    """Return a random forecast in which outcomes are often impossible, certain or below the floor."""
    weights = [source.choice((0, 1, 400, source.randrange(MICRO), MICRO**2)) for _ in range(outcomes)]
    return encode_forecast(largest_remainder(weights if any(weights) else [1] * outcomes))


async def assert_store_scores_as_python(store: Store, ballots: int, outcomes: int) -> None:
    """Score random forecasts in the store, and compare every row with Python's scores of the same ballots."""
    source = random.Random(ballots * outcomes)
    is_ordered, outcome = bool(outcomes % 2), source.randrange(outcomes)
    record = await a_forecast_poll(store, outcomes, ordered=is_ordered)
    codes = {a_voter(): extreme_code(source, outcomes) for _ in range(ballots)}
    inputs = [BallotInput(voter, code) for voter, code in codes.items()]
    for start in range(0, ballots, 500):
        await cast(store, record, *inputs[start : start + 500])
    await resolved(store, await closed(store, record), f"o{outcome}")
    expected: dict[bytes, Score] = {}
    add_scores(expected, codes, outcome, is_ordered=is_ordered)
    board = await store.series.leaderboard("cup", after=0, limit=ballots)
    assert {row.voter: row.score for row in board.rows} == expected
    assert abs(sum(score.peer for score in expected.values())) <= 0.5 * ballots + 1


async def test_store_scores_extreme_forecasts_as_python(store: Store) -> None:
    await assert_store_scores_as_python(store, 60, 5)


@pytest.mark.slow
@pytest.mark.parametrize("outcomes", [2, 3, 7, 20, 50])
async def test_store_scores_ten_thousand_forecasts_as_python(store: Store, outcomes: int) -> None:
    await assert_store_scores_as_python(store, 2_000, outcomes)


async def test_correction_equals_resolution_from_scratch(store: Store) -> None:
    source, voters = random.Random(7), [a_voter() for _ in range(30)]
    first, second = await a_forecast_poll(store), await a_forecast_poll(store)
    codes = [await forecasts_in(store, record, source, voters) for record in (first, second)]
    for record in (first, second):
        await resolved(store, await closed(store, record), "o0")
    after = await corrected(store, second, "o2")
    expected: dict[bytes, Score] = {}
    add_scores(expected, codes[0], 0)
    only_first = dict(expected)
    add_scores(expected, codes[1], 2)
    assert await board_of(store) == expected
    assert after.poll.outcome == "o2"
    assert (await corrected(store, second, "o2")).poll == after.poll
    await corrected(store, second, None)
    assert await board_of(store) == only_first
    await unresolved(store, first)
    assert await board_of(store) == {}
    assert not await store.connection.client.hgetall(series_keys(store.connection.namespace, "cup").scores)
    crowd = (await store.series.leaderboard("cup", after=0, limit=1)).series.crowd
    assert crowd == Score(0, 0)


@pytest.mark.parametrize("steps", [1, 5, 20, 35, 46])
async def test_interrupted_scoring_of_forecasts_ends_whole(store: Store, valkey: Valkey, steps: int) -> None:
    record = await a_prediction(store, forecast=True)
    voters = [a_voter() for _ in range(40)]
    codes = await forecasts_in(store, record, random.Random(steps), voters)
    await closed(store, record)
    await broken_off(store, valkey.url, record, after_steps=steps)
    await resolved(store, record, "home")
    expected: dict[bytes, Score] = {}
    add_scores(expected, codes, 0)
    assert await board_of(store) == expected


@pytest.mark.parametrize("action", ["change", "withdraw", "both"])
async def test_vote_of_effective_time_scores_whatever_follows(store: Store, action: str) -> None:
    record, ama, kofi = await a_prediction(store), a_voter(), a_voter()
    await picked(store, record, (ama, "B"), (kofi, "A"))
    (vote,) = await outcomes_of(store, record, BallotInput(kofi, "A"))
    await until_later(store, vote.at)
    if action in {"withdraw", "both"}:
        await store.ballots.withdraw(record, ama)
    if action in {"change", "both"}:
        await picked(store, record, (ama, "A"))
    await resolved(store, await closed(store, record), "home", effective_at=vote.at)
    assert await scores_in(store) == {ama: (0, 1), kofi: (1, 1)}


async def test_vote_withdrawn_at_effective_time_does_not_score(store: Store) -> None:
    record, ama = await a_prediction(store), a_voter()
    await picked(store, record, (ama, "A"))
    withdrawn = await store.ballots.withdraw(record, ama)
    await until_later(store, withdrawn.at)
    await picked(store, record, (ama, "B"))
    await resolved(store, await closed(store, record), "home", effective_at=withdrawn.at)
    assert await scores_in(store) == {}


async def test_change_beyond_limit_is_rejected(store: Store) -> None:
    record, ama = await a_prediction(store), a_voter()
    for place in range(101):
        assert await cast(store, record, BallotInput(ama, "AB"[place % 2])) != [BallotStatus.CHANGES_USED]
    assert await cast(store, record, BallotInput(ama, "B")) == [BallotStatus.CHANGES_USED]
    assert await cast(store, record, BallotInput(ama, "A")) == [BallotStatus.UNCHANGED]


async def test_readers_see_whole_leaderboards_only(store: Store, patient: None) -> None:
    source, voters = random.Random(3), [a_voter() for _ in range(900)]
    record = await a_forecast_poll(store, 2)
    codes = await forecasts_in(store, record, source, voters)
    await closed(store, record)
    boards: dict[str | None, dict[bytes, Score]] = {None: {}, "o0": {}, "o1": {}}
    add_scores(boards["o0"], codes, 0)
    add_scores(boards["o1"], codes, 1)
    ended = asyncio.Event()

    async def read() -> int:
        seen: dict[int, dict[bytes, Score]] = {}
        while not ended.is_set():
            board = await store.series.leaderboard("cup", after=0, limit=2000)
            rows = {row.voter: row.score for row in board.rows}
            assert rows in boards.values()
            assert seen.setdefault(board.series.version, rows) == rows
        return len(seen)

    readers = [asyncio.create_task(read()) for _ in range(3)]
    await resolved(store, record, "o0")
    await corrected(store, record, "o1")
    await unresolved(store, record)
    ended.set()
    assert max(await asyncio.gather(*readers)) >= 2


async def test_two_resolutions_of_one_series_both_end(store: Store, patient: None) -> None:
    first, second = await a_prediction(store), await a_prediction(store)
    voters = [a_voter() for _ in range(1500)]
    for record in (first, second):
        await picked(store, record, *((voter, "A") for voter in voters))
        await closed(store, record)
    await asyncio.gather(resolved(store, first, "home"), resolved(store, second, "away"))
    board = await store.series.leaderboard("cup", after=0, limit=2000)
    assert {row.score[:2] for row in board.rows} == {(1, 2)}


async def test_rows_of_earlier_release_are_ranked_after_next_resolution(store: Store) -> None:
    record, ama, kofi = await a_prediction(store), a_voter(), a_voter()
    await picked(store, record, (kofi, "A"))
    keys, client = series_keys(store.connection.namespace, "cup"), store.connection.client
    await client.hset(keys.scores, ama, (3).to_bytes(4, "big") + (4).to_bytes(4, "big"))
    await client.zadd(keys.ranks, {ama: Score(3, 4).ranking_value})
    await resolved(store, await closed(store, record), "home")
    assert await scores_in(store) == {ama: (3, 4), kofi: (1, 1)}
