"""Which voter of a poll a caller is."""

from __future__ import annotations

import os

from service.domain.errors import VoterTokenInvalid, VoterTokenRequired
from service.identity.credentials import token_of
from service.identity.tokens import VoterToken, VoterTokens
from service.identity.voters import voter_of, voter_of_key
from service.store.polls import PollRecord
from service.voting.requests import Caller, check_idempotency_key


class Callers:
    """Finds out who calls, and who that is in a poll."""

    __slots__ = ("_tokens",)

    def __init__(self, tokens: VoterTokens) -> None:
        self._tokens = tokens

    def known(self, caller: Caller) -> VoterToken:
        """Whom the caller's token speaks for; ``VoterTokenRequired`` or ``VoterTokenInvalid``."""
        token = token_of(caller.authorization, caller.cookie)
        if token is None:
            raise VoterTokenRequired
        voter = self._tokens.verify(token)
        if voter is None:
            raise VoterTokenInvalid
        return voter

    def voter(self, caller: Caller, record: PollRecord) -> bytes:
        """The caller's 16 bytes in a poll that tells its voters apart; raises as ``known`` does."""
        return voter_of(record.voter_key, self.known(caller).id)


def one_time_voter(idempotency_key: bytes | None, record: PollRecord) -> bytes:
    """The voter of one vote in an open poll: the one of its ``Idempotency-Key``, or nobody met before.

    Raises ``InvalidChoice`` for what is no such key.
    """
    if idempotency_key is None:
        return os.urandom(16)
    check_idempotency_key(idempotency_key)
    return voter_of_key(record.voter_key, idempotency_key)
