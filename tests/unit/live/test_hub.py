"""Who is shown what, when, and in what order."""

from __future__ import annotations

import asyncio
import itertools

from pollwire_server.domain.poll import Poll, ResultsMode
from pollwire_server.domain.visibility import ReaderRole
from pollwire_server.live.hub import Hub
from pollwire_server.live.result_frames import ResultFrame

from tests.factories import FAR_OFF, a_poll
from tests.unit.live.readers import NOW, Listener, a_change
from tests.wait import until


def joined(hub: Hub, poll: Poll, reader: ReaderRole = ReaderRole.PUBLIC, since: int = 1) -> Listener:
    listener = Listener()
    hub.join(listener)
    hub.watch(poll.id, listener, reader, since)
    return listener


async def settled(hub: Hub) -> None:
    """Returns once no round is under way."""
    await until(lambda: not hub._rounds)


async def test_a_newcomer_is_shown_the_whole_at_once() -> None:
    """The first change of a fresh enough turn reaches a newcomer without a delivery."""
    hub, poll = Hub(), a_poll()
    listener = joined(hub, poll)
    hub.publish(a_change(poll, seq=7))
    await settled(hub)
    assert listener.voters == [7]


async def test_a_newcomer_is_shown_nothing_read_before_it_came() -> None:
    """Neither a note nor a delivery of an earlier turn reaches somebody who came later."""
    hub, poll = Hub(), a_poll()
    joined(hub, poll, since=1)
    late = joined(hub, poll, since=2)
    hub.publish(a_change(poll, seq=7, turn=1))
    hub.broadcast(poll.id)
    await settled(hub)
    assert late.frames == []
    hub.publish(a_change(poll, seq=7, turn=2))
    await settled(hub)
    assert late.voters == [7]


async def test_members_wait_for_the_delivery() -> None:
    """A change that a newcomer's read brought is news for the others, and theirs once delivered."""
    hub, poll = Hub(), a_poll()
    early = joined(hub, poll)
    assert hub.publish(a_change(poll, seq=1)) is False  # nobody is there but newcomers
    await settled(hub)
    joined(hub, poll, since=2)
    assert hub.publish(a_change(poll, seq=2, turn=2)) is True
    await settled(hub)
    assert early.voters == [1]
    hub.broadcast(poll.id)
    await settled(hub)
    assert early.voters == [1, 2]


async def test_the_same_content_is_not_sent_twice() -> None:
    """A later read that says the same is no news, and a delivery of it sends nothing."""
    hub, poll = Hub(), a_poll()
    listener = joined(hub, poll)
    hub.publish(a_change(poll, seq=1))
    await settled(hub)
    assert hub.publish(a_change(poll, seq=1, turn=2, now=NOW + 50)) is False
    hub.broadcast(poll.id)
    await settled(hub)
    assert listener.voters == [1]


async def test_an_older_change_is_shown_to_nobody() -> None:
    """Totals never go backwards: a read that says less than what is known only proves that to be fresh."""
    hub, poll = Hub(), a_poll()
    listener = joined(hub, poll)
    hub.publish(a_change(poll, seq=5))
    late = joined(hub, poll, since=2)
    assert hub.publish(a_change(poll, seq=4, turn=2)) is False
    hub.broadcast(poll.id)
    await settled(hub)
    assert listener.voters == [5]
    assert late.voters == [5]


async def test_a_new_epoch_replaces_higher_numbers() -> None:
    """After lost history a smaller ``seq`` of a later epoch is the truth."""
    hub, poll = Hub(), a_poll()
    listener = joined(hub, poll)
    hub.publish(a_change(poll, seq=5))
    await settled(hub)
    assert hub.publish(a_change(poll, seq=2, epoch="018bcfe56801")) is True
    hub.broadcast(poll.id)
    await settled(hub)
    assert listener.voters == [5, 2]


async def test_hidden_readers_hear_of_phases_and_not_of_votes() -> None:
    """Votes send nothing to readers of hidden totals; at the close they get the whole."""
    hub, poll = Hub(), a_poll(results=ResultsMode.AFTER_CLOSE, closes_at=FAR_OFF)
    listener = joined(hub, poll)
    for seq in range(3):
        hub.publish(a_change(poll, seq=seq))
        hub.broadcast(poll.id)
        await settled(hub)
    assert listener.voters == [None]
    hub.publish(a_change(poll, seq=2, now=FAR_OFF))
    hub.broadcast(poll.id)
    await settled(hub)
    assert listener.voters == [None, 2]
    assert listener.frames[-1].results.final


