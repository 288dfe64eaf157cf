"""An operator erases one vote, by the receipt that its voter shows: ``POST /v1/admin/polls/{id}/erase``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

import msgspec
from litestar import Response, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from service.domain.reading import decode_document
from service.identity.api_keys import ApiKeyAuthenticator, Scope
from service.operators.polls import PollAdmin
from service.operators.requests import AnyRequest, optional_object
from service.store import Store
from service.store.forgetting import ErasureResult

PATH: Final = "/v1/admin/polls/{poll_id:str}/erase"


class VerifiedReceipt(Protocol):
    """What a receipt says of whose vote it is, and which."""

    @property
    def voter(self) -> bytes:
        """16 bytes."""

    @property
    def at(self) -> int:
        """When it was counted, in ms."""


ReceiptReader = Callable[[str, str], VerifiedReceipt]
"""Given the poll's id and a receipt; raises ``ReceiptInvalid``."""


class EraseBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The receipt of the vote to be erased."""

    receipt: str


class ErasedAnswer(msgspec.Struct, frozen=True):
    """Whether a vote was taken out; false where none of this voter's stood."""

    erased: bool


def erasing(
    store: Store, polls: PollAdmin, keys: ApiKeyAuthenticator, reads: ReceiptReader
) -> HTTPRouteHandler:
    """The route."""

    @post(PATH, summary="Erase one vote, by its receipt", tags=["operators"], status_code=200)
    async def erase_vote(request: AnyRequest, poll_id: FromPath[str]) -> Response[bytes]:
        operator = keys.require_operator(request.headers.get("authorization"))
        operator.require_scope(Scope.POLLS_WRITE)
        record = await polls.find(poll_id)
        proof = reads(record.poll.id, decode_document(await optional_object(request), EraseBody).receipt)
        what = await store.forgetting.erase(record, proof.voter, at=proof.at, by=operator.name)
        store.erasure.begin()  # what the append-only file tells goes as well
        return Response(
            msgspec.json.encode(ErasedAnswer(what is not ErasureResult.NOTHING)),
            media_type="application/json",
            headers={"cache-control": "private, no-store"},
        )

    return erase_vote
