"""Tickets: issue, expiry and misuse."""

from __future__ import annotations

import pytest
from pollwire_server.auth.tickets import LIFETIME_MS, MAX_TICKET_LENGTH, Ticket, Tickets
from pollwire_server.auth.voter_tokens import VoterTokens

NOW = 1_760_000_000_000
OPERATOR = Ticket(None, b"k" * 6)


def test_voter_ticket_returns_voter_id() -> None:
    tickets = Tickets(["s"], lambda: NOW)
    ticket = tickets.verify(tickets.issue(Ticket(b"v" * 16)).ticket)
    assert ticket is not None
    assert (ticket.voter_id, ticket.is_operator) == (b"v" * 16, False)


@pytest.mark.parametrize(
    "reader",
    [OPERATOR, Ticket(b"v" * 16), Ticket(b"v" * 16, b"i" * 6)],
    ids=["operator", "voter token", "issuer"],
)
def test_ticket_contains_reader_and_source(reader: Ticket) -> None:
    tickets = Tickets(["s"], lambda: NOW)
    issued = tickets.issue(reader).ticket
    assert len(issued) <= MAX_TICKET_LENGTH
    ticket = tickets.verify(issued)
    assert ticket == reader
    assert ticket is not None
    assert ticket.is_operator == (reader is OPERATOR)


def test_ticket_expires_after_60_seconds() -> None:
    issued = Tickets(["s"], lambda: NOW).issue(OPERATOR)
    assert issued.expires_at == NOW + LIFETIME_MS == NOW + 60_000
    assert Tickets(["s"], lambda: NOW + 59_999).verify(issued.ticket) is not None
    assert Tickets(["s"], lambda: NOW + 60_000).verify(issued.ticket) is None


def test_ticket_is_not_a_voter_token() -> None:
    tickets, tokens = Tickets(["s"], lambda: NOW), VoterTokens(["s"], lambda: NOW)
    assert tokens.verify(tickets.issue(Ticket(b"v" * 16)).ticket.encode()) is None
    assert tickets.verify(tokens.issue(b"v" * 16).token) is None


def test_malformed_ticket_does_not_verify() -> None:
    tickets = Tickets(["s"], lambda: NOW)
    for text in ("", "ticket", "é" * 20, "A" * 5000, Tickets(["other"], lambda: NOW).issue(OPERATOR).ticket):
        assert tickets.verify(text) is None
