"""Tickets: a minute's right to read."""

from __future__ import annotations

from pollwire_server.auth.tickets import LIFETIME_MS, Tickets
from pollwire_server.auth.voter_tokens import VoterTokens

NOW = 1_760_000_000_000


def test_a_ticket_reads_as_the_voter_it_was_made_for() -> None:
    """A voter's ticket gives the token's id back and opens nothing of an operator's."""
    tickets = Tickets(["s"], lambda: NOW)
    ticket = tickets.verify(tickets.issue(b"v" * 16).ticket)
    assert ticket is not None
    assert (ticket.voter_id, ticket.is_operator) == (b"v" * 16, False)


def test_an_operator_s_ticket_names_no_voter() -> None:
    """A ticket made for an API key reads as an operator."""
    tickets = Tickets(["s"], lambda: NOW)
    ticket = tickets.verify(tickets.issue(None).ticket)
    assert ticket is not None
    assert (ticket.voter_id, ticket.is_operator) == (None, True)


def test_a_ticket_is_over_after_sixty_seconds() -> None:
    """It is good for a minute to the millisecond."""
    issued = Tickets(["s"], lambda: NOW).issue(None)
    assert issued.expires_at == NOW + LIFETIME_MS == NOW + 60_000
    assert Tickets(["s"], lambda: NOW + 59_999).verify(issued.ticket) is not None
    assert Tickets(["s"], lambda: NOW + 60_000).verify(issued.ticket) is None


def test_a_ticket_only_reads() -> None:
    """What stands in a URL, and so in logs, can never vote; and a token is no ticket."""
    tickets, tokens = Tickets(["s"], lambda: NOW), VoterTokens(["s"], lambda: NOW)
    assert tokens.verify(tickets.issue(b"v" * 16).ticket.encode()) is None
    assert tickets.verify(tokens.issue(b"v" * 16).token) is None


def test_whatever_else_stands_in_a_url_is_no_ticket() -> None:
    """Empty, foreign, long and non-ASCII texts are refused without raising."""
    tickets = Tickets(["s"], lambda: NOW)
    for text in ("", "ticket", "é" * 20, "A" * 5000, Tickets(["other"], lambda: NOW).issue(None).ticket):
        assert tickets.verify(text) is None
