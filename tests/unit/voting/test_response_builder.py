"""Tests that shared responses equal the complete documents."""

from __future__ import annotations

import os

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pollwire_server.domain.ballot import BallotCodec
from pollwire_server.domain.poll import Poll, ResultsMode
from pollwire_server.store.polls.repository import PollRecord
from pollwire_server.store.votes.ballots import BallotOutcome, BallotStatus, CastReply
from pollwire_server.voting.receipts import Receipts
from pollwire_server.voting.response_builder import VoteResponseBuilder
from pollwire_server.voting.responses import VoteResponse, time_text

from tests.factories import LONG_AGO, a_poll

EPOCH = "01933c5f8a2b"
ACCEPTED = (BallotStatus.COUNTED, BallotStatus.CHANGED, BallotStatus.UNCHANGED)


def a_record(poll: Poll) -> PollRecord:
    """Return the record of a poll."""
    return PollRecord(poll, BallotCodec(poll), os.urandom(32), True, b"1.x", b"x", ())


RECORDS = [a_record(a_poll(results=mode)) for mode in ResultsMode]
RECEIPTS = Receipts(["s"])
BUILDER = VoteResponseBuilder(RECEIPTS)


OUTCOMES = st.builds(
    BallotOutcome,
    status=st.sampled_from(ACCEPTED),
    code=st.sampled_from("AB"),
    at=st.integers(LONG_AGO, LONG_AGO + 1),
    revision=st.integers(1, 3),
    seq=st.integers(1, 2**40),
)


@given(record=st.sampled_from(RECORDS), outcome=OUTCOMES)
def test_build_equals_the_serialized_vote_response(record: PollRecord, outcome: BallotOutcome) -> None:
    voter, at, code = os.urandom(16), outcome.at, outcome.code
    reply = CastReply(at, EPOCH, [outcome])
    body = BUILDER.build(record, reply, voter, outcome)
    choice = record.codec.decode_choice(code)
    document = VoteResponse(outcome.status, record.poll.id, choice, time_text(at), outcome.revision)
    receipt = RECEIPTS.issue(RECEIPTS.template(record.poll.id, EPOCH, outcome), voter)
    shown = record.poll.results in (ResultsMode.ALWAYS, ResultsMode.AFTER_VOTE)
    complete = msgspec.structs.replace(document, receipt=receipt, seq=outcome.seq if shown else msgspec.UNSET)
    assert body == msgspec.json.encode(complete)


@pytest.mark.parametrize("status", ACCEPTED)
def test_build_equal_choices_get_receipts_of_their_own_voters(status: BallotStatus) -> None:
    record, voters = RECORDS[0], (os.urandom(16), os.urandom(16))
    outcome = BallotOutcome(status, next(iter(record.poll.codes.values())), 1_700_000_000_000, 1, 7)
    reply = CastReply(outcome.at, EPOCH, [outcome])
    receipts = [
        msgspec.json.decode(BUILDER.build(record, reply, voter, outcome))["receipt"] for voter in voters
    ]
    assert tuple(RECEIPTS.read(record.poll.id, receipt).voter for receipt in receipts) == voters
