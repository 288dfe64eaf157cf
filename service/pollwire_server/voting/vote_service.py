"""The desk: what happens to one vote, whatever brought it.

Who votes (the token), in what (the poll), for what (the body): judged in the
contract's one order, 404, 415, 413, 400, 401, 422. Then the recorder takes
the vote to the store, which judges the rest (the window, what stands) by its
own clock, and the answer is written from what it says.

Nearly every vote meets a poll that this process has read before, and is
judged by that record without waiting for anything. A record may be out of
date, and that does no harm: the store refuses a vote that was judged by
another version than the one standing (*stale*), and the desk refuses nothing
on a remembered record alone. In both cases the poll is read again and the
vote judged anew; only then is an error final.

A voter may be known by a cookie. That needs no further defense against
foreign pages, because they cannot send what this door reads: a vote is JSON
and taking one back is a DELETE, both sent by a browser only after a preflight
that foreign sites are refused, and the cookie is SameSite=Lax, so that pages
of other sites cannot send it with either. What it may send without asking
(no body type, plain text, a form) is answered 415.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import msgspec

from pollwire_server.auth.network_tags import ballot_network_tag, rate_limit_tag
from pollwire_server.auth.origins import Headers, OriginPolicy
from pollwire_server.domain.ballot import Vote
from pollwire_server.domain.errors import (
    Overloaded,
    PollNotFound,
    PollwireError,
    RateLimited,
    StoreUnavailable,
)
from pollwire_server.domain.poll import Identity
from pollwire_server.domain.rate_limit import RateLimit, whole_seconds
from pollwire_server.problem_details import HttpResponse, to_pollwire_error
from pollwire_server.store.polls.repository import PollRecord, Polls
from pollwire_server.store.votes.ballot_errors import error_for_outcome
from pollwire_server.store.votes.ballots import BallotInput, BallotOutcome, BallotStatus, CastReply
from pollwire_server.voting.receipts import Receipts
from pollwire_server.voting.requests import BodyReader, VoteRequest
from pollwire_server.voting.response_builder import VoteResponseBuilder
from pollwire_server.voting.responses import PRIVATE_JSON, poll_path, problem_with_headers
from pollwire_server.voting.vote_batcher import DEADLINE_S, VoteBatcher
from pollwire_server.voting.voter_resolver import VoterResolver, anonymous_voter_id

OnResponse = Callable[[HttpResponse], None]
SetDisplayName = Callable[[PollRecord, bytes, str], None]
"""Told what a voter of a series wants to be called there; never raises nor waits."""

MAX_RELOADS: Final = 3
"""How often one vote makes the desk read its poll again; edits do not follow one another that fast."""

OVERLOAD_RESPONSE_DELAY_S: Final = 0.8
"""A vote too many costs half of what one that counts does. Refused at once, its connection would bring the
next before the loop has come round, and refusals alone would take all the time, so that nothing counted.
So a connection is turned away about once a second, within the second that is promised."""

_SITES_REMEMBERED: Final = 1024
"""Whose pages brought votes, and to which polls' rule about sites."""
_POLL_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_ACCEPTED: Final = (
    BallotStatus.COUNTED,
    BallotStatus.CHANGED,
    BallotStatus.UNCHANGED,
)  # found by identity; hashing enums is slow


