"""Results in every wire form."""

from __future__ import annotations

import json
from collections.abc import Callable

import msgspec
import pytest
from pollwire_server.domain.errors import PollNotFound, StoreUnavailable
from pollwire_server.domain.poll import ResultsMode
from pollwire_server.domain.visibility import ReaderRole
from pollwire_server.live.result_frames import problem_message, reconnect_message, socket_frame
from websockets.frames import Frame as ParsedFrame
from websockets.frames import Opcode
from websockets.streams import StreamReader

from tests.factories import FAR_OFF, a_poll
from tests.unit.live.readers import EPOCH, NOW, a_change, event_fields

AUDIENCES: dict[ResultsMode, Callable[[ReaderRole, bool], bool]] = {
    # mode: whether a reader sees totals, given whether the poll has closed; operators aside
    ResultsMode.ALWAYS: lambda reader, closed: True,
    ResultsMode.AFTER_VOTE: lambda reader, closed: closed or reader is ReaderRole.VOTED,
    ResultsMode.AFTER_CLOSE: lambda reader, closed: closed,
    ResultsMode.OPERATORS: lambda reader, closed: False,
}


def parsed(data: bytes) -> ParsedFrame:
    reader = StreamReader()
    reader.feed_data(data)
    parsing = ParsedFrame.parse(reader.read_exact, mask=False)
    with pytest.raises(StopIteration) as end:
        next(parsing)  # all of it is there, so nothing more is asked for
    frame: ParsedFrame = end.value.value
    return frame


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536])
def test_socket_frames_are_what_a_client_reads(size: int) -> None:
    """A payload of any length is framed as RFC 6455 has it, in one final text frame."""
    frame = parsed(socket_frame(b"x" * size))
    assert (frame.opcode, frame.fin, frame.data) == (Opcode.TEXT, True, b"x" * size)


def test_every_wire_form_carries_the_same_object() -> None:
    """HTTP, socket and event bytes differ in their wrapping alone."""
    frame = a_change(a_poll(), seq=3).whole
    said = json.loads(frame.json)
    assert said == json.loads(frame.text) == json.loads(bytes(parsed(frame.socket_bytes).data))
    assert said == json.loads(event_fields(frame.event_bytes)["data"])


def test_an_event_names_the_position() -> None:
    """An event's id is poll, epoch and seq."""
    poll = a_poll()
    fields = event_fields(a_change(poll, seq=3).whole.event_bytes)
    assert fields["event"] == "results"
    assert fields["id"] == f"{poll.id}-{EPOCH}-3"


def test_a_form_is_built_once() -> None:
    """Whoever asks second gets the very bytes that the first one got."""
    change = a_change(a_poll())
    assert change.whole.socket_bytes is change.whole.socket_bytes
    assert change.whole.json is change.whole.json


def test_the_tag_leaves_out_when_it_was_read() -> None:
    """Two reads that say the same have one tag; another count, or hidden totals, have another."""
    poll = a_poll()
    first, later = a_change(poll, seq=1), a_change(poll, seq=1, now=NOW + 5)
    assert first.whole.json != later.whole.json
    assert first.whole.etag == later.whole.etag
    assert len({first.whole.etag, first.hidden.etag, a_change(poll, seq=2).whole.etag}) == 3


def test_an_edit_is_news_though_the_totals_say_the_same() -> None:
    """The same totals of another version are another content, and what a GET answers is still the same."""
    poll = a_poll()
    first, edited = a_change(poll), a_change(msgspec.structs.replace(poll, version=poll.version + 1))
    assert first.whole.etag == edited.whole.etag
    assert first.whole.dedup_key != edited.whole.dedup_key
    assert first.hidden.dedup_key != edited.hidden.dedup_key


def test_the_hidden_view_is_the_same_whatever_is_counted() -> None:
    """Nothing that voting changes is in a hidden frame."""
    poll = a_poll(results=ResultsMode.AFTER_CLOSE)
    assert a_change(poll, seq=1).hidden.dedup_key == a_change(poll, seq=2).hidden.dedup_key
    said = json.loads(a_change(poll, seq=2).hidden.json)
    assert said["hidden"] is True
    assert said["seq"] == 0
    assert not {"voters", "counts"} & said.keys()


@pytest.mark.parametrize(
    ("mode", "reader", "closed", "sees"),
    [
        (mode, reader, closed, reader is ReaderRole.OPERATOR or rule(reader, closed))
        for mode, rule in AUDIENCES.items()
        for reader in ReaderRole
        for closed in (False, True)
    ],
)
def test_each_class_of_reader_gets_its_frame(
    mode: ResultsMode, reader: ReaderRole, closed: bool, sees: bool
) -> None:
    """Whole totals go to exactly those whom the poll's mode lets see them in its phase."""
    change = a_change(a_poll(results=mode, closes_at=NOW if closed else FAR_OFF))
    assert change.frame_for(reader) is (change.whole if sees else change.hidden)


def test_a_poll_that_is_not_visible_yet_has_a_frame_for_operators_alone() -> None:
    """Before ``visible_at`` the public gets no frame at all."""
    change = a_change(a_poll(visible_at=NOW + 1))
    assert change.frame_for(ReaderRole.PUBLIC) is None
    assert change.frame_for(ReaderRole.VOTED) is None
    assert change.frame_for(ReaderRole.OPERATOR) is change.whole


def test_problems_on_streams_name_type_status_and_poll() -> None:
    """A refusal on a stream carries what its HTTP answer would, under the names that streams use."""
    said = msgspec.json.decode(problem_message(PollNotFound("lunch"), "lunch"))
    assert said["type"] == "problem"
    assert said["problem"] == "/problems/poll-not-found"
    assert (said["status"], said["poll"]) == (404, "lunch")
    assert said["detail"]
    assert "poll" not in msgspec.json.decode(problem_message(StoreUnavailable()))


def test_reconnect_names_the_wait() -> None:
    """The last message before a planned stop says when to come back."""
    assert json.loads(reconnect_message(1200)) == {"type": "reconnect", "after_ms": 1200}
