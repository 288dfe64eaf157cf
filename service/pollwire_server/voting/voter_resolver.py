"""Which voter of a poll a caller is."""

from __future__ import annotations

import os

from pollwire_server.auth.credentials import bearer_of, token_of
from pollwire_server.auth.issuers import IssuerTokenVerifier, is_site_token
from pollwire_server.auth.voter_ids import (
    voter_id_from_idempotency_key,
    voter_id_from_issuer,
    voter_id_from_token,
)
from pollwire_server.auth.voter_tokens import VoterToken, VoterTokens
from pollwire_server.domain.errors import VoterTokenInvalid, VoterTokenRequired
from pollwire_server.domain.poll import Identity
from pollwire_server.store.polls.repository import PollRecord
from pollwire_server.voting.requests import RequestCredentials, check_idempotency_key


class VoterResolver:
    """Finds out who calls, and who that is in a poll."""

    __slots__ = ("_issuers", "_tokens")

    def __init__(self, tokens: VoterTokens, issuers: IssuerTokenVerifier) -> None:
        self._tokens = tokens
        self._issuers = issuers

    def verified_token(self, caller: RequestCredentials) -> VoterToken:
        """Whom the caller's token speaks for; ``VoterTokenRequired`` or ``VoterTokenInvalid``."""
        token = token_of(caller.authorization, caller.cookie)
        if token is None:
            raise VoterTokenRequired
        voter = self._tokens.verify(token)
        if voter is None:
            raise VoterTokenInvalid
        return voter

    def voter(self, caller: RequestCredentials, record: PollRecord) -> bytes:
        """The caller's 16 bytes in a poll that tells its voters apart; raises as ``known`` does.

        Where a site vouches for voters, its token comes in ``Authorization`` alone: the cookie is ours.
        """
        if record.poll.identity is not Identity.SIGNED:
            return voter_id_from_token(record.voter_key, self.verified_token(caller).id)
        token = bearer_of(caller.authorization)
        if token is None:
            raise VoterTokenRequired(record.poll.issuer)
        return voter_id_from_issuer(record.voter_key, self._issuers.voter_id(token, record.poll.issuer))

    def name_of(self, caller: RequestCredentials, record: PollRecord) -> str | None:
        """What the owner of a valid token wants to be called; None where it says nothing (a site's)."""
        return None if record.poll.identity is Identity.SIGNED else self.verified_token(caller).name

    async def voter_of_series(self, caller: RequestCredentials, voter_key: bytes) -> bytes:
        """The caller's 16 bytes in all polls of a series, by our token or a site's; raises as ``known`` does.

        Also ``StoreUnavailable``, and ``Overloaded`` where a site has not told its keys yet.
        """
        await self.load_issuer_keys(caller)
        token = bearer_of(caller.authorization)
        if token is not None and is_site_token(token):
            return voter_id_from_issuer(voter_key, self._issuers.voter_id(token))
        return voter_id_from_token(voter_key, self.verified_token(caller).id)

    def reader(self, caller: RequestCredentials) -> bytes:
        """The id that a ticket for the caller holds, by our token or a site's; raises as ``known`` does."""
        token = bearer_of(caller.authorization)
        if token is not None and is_site_token(token):
            return self._issuers.voter_id(token)
        return self.verified_token(caller).id

    async def load_issuer_keys(self, caller: RequestCredentials, record: PollRecord | None = None) -> None:
        """Read whatever may be missing to know the caller, of the poll or (None) of whichever site.

        Raises ``StoreUnavailable``, and ``Overloaded`` where a site has not told its keys yet.
        """
        if record is not None and record.poll.identity is not Identity.SIGNED:
            return
        token = bearer_of(caller.authorization)
        if token is not None and is_site_token(token):
            await self._issuers.prepare(token, None if record is None else record.poll.issuer)


def anonymous_voter_id(idempotency_key: bytes | None, record: PollRecord) -> bytes:
    """The voter of one vote in an open poll: the one of its ``Idempotency-Key``, or nobody met before.

    Raises ``InvalidChoice`` for what is no such key.
    """
    if idempotency_key is None:
        return os.urandom(16)
    check_idempotency_key(idempotency_key)
    return voter_id_from_idempotency_key(record.voter_key, idempotency_key)
