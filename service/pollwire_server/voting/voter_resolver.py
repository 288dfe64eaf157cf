"""Resolution of credentials to voter ids."""

from __future__ import annotations

import os

from pollwire_server.auth.credentials import RequestCredentials, bearer_of, token_of
from pollwire_server.auth.issuers import IssuerTokenVerifier, is_jwt
from pollwire_server.auth.tickets import Ticket
from pollwire_server.auth.voter_ids import (
    voter_id_from_idempotency_key,
    voter_id_from_issuer,
    voter_id_from_token,
)
from pollwire_server.auth.voter_tokens import VoterToken, VoterTokens
from pollwire_server.domain.errors import VoterTokenInvalid, VoterTokenRequired
from pollwire_server.domain.poll import Identity
from pollwire_server.store.polls.repository import PollRecord
from pollwire_server.voting.requests import check_idempotency_key


class VoterResolver:
    """Resolver of the voter that a request comes from.

    A token is either one of this service or one of an issuer: an external site that vouches for its users.
    """

    __slots__ = ("_is_https", "_issuers", "_tokens")

    def __init__(self, tokens: VoterTokens, issuers: IssuerTokenVerifier, *, is_https: bool = False) -> None:
        self._is_https = is_https
        self._tokens = tokens
        self._issuers = issuers

    def verified_token(self, credentials: RequestCredentials) -> VoterToken:
        """Return this service's token, verified. Raises ``VoterTokenRequired`` and ``VoterTokenInvalid``."""
        is_https = self._is_https or credentials.client.is_encrypted
        token = token_of(credentials.authorization, credentials.cookie, is_https=is_https)
        if token is None:
            raise VoterTokenRequired
        voter = self._tokens.verify(token)
        if voter is None:
            raise VoterTokenInvalid
        return voter

    def voter(self, credentials: RequestCredentials, record: PollRecord) -> bytes:
        """Return the 16-byte voter id in a poll that identifies its voters. Raises like ``verified_token``.

        An issuer's token is accepted in ``Authorization`` only, because the cookie holds this service's
        tokens.
        """
        if record.poll.identity is not Identity.SIGNED:
            return voter_id_from_token(record.voter_key, self.verified_token(credentials).id)
        token = bearer_of(credentials.authorization)
        if token is None:
            raise VoterTokenRequired(record.poll.issuer)
        return voter_id_from_issuer(record.voter_key, self._issuers.voter_id(token, record.poll.issuer))

    def name_of(self, credentials: RequestCredentials, record: PollRecord) -> str | None:
        """Return the display name in the voter's token. Return None without one, or for an issuer's token."""
        return None if record.poll.identity is Identity.SIGNED else self.verified_token(credentials).name

    async def voter_of_series(self, credentials: RequestCredentials, voter_key: bytes) -> bytes:
        """Return the 16-byte voter id in all polls of a series. Raises like ``verified_token``.

        Also raises like ``load_issuer_keys``.
        """
        await self.load_issuer_keys(credentials)
        token = bearer_of(credentials.authorization)
        if token is not None and is_jwt(token):
            return voter_id_from_issuer(voter_key, self._issuers.voter_id(token))
        return voter_id_from_token(voter_key, self.verified_token(credentials).id)

    def reader(self, credentials: RequestCredentials) -> Ticket:
        """Return the voter as a reader of results. Raises like ``verified_token``."""
        token = bearer_of(credentials.authorization)
        if token is not None and is_jwt(token):
            return self._issuers.reader(token)
        return Ticket(self.verified_token(credentials).id)

    async def load_issuer_keys(
        self, credentials: RequestCredentials, record: PollRecord | None = None
    ) -> None:
        """Load the keys that verify an issuer's token: of the poll's issuer, or without a poll of any issuer.

        Raises ``StoreUnavailable``. Raises ``Overloaded`` while the issuer's keys are not available yet.
        """
        if record is not None and record.poll.identity is not Identity.SIGNED:
            return
        token = bearer_of(credentials.authorization)
        if token is not None and is_jwt(token):
            await self._issuers.load_issuer_keys(token, None if record is None else record.poll.issuer)


def anonymous_voter_id(idempotency_key: bytes | None, record: PollRecord) -> bytes:
    """Return the voter id of one vote in an open poll: from its ``Idempotency-Key``, or else a random one.

    Raises ``InvalidChoice`` if the key is not valid.
    """
    if idempotency_key is None:
        return os.urandom(16)
    check_idempotency_key(idempotency_key)
    return voter_id_from_idempotency_key(record.voter_key, idempotency_key)
