"""Cross-field validation of a poll, whether it is new or edited."""

from __future__ import annotations

from typing import Final

from pollwire_server.domain.errors import InvalidPoll
from pollwire_server.domain.options import check_options
from pollwire_server.domain.poll import Identity, Kind, Poll, ResultsMode, Revote, Ties

_ISSUER_REQUIRED: Final = "With identity signed, issuer must name the issuer of the voters' tokens."
_ISSUER_UNUSED: Final = "issuer requires identity signed."


def validate_poll(poll: Poll) -> None:
    """Check that the fields of the poll are consistent. Raises ``InvalidPoll``."""
    check_options(poll)
    _check_prediction(poll)
    _check_ties(poll)
    if poll.closes_at is not None and poll.closes_at <= poll.opens_at:
        raise InvalidPoll("closes_at", "closes_at must be after opens_at.")
    if (poll.identity is Identity.SIGNED) != (poll.issuer is not None):
        raise InvalidPoll("issuer", _ISSUER_REQUIRED if poll.issuer is None else _ISSUER_UNUSED)
    if poll.identity is Identity.OPEN and poll.revote is not Revote.NEVER:
        raise InvalidPoll("revote", "With identity open, votes cannot be changed, so revote must be never.")
    if poll.identity is Identity.OPEN and poll.results is ResultsMode.AFTER_VOTE:
        raise InvalidPoll(
            "results", "With identity open, voters cannot be recognized, so results cannot be after_vote."
        )


def _check_ties(poll: Poll) -> None:
    if poll.kind is not Kind.RANKED and poll.ties is not Ties.LOT:
        raise InvalidPoll("ties", "Only a ranked poll can have ties.")


def _check_prediction(poll: Poll) -> None:
    if poll.kind is not Kind.PREDICTION:
        for name in ("series", "resolve_by"):
            if getattr(poll, name) is not None:
                raise InvalidPoll(name, f"Only a prediction can have {name}.")
        for name in ("forecast", "ordered"):
            if getattr(poll, name):
                raise InvalidPoll(name, f"Only a prediction can have {name}.")
    if poll.resolve_by is not None and poll.resolve_by <= (poll.closes_at or poll.opens_at):
        raise InvalidPoll(
            "resolve_by", "resolve_by must be after closes_at, or after opens_at if the poll has no end."
        )
    if poll.series is not None and poll.identity is Identity.OPEN:
        raise InvalidPoll(
            "identity", "A series ranks its voters on a leaderboard, so identity cannot be open."
        )
    if poll.series is not None and poll.results is ResultsMode.OPERATORS:
        raise InvalidPoll(
            "results", "The leaderboard of a series reveals correct votes, so results cannot be operators."
        )


def validate_times(poll: Poll) -> None:
    """Check that the poll becomes visible before it closes. Raises ``InvalidPoll``.

    This check is separate from ``validate_poll``, because a lifecycle action can produce such a poll.
    """
    if poll.visible_at is not None and poll.closes_at is not None and poll.visible_at > poll.closes_at:
        raise InvalidPoll(
            "visible_at", "visible_at must not be after closes_at: the poll could not be voted on."
        )
