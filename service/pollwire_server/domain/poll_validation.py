"""What every poll must be, whether it is new or edited."""

from __future__ import annotations

from pollwire_server.domain.errors import InvalidPoll
from pollwire_server.domain.options import check_options
from pollwire_server.domain.poll import Identity, Kind, Poll, ResultsMode, Revote


def validate_poll(poll: Poll) -> None:
    """That its parts go together. Raises ``InvalidPoll``."""
    check_options(poll)
    _check_prediction(poll)
    if poll.closes_at is not None and poll.closes_at <= poll.opens_at:
        raise InvalidPoll("closes_at", "closes_at must be later than opens_at.")
    if (poll.identity is Identity.SIGNED) != (poll.issuer is not None):
        raise InvalidPoll(
            "issuer", "A signed poll names the issuer of its voters' tokens, and no other does."
        )
    if poll.identity is Identity.OPEN and poll.revote is not Revote.NEVER:
        raise InvalidPoll(
            "revote", "An open poll knows no voters, so nobody can change a vote: revote must be never."
        )
    if poll.identity is Identity.OPEN and poll.results is ResultsMode.AFTER_VOTE:
        raise InvalidPoll(
            "results", "An open poll does not know who has voted: results cannot be after_vote."
        )


def _check_prediction(poll: Poll) -> None:
    if poll.kind is not Kind.PREDICTION:
        for name in ("series", "resolve_by"):
            if getattr(poll, name) is not None:
                raise InvalidPoll(name, f"Only a prediction has {name}.")
    if poll.resolve_by is not None and poll.resolve_by <= (poll.closes_at or poll.opens_at):
        raise InvalidPoll(
            "resolve_by", "resolve_by must be later than closes_at, or opens_at where it has no end."
        )
    if poll.series is not None and poll.identity is Identity.OPEN:
        raise InvalidPoll("identity", "A series knows its voters by name and score: identity cannot be open.")
    if poll.series is not None and poll.results is ResultsMode.OPERATORS:
        raise InvalidPoll(
            "results", "A series' leaderboard tells who was right, so its polls' results cannot be operators."
        )


def validate_times(poll: Poll) -> None:
    """That it is shown before it ends; apart, since an act may leave it otherwise. Raises ``InvalidPoll``."""
    if poll.visible_at is not None and poll.closes_at is not None and poll.visible_at > poll.closes_at:
        raise InvalidPoll("visible_at", "visible_at must not be later than closes_at: nobody could vote.")