async def test_watching_again_as_somebody_else_shows_what_they_may_see() -> None:
    """A reader who proves to have voted is shown totals by the next fresh read, changed or not."""
    hub, poll = Hub(), a_poll(results=ResultsMode.AFTER_VOTE)
    listener = joined(hub, poll)
    hub.publish(a_change(poll, seq=1))
    await settled(hub)
    hub.watch(poll.id, listener, ReaderRole.VOTED, 2)
    hub.publish(a_change(poll, seq=1, turn=2))
    await settled(hub)
    assert listener.voters == [None, 1]


async def test_a_delivery_gives_way_and_brings_the_newest() -> None:
    """A round is cut into slices; who is reached after another change gets that one, and all end on it."""
    ticks = itertools.count()
    hub, poll = Hub(slice_s=1, clock=lambda: float(next(ticks))), a_poll()
    listeners = [joined(hub, poll) for _ in range(1000)]
    hub.publish(a_change(poll, seq=1))
    await settled(hub)
    hub.publish(a_change(poll, seq=2))
    hub.broadcast(poll.id)
    await asyncio.sleep(0)
    reached = sum(listener.voters == [1, 2] for listener in listeners)
    assert 0 < reached < 200
    hub.publish(a_change(poll, seq=3))
    hub.broadcast(poll.id)
    await settled(hub)
    assert [listener.voters for listener in listeners].count([1, 3]) == 1000 - reached
    assert all(listener.voters[-1] == 3 for listener in listeners)


async def test_a_large_room_does_not_hold_up_a_small_one() -> None:
    """Rounds take turns, slice by slice."""
    ticks = itertools.count()
    hub, large, small = Hub(slice_s=1, clock=lambda: float(next(ticks))), a_poll(), a_poll()
    crowd = [joined(hub, large) for _ in range(100)]
    served_before: list[int] = []

    class Guest(Listener):
        def send_latest(self, poll_id: str, frame: ResultFrame) -> None:
            served_before.append(sum(bool(listener.frames) for listener in crowd))

    hub.watch(small.id, Guest(), ReaderRole.PUBLIC, 1)
    hub.publish(a_change(large, seq=1))
    hub.publish(a_change(small, seq=1))
    await settled(hub)
    assert len(served_before) == 1
    assert served_before[0] < 50


async def test_who_left_is_shown_nothing() -> None:
    """After ``unwatch`` no frame comes, not even of a round that had begun; the last one empties the room."""
    hub, poll = Hub(), a_poll()
    leaver, stayer = joined(hub, poll), joined(hub, poll)
    hub.publish(a_change(poll, seq=1))
    assert hub.unwatch(poll.id, leaver) is False
    await settled(hub)
    assert leaver.frames == []
    assert stayer.voters == [1]
    assert hub.unwatch(poll.id, stayer) is True
    assert hub.watched == []


async def test_the_end_of_a_poll_is_told_once_and_empties_the_room() -> None:
    """Every member hears that the poll is gone, and nothing after it."""
    hub, poll = Hub(), a_poll()
    listeners = [joined(hub, poll) for _ in range(3)]
    hub.end(poll.id)
    hub.end(poll.id)
    assert hub.publish(a_change(poll)) is False
    await settled(hub)
    assert [listener.lost for listener in listeners] == [[poll.id]] * 3
    assert hub.watched == []


async def test_a_poll_hidden_away_is_gone_for_the_public() -> None:
    """A poll whose ``visible_at`` was moved ahead is gone for its readers, and still there for operators."""
    hub, poll = Hub(), a_poll(visible_at=NOW + 10)
    public, operator = joined(hub, poll), joined(hub, poll, ReaderRole.OPERATOR)
    hub.publish(a_change(poll, seq=1))
    hub.broadcast(poll.id)
    await settled(hub)
    assert public.lost == [poll.id]
    assert operator.voters == [1]


async def test_a_failing_subscriber_harms_nobody_else() -> None:
    """One subscriber's exception does not end the round."""

    class Broken(Listener):
        def send_latest(self, poll_id: str, frame: object) -> None:
            raise RuntimeError("broken")

    hub, poll = Hub(), a_poll()
    hub.watch(poll.id, Broken(), ReaderRole.PUBLIC, 1)
    listener = joined(hub, poll)
    hub.publish(a_change(poll, seq=1))
    await settled(hub)
    assert listener.voters == [1]


async def test_a_drain_spreads_readers_and_waits_for_them() -> None:
    """Everybody is told a moment of their own, and the drain ends when the last has left."""
    hub = Hub()
    listeners = [Listener() for _ in range(10)]
    for listener in listeners:
        hub.join(listener)
    draining = asyncio.create_task(hub.drain(1000))
    await until(lambda: all(listener.retired for listener in listeners))
    assert sorted(listener.retired[0] for listener in listeners) == list(range(100, 1001, 100))
    assert hub.is_draining
    assert not draining.done()
    for listener in listeners:
        hub.leave(listener)
    await asyncio.wait_for(draining, 1)
