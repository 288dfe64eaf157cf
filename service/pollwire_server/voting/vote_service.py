"""Vote service: validates votes from any transport and responds to each one exactly once.

Checks run in the order of the contract: 404, 415, 413, 400, 401, 422. The batcher then sends the vote to the
store. The store checks the voting window and the voter's current vote by its own clock. The response is built
from its reply.

Nearly every vote is for a poll in this process's cache. Such a vote is validated without waiting. A cached
record may be out of date, and two rules make that safe. The store rejects a vote that was validated against
another version of the poll (*stale*). The service never rejects a vote because of a cached record alone. In
both cases it reads the poll again and validates the vote again. Only the second error is final.

A cookie may identify a voter. This needs no further CSRF protection, because other origins cannot send the
requests:

- A vote is JSON and a withdrawal is a DELETE. A browser sends both only after a preflight, which foreign
  origins fail.
- The cookie is SameSite=Lax, so browsers omit it from both requests on pages of other sites.
- A body that needs no preflight (no type, plain text, a form) gets 415.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

import msgspec

from pollwire_server.auth.network_tags import ballot_network_tag, rate_limit_tag
from pollwire_server.domain.ballot import Vote
from pollwire_server.domain.errors import (
    Overloaded,
    PollNotFound,
    PollwireError,
    RateLimited,
    StoreUnavailable,
)
from pollwire_server.domain.identifiers import IDENTIFIER
from pollwire_server.domain.poll import Identity
from pollwire_server.domain.rate_limit import RateLimit, whole_seconds
from pollwire_server.problem_details import HttpResponse, problem_response, to_pollwire_error
from pollwire_server.store.polls.repository import PollRecord, Polls
from pollwire_server.store.votes.ballot_errors import ACCEPTED_STATUSES, MAX_RELOADS, error_for_outcome
from pollwire_server.store.votes.ballots import BallotInput, BallotOutcome, BallotStatus, CastReply
from pollwire_server.voting.receipts import Receipts
from pollwire_server.voting.requests import BodyReader, VoteRequest
from pollwire_server.voting.response_builder import VoteResponseBuilder
from pollwire_server.voting.responses import PRIVATE_JSON, poll_path
from pollwire_server.voting.vote_batcher import DEADLINE_S, VoteBatcher
from pollwire_server.voting.voter_resolver import VoterResolver, anonymous_voter_id

OnResponse = Callable[[HttpResponse], None]
SetDisplayName = Callable[[PollRecord, bytes, str], None]
"""Callback that sets a voter's display name in a series. It must neither raise nor wait."""

OVERLOAD_RESPONSE_DELAY_S: Final = 0.8
"""Delay before a vote is rejected because the service is overloaded.

A rejected vote costs half as much as a counted one. After an immediate rejection, the connection would send
its next vote within the same pass of the event loop. Rejections alone would then use all the CPU, and no vote
would count. The delay limits a connection to about one rejection a second, and stays within the guaranteed
response time of 1 s.
"""


class VoteService:
    """Application service for votes. It holds what all votes share. For one event loop."""

    __slots__ = (
        "_batcher",
        "_body_reader",
        "_polls",
        "_rate_limit",
        "_reload_tasks",
        "_response_builder",
        "_set_display_name",
        "_voter_resolver",
    )

    def __init__(
        self,
        *,
        polls: Polls,
        batcher: VoteBatcher,
        voter_resolver: VoterResolver,
        receipts: Receipts,
        rate_limit: RateLimit | None = None,
        set_display_name: SetDisplayName | None = None,
    ) -> None:
        self._polls = polls
        self._batcher = batcher
        self._voter_resolver = voter_resolver
        self._response_builder = VoteResponseBuilder(receipts)
        self._rate_limit = rate_limit
        self._set_display_name = set_display_name
        self._body_reader = BodyReader(Vote)
        self._reload_tasks: set[asyncio.Task[None]] = set()

    def cast(self, request: VoteRequest, on_response: OnResponse) -> None:
        """Cast a vote. ``on_response`` is called once with the response, perhaps before this method returns.

        Never raises and never waits. Call it from the event loop.
        """
        vote = _PendingVote(self, request, on_response)
        if self._batcher.is_full:
            self._batcher.count_rejected()
            asyncio.get_running_loop().call_later(OVERLOAD_RESPONSE_DELAY_S, vote.reject, Overloaded())
            return
        record = self._polls.cached(request.poll_id)
        if record is None:
            vote.retry_with_fresh_poll()
            return
        vote.record = record
        try:
            if record.poll.visible_at is not None and not record.poll.is_visible(_wall_clock()):
                raise PollNotFound(request.poll_id)
            self._batcher.submit(record, vote.validate(record), vote.on_counted)
        except Overloaded as error:
            vote.reject(error)
        except PollwireError:
            vote.retry_with_fresh_poll()


