"""Result frames in every wire format."""

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
from tests.unit.live.readers import EPOCH, NOW, an_update, event_fields

MAY_SEE_TOTALS: dict[ResultsMode, Callable[[ReaderRole, bool], bool]] = {
    # mode: does a role see totals, given whether the poll is closed? Operators always do.
    ResultsMode.ALWAYS: lambda role, closed: True,
    ResultsMode.AFTER_VOTE: lambda role, closed: closed or role is ReaderRole.VOTED,
    ResultsMode.AFTER_CLOSE: lambda role, closed: closed,
    ResultsMode.OPERATORS: lambda role, closed: False,
}


def parse(data: bytes) -> ParsedFrame:
    reader = StreamReader()
    reader.feed_data(data)
    parsing = ParsedFrame.parse(reader.read_exact, mask=False)
    with pytest.raises(StopIteration) as end:
        next(parsing)  # all data is there
    frame: ParsedFrame = end.value.value
    return frame


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536])
def test_socket_frame_is_parsed_by_client_library(size: int) -> None:
    frame = parse(socket_frame(b"x" * size))
    assert (frame.opcode, frame.fin, frame.data) == (Opcode.TEXT, True, b"x" * size)


def test_all_wire_formats_carry_same_object() -> None:
    frame = an_update(a_poll(), seq=3).full
    document = json.loads(frame.json)
    assert document == json.loads(frame.text) == json.loads(bytes(parse(frame.socket_bytes).data))
    assert document == json.loads(event_fields(frame.event_bytes)["data"])


def test_event_id_is_poll_epoch_and_seq() -> None:
    poll = a_poll()
    fields = event_fields(an_update(poll, seq=3).full.event_bytes)
    assert fields["event"] == "results"
    assert fields["id"] == f"{poll.id}-{EPOCH}-3"


def test_wire_formats_are_encoded_once() -> None:
    update = an_update(a_poll())
    assert update.full.socket_bytes is update.full.socket_bytes
    assert update.full.json is update.full.json


def test_etag_ignores_read_time() -> None:
    poll = a_poll()
    first, later = an_update(poll, seq=1), an_update(poll, seq=1, now=NOW + 5)
    assert first.full.json != later.full.json
    assert first.full.etag == later.full.etag
    assert len({first.full.etag, first.hidden.etag, an_update(poll, seq=2).full.etag}) == 3


def test_edit_changes_dedup_key_but_not_etag() -> None:
    poll = a_poll()
    first, edited = an_update(poll), an_update(msgspec.structs.replace(poll, version=poll.version + 1))
    assert first.full.etag == edited.full.etag
    assert first.full.dedup_key != edited.full.dedup_key
    assert first.hidden.dedup_key != edited.hidden.dedup_key


def test_hidden_frame_does_not_depend_on_votes() -> None:
    poll = a_poll(results=ResultsMode.AFTER_CLOSE)
    assert an_update(poll, seq=1).hidden.dedup_key == an_update(poll, seq=2).hidden.dedup_key
    document = json.loads(an_update(poll, seq=2).hidden.json)
    assert document["hidden"] is True
    assert document["seq"] == 0
    assert not {"voters", "counts"} & document.keys()


@pytest.mark.parametrize(
    ("mode", "role", "closed", "sees"),
    [
        (mode, role, closed, role is ReaderRole.OPERATOR or rule(role, closed))
        for mode, rule in MAY_SEE_TOTALS.items()
        for role in ReaderRole
        for closed in (False, True)
    ],
)
def test_role_gets_whole_frame_only_if_mode_allows(
    mode: ResultsMode, role: ReaderRole, closed: bool, sees: bool
) -> None:
    update = an_update(a_poll(results=mode, closes_at=NOW if closed else FAR_OFF))
    assert update.frame_for(role) is (update.full if sees else update.hidden)


def test_invisible_poll_has_frame_for_operators_only() -> None:
    update = an_update(a_poll(visible_at=NOW + 1))
    assert update.frame_for(ReaderRole.PUBLIC) is None
    assert update.frame_for(ReaderRole.VOTED) is None
    assert update.frame_for(ReaderRole.OPERATOR) is update.full


def test_problem_message_has_type_status_and_poll() -> None:
    document = msgspec.json.decode(problem_message(PollNotFound("lunch"), "lunch"))
    assert document["type"] == "problem"
    assert document["problem"] == "/problems/poll-not-found"
    assert (document["status"], document["poll"]) == (404, "lunch")
    assert document["detail"]
    assert "poll" not in msgspec.json.decode(problem_message(StoreUnavailable()))


def test_reconnect_message_has_delay() -> None:
    assert json.loads(reconnect_message(1200)) == {"type": "reconnect", "after_ms": 1200}
