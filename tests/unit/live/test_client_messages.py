"""Messages of a client: refused ones are followed by a pause."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from pollwire_server.domain.errors import PollNotFound, PollwireError
from pollwire_server.live.client_messages import ClientMessageHandler

WATCH = '{"watch": ["a", "b", "c"]}'


class FakeStream:
    """Stream of a client, for whom no poll exists."""

    def __init__(self) -> None:
        self.polls: set[str] = set()

    async def authorize(self, poll_id: str) -> None:
        raise PollNotFound(poll_id)


@pytest.mark.parametrize("text", [WATCH, "{", None], ids=["unknown", "broken", "binary"])
async def test_refused_messages_pause_the_client(text: str | None) -> None:
    problems: list[PollwireError] = []
    counted: list[None] = []

    def count_refusal() -> float:
        counted.append(None)
        return 0.05 * len(counted)

    async def send_problem(error: PollwireError, poll_id: str | None) -> None:
        problems.append(error)

    stream = cast(Any, FakeStream())
    handler = ClientMessageHandler(stream, send_problem, only_poll=None, count_refusal=count_refusal)
    loop = asyncio.get_running_loop()
    started_s = loop.time()
    await handler.handle(text)
    assert len(counted) == len(problems) == (3 if text == WATCH else 1)
    assert loop.time() - started_s >= 0.05 * len(counted) - 0.001