class _PendingVote(msgspec.Struct):
    """One vote from its request to its response, in the order of the methods below."""

    service: VoteService
    request: VoteRequest
    on_response: OnResponse | None
    record: PollRecord | None = None
    voter: bytes = b""
    reloads: int = 0
    deadline: asyncio.TimerHandle | None = None

    def validate(self, record: PollRecord) -> BallotInput:
        """Build the ballot from the request. Checks run in the order 415, 413, 400, 401, 422."""
        service, request = self.service, self.request
        vote = service._body_reader.read(request.content_type, request.body)
        if record.poll.identity is Identity.OPEN:
            voter = anonymous_voter_id(request.idempotency_key, record)
        else:
            voter = service._voter_resolver.voter(request, record)
        if not isinstance(vote, Vote):
            raise vote
        self.voter = voter
        code = record.codec.encode_choice(vote.choice)
        client, voter_key, rate_limit = request.client, record.voter_key, service._rate_limit
        if record.poll.network_tags:
            tag = ballot_network_tag(voter_key, record.incarnation, client.network) if client.address else b""
            return BallotInput(voter, code, vote.revision, rate_limit_tag(rate_limit, voter_key, client), tag)
        if rate_limit is None:
            return BallotInput(voter, code, vote.revision)
        return BallotInput(voter, code, vote.revision, rate_limit_tag(rate_limit, voter_key, client))

    def retry_with_fresh_poll(self) -> None:
        """Validate the vote against a fresh record, in a background task and within the vote's deadline."""
        loop = asyncio.get_running_loop()
        self.reloads += 1
        if self.reloads > MAX_RELOADS:
            self.reject(Overloaded())
            return
        if self.deadline is None:
            self.deadline = loop.call_later(DEADLINE_S, self.expire)
        tasks = self.service._reload_tasks
        task = loop.create_task(self._reload())
        tasks.add(task)  # the event loop keeps only a weak reference
        task.add_done_callback(tasks.discard)

    async def _reload(self) -> None:
        service = self.service
        try:
            record = self.record = await visible_record(service._polls, self.request.poll_id)
            await service._voter_resolver.load_issuer_keys(self.request, record)
            service._batcher.submit(record, self.validate(record), self.on_counted)
        except Exception as failure:
            self.reject(to_pollwire_error(failure))

    def expire(self) -> None:
        """Reject the vote after its deadline. It may still be counted, and can be sent again safely."""
        self.reject(StoreUnavailable())

    def on_counted(self, reply: CastReply | PollwireError, outcome: BallotOutcome | None) -> None:
        """Handle the store's reply for this vote. Called by the batcher."""
        record = self.record
        if self.on_response is None:
            return
        if isinstance(reply, PollwireError):
            self.reject(reply)
        elif outcome is None or record is None:
            self.retry_with_fresh_poll()
        else:
            try:
                response = self._build_response(record, reply, outcome)
            except Exception as failure:  # the client must get a response, whatever the error
                self.reject(to_pollwire_error(failure))
            else:
                self.respond(response)

    def _build_response(self, record: PollRecord, reply: CastReply, outcome: BallotOutcome) -> HttpResponse:
        service, poll = self.service, record.poll
        if outcome.status not in ACCEPTED_STATUSES:
            return self._problem(self._error(record, reply, outcome))
        if poll.series is not None:
            self._update_display_name(record)
        body = service._response_builder.build(record, reply, self.voter, outcome)
        return HttpResponse(200, PRIVATE_JSON, body, poll.origins)

    def _update_display_name(self, record: PollRecord) -> None:
        """Set the voter's display name in the series, if the voter's token contains one."""
        set_display_name = self.service._set_display_name
        name = self.service._voter_resolver.name_of(self.request, record)
        if name is not None and set_display_name is not None:
            set_display_name(record, self.voter, name)

    def _error(self, record: PollRecord, reply: CastReply, outcome: BallotOutcome) -> PollwireError:
        rate_limit = self.service._rate_limit
        if outcome.status is BallotStatus.RATE_LIMITED and rate_limit is not None:
            return RateLimited(whole_seconds(outcome.at - reply.now), "votes", rate_limit)
        return error_for_outcome(record, outcome, reply.closed_at)

    def reject(self, error: PollwireError) -> None:
        """Respond with a problem document."""
        self.respond(self._problem(error))

    def _problem(self, error: PollwireError) -> HttpResponse:
        poll_origins = None if self.record is None else self.record.poll.origins
        return problem_response(error, poll_path(self.request.poll_id, "votes"), poll_origins)

    def respond(self, response: HttpResponse) -> None:
        """Send the response, unless one was sent before."""
        if self.deadline is not None:
            self.deadline.cancel()
        on_response, self.on_response = self.on_response, None
        if on_response is not None:
            on_response(response)


async def visible_record(polls: Polls, poll_id: str) -> PollRecord:
    """Read the poll from the store. Raises ``PollNotFound`` if it does not exist or is not visible yet.

    The store's clock decides. It is read only if the poll has a ``visible_at``.
    """
    if not IDENTIFIER.fullmatch(poll_id):  # such a poll cannot exist, and this saves a read
        raise PollNotFound(poll_id)
    record = await polls.get(poll_id)
    if record.poll.visible_at is not None and not record.poll.is_visible(await polls.now()):
        raise PollNotFound(poll_id)
    return record


def _wall_clock() -> int:
    return time.time_ns() // 1_000_000