class VoteService:
    """Deals with votes. For one event loop."""

    __slots__ = (
        "_body",
        "_call",
        "_callers",
        "_json_headers",
        "_limit",
        "_origins",
        "_polls",
        "_reading",
        "_recorder",
        "_wording",
    )

    def __init__(
        self,
        *,
        polls: Polls,
        recorder: VoteBatcher,
        callers: VoterResolver,
        receipts: Receipts,
        origins: OriginPolicy,
        limit: RateLimit | None = None,
        call: SetDisplayName | None = None,
    ) -> None:
        self._call = call
        self._limit = limit
        self._polls = polls
        self._recorder = recorder
        self._callers = callers
        self._wording = VoteResponseBuilder(receipts)
        self._json_headers = lru_cache(_SITES_REMEMBERED)(
            lambda origin, host, sites: PRIVATE_JSON + origins.cors_headers(origin, host, sites)
        )
        self._origins = origins
        self._body = BodyReader(Vote)
        self._reading: set[asyncio.Task[None]] = set()

    def cast(self, request: VoteRequest, done: OnResponse) -> None:
        """Deals with a vote; ``done`` is called once with the answer, perhaps before this returns.

        Never raises, and never waits. Must be called from the event loop.
        """
        case = _PendingVote(self, request, done)
        if self._recorder.is_full:
            self._recorder.count_rejected()
            asyncio.get_running_loop().call_later(OVERLOAD_RESPONSE_DELAY_S, case.refuse, Overloaded())
            return
        record = self._polls.cached(request.poll_id)
        if record is None:
            self._retry_with_fresh_poll(case)
            return
        case.record = record
        try:
            if record.poll.visible_at is not None and not record.poll.is_visible(_wall_clock()):
                raise PollNotFound(request.poll_id)
            self._recorder.submit(record, self._validate(case, record), case.counted)
        except Overloaded as error:
            case.refuse(error)
        except PollwireError:
            self._retry_with_fresh_poll(case)

    def _validate(self, case: _PendingVote, record: PollRecord) -> BallotInput:
        """The ballot that the request is, in the order 415, 413, 400, 401, 422."""
        request = case.request
        vote = self._body.read(request.content_type, request.body)
        if record.poll.identity is Identity.OPEN:
            voter = anonymous_voter_id(request.idempotency_key, record)
        else:
            voter = self._callers.voter(request, record)
        if not isinstance(vote, Vote):
            raise vote
        case.voter = voter
        code = record.codec.encode_choice(vote.choice)
        if record.poll.network_tags:
            return self._tagged(record, request, BallotInput(voter, code, vote.revision))
        if self._limit is None:
            return BallotInput(voter, code, vote.revision)
        network = rate_limit_tag(self._limit, record.voter_key, request.client)
        return BallotInput(voter, code, vote.revision, network)

    def _tagged(self, record: PollRecord, request: VoteRequest, cast: BallotInput) -> BallotInput:
        """The ballot in a poll that keeps where ballots come from."""
        client, key = request.client, record.voter_key
        tag = ballot_network_tag(key, record.incarnation, client.network) if client.address else b""
        return BallotInput(
            cast.voter, cast.code, cast.revision, rate_limit_tag(self._limit, key, client), tag
        )

    def _retry_with_fresh_poll(self, case: _PendingVote) -> None:
        """Judges the vote by a fresh record, in a task of its own, within the same deadline."""
        loop = asyncio.get_running_loop()
        case.readings += 1
        if case.readings > MAX_RELOADS:
            case.refuse(Overloaded())
            return
        if case.deadline is None:
            case.deadline = loop.call_later(DEADLINE_S, case.expire)
        task = loop.create_task(self._judge_afresh(case))
        self._reading.add(task)  # the loop itself keeps no task alive
        task.add_done_callback(self._reading.discard)

    async def _judge_afresh(self, case: _PendingVote) -> None:
        try:
            record = case.record = await visible_record(self._polls, case.request.poll_id)
            await self._callers.load_issuer_keys(case.request, record)
            self._recorder.submit(record, self._validate(case, record), case.counted)
        except Exception as failure:
            case.refuse(to_pollwire_error(failure))

    def _build_response(
        self, case: _PendingVote, record: PollRecord, reply: CastReply, outcome: BallotOutcome
    ) -> HttpResponse:
        """The answer to a vote that the store has judged."""
        poll = record.poll
        if outcome.status not in _ACCEPTED:
            error = self._refusal(record, reply, outcome)
            return problem_with_headers(error, poll_path(poll.id, "votes"), self._headers(case))
        if poll.series is not None:
            self._name(case, record)
        request = case.request
        headers = self._json_headers(request.origin, request.host, poll.origins)
        return HttpResponse(200, headers, self._wording.build(record, reply, case.voter, outcome))

    def _name(self, case: _PendingVote, record: PollRecord) -> None:
        """Has the series call the voter by the name that their token gives, if it gives any."""
        name = self._callers.name_of(case.request, record)
        if name is not None and self._call is not None:
            self._call(record, case.voter, name)

    def _refusal(self, record: PollRecord, reply: CastReply, outcome: BallotOutcome) -> PollwireError:
        if outcome.status is BallotStatus.RATE_LIMITED and self._limit is not None:
            return RateLimited(whole_seconds(outcome.at - reply.now), "votes", self._limit)
        return error_for_outcome(record, outcome, reply.closed_at)

    def _headers(self, case: _PendingVote) -> Headers:
        request, record = case.request, case.record
        origins = None if record is None else record.poll.origins
        return self._origins.cors_headers(request.origin, request.host, origins)


class _PendingVote(msgspec.Struct):
    """One vote on its way through the desk; answered once."""

    desk: VoteService
    request: VoteRequest
    done: OnResponse | None
    record: PollRecord | None = None
    voter: bytes = b""
    readings: int = 0
    deadline: asyncio.TimerHandle | None = None

    def counted(self, reply: CastReply | PollwireError, outcome: BallotOutcome | None) -> None:
        """What the recorder calls with the store's word."""
        record = self.record
        if self.done is None:
            return
        if isinstance(reply, PollwireError):
            self.refuse(reply)
        elif outcome is None or record is None:
            self.desk._retry_with_fresh_poll(self)
        else:
            try:
                answer = self.desk._build_response(self, record, reply, outcome)
            except Exception as failure:  # whatever it is, the voter is told to come back
                self.refuse(to_pollwire_error(failure))
            else:
                self.answer(answer)

    def expire(self) -> None:
        """The deadline has passed; the vote may yet be counted, and may be sent again."""
        self.refuse(StoreUnavailable())

    def refuse(self, error: PollwireError) -> None:
        """Answers with a problem."""
        self.answer(
            problem_with_headers(error, poll_path(self.request.poll_id, "votes"), self.desk._headers(self))
        )

    def answer(self, answer: HttpResponse) -> None:
        """Hands the answer over, unless one was given."""
        if self.deadline is not None:
            self.deadline.cancel()
        done, self.done = self.done, None
        if done is not None:
            done(answer)


async def visible_record(polls: Polls, poll_id: str) -> PollRecord:
    """The poll, read anew; ``PollNotFound`` where there is none that the public may know of.

    The store's clock decides, asked only where the poll has an hour to appear at.
    """
    if not _POLL_ID.fullmatch(poll_id):  # no such poll can have been made, and asking costs a read
        raise PollNotFound(poll_id)
    record = await polls.get(poll_id)
    if record.poll.visible_at is not None and not record.poll.is_visible(await polls.now()):
        raise PollNotFound(poll_id)
    return record


def _wall_clock() -> int:
    return time.time_ns() // 1_000_000
