"""Watching a poll over connections that break, lag and end."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

import pytest
from pollwire import ApiError, Client, ClientError, Unreachable
from pollwire.streaming import ResultOrderFilter

from tests.client.peer import answering, problem, streaming


def frame(seq: int, epoch: str = "01933c5f8a2b", **more: Any) -> dict[str, Any]:
    """Return results with this epoch and seq."""
    return {"type": "results", "poll": "lunch", "epoch": epoch, "seq": seq, **more}


async def first(count: int, client: Client, lost: list[ClientError] | None = None) -> list[dict[str, Any]]:
    """Return the first frames of a watch."""
    seen = []
    async with aclosing(client.watch("lunch", on_lost=None if lost is None else lost.append)) as frames:
        async for results in frames:
            seen.append(results)
            if len(seen) == count:
                break
    return seen


async def test_watch_reconnects_after_lost_connection() -> None:
    """Check that a watch continues over a new connection and reports the loss."""
    lost: list[ClientError] = []
    async with streaming([frame(1)], [frame(2)]) as peer, Client(peer.url) as client:
        assert [seen["seq"] for seen in await first(2, client, lost)] == [1, 2]
    assert [type(error) for error in lost] == [Unreachable]


async def test_watch_drops_older_totals() -> None:
    """Check that totals older than the last ones are dropped, and that a newer epoch replaces all."""
    second = [frame(4), frame(5, phase="closed"), frame(1, epoch="01933c5f8a2c")]
    async with streaming([frame(5)], second) as peer, Client(peer.url) as client:
        seen = await first(3, client)
    assert [(at["epoch"][-1], at["seq"]) for at in seen] == [("b", 5), ("b", 5), ("c", 1)]


async def test_watch_leaves_connection_after_reconnect_hint() -> None:
    """Check that after a reconnect hint nothing more is read from the old connection."""
    first_script = [frame(1), {"type": "reconnect", "after_ms": 5}, frame(2)]
    async with streaming(first_script, [frame(3)]) as peer, Client(peer.url) as client:
        assert [seen["seq"] for seen in await first(2, client)] == [1, 3]


async def test_watch_ignores_heartbeats_and_unknown_messages() -> None:
    """Check that heartbeats and unknown messages are ignored."""
    script = [{"type": "heartbeat"}, {"type": "news"}, frame(1)]
    async with streaming(script) as peer, Client(peer.url) as client:
        assert await first(1, client) == [frame(1)]


async def test_watch_raises_problem_of_stream() -> None:
    """Check that a problem on the stream is raised with its document."""
    gone = {"type": "problem", "problem": "/problems/poll-not-found", "status": 404, "detail": "Gone."}
    async with streaming([frame(1), gone]) as peer, Client(peer.url) as client:
        with pytest.raises(ApiError) as caught:
            await first(2, client)
    assert (caught.value.slug, caught.value.detail) == ("poll-not-found", "Gone.")


async def test_watch_raises_problem_of_handshake() -> None:
    """Check that a problem in the handshake's response is raised."""
    async with answering(problem(404, "poll-not-found")) as peer, Client(peer.url) as client:
        with pytest.raises(ApiError) as caught:
            await first(1, client)
    assert caught.value.slug == "poll-not-found"
    assert len(peer.requests) == 1


async def test_watch_without_first_frame_raises_after_patience() -> None:
    """Check that before the first frame the service's error is raised when ``patience_s`` is over."""
    async with answering(problem(503, "overloaded")) as peer, Client(peer.url, patience_s=0.3) as client:
        with pytest.raises(ApiError) as caught:
            await first(1, client)
    assert caught.value.slug == "overloaded"
    assert len(peer.requests) > 1


def test_watch_always_passes_hidden_frame() -> None:
    """Check that a hidden frame always passes, and that older totals after it are dropped."""
    order = ResultOrderFilter()
    admitted = [order.accepts(seen) for seen in (frame(7), frame(0, hidden=True), frame(6), frame(7))]
    assert admitted == [True, True, False, True]
