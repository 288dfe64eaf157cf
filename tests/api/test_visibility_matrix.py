"""Visibility of results for every kind of poll, results mode, phase, channel and client.

The rule is a table here, independent of the service's code. One poll is created for each kind and mode and
taken through its life. All its totals have four digits, so that every response byte can be searched for a
leak. No time, version or length in a response has four digits.
"""

from __future__ import annotations

import json
import re
import secrets
from typing import Any

import pytest
from pollwire_server.domain.poll import Kind
from pollwire_server.store.votes.ballots import BallotInput

from tests.api.conftest import Serve, Service
from tests.api.hooks import QUICK, hook
from tests.api.readers import RESULTS, Reader, Received, all_readers, by_client, get, other_documents
from tests.store.ballot_helpers import outcomes_of
from tests.wait import until
from tests.webhook_receiver import Site, receiving

MODES = ("always", "after_vote", "after_close", "operators")
VOTES: dict[str, list[tuple[Any, int]]] = {
    "single": [("a", 1117), ("b", 1229), ("c", 1031)],
    "prediction": [("a", 1117), ("b", 1229), ("c", 1031)],
    "multiple": [(["a"], 1117), (["b", "c"], 1229), (["a", "b"], 1031)],
    "rating": [(1, 1117), (4, 1229), (5, 1031)],
    "ranked": [(["a", "b"], 1117), (["b"], 1229), (["c", "b"], 1031)],
}
"""The choices of each kind, and the number of votes for each."""
BATCH = 500
FUTURE = "2100-01-01T00:00:00Z"
LIFE = ("open", "close", "reopen", "cancel", "archive")
LIFE_OF_A_PREDICTION = ("open", "close", "reopen", "close", "resolve", "unresolve", "resolve", "archive")
PHASES = {
    "open": "open",
    "close": "closed",
    "reopen": "open",
    "cancel": "canceled",
    "resolve": "resolved",
    "unresolve": "closed",
    "archive": "archived",
}
EVENTS = {
    "open": "poll.opened",
    "close": "poll.closed",
    "reopen": "poll.opened",
    "cancel": "poll.canceled",
    "resolve": "poll.resolved",
    "unresolve": "poll.corrected",
}
"""The events that webhooks receive for an action."""
DERIVED = ("voters", "counts", "mean", "rounds", "winner", "forecast", "spread", "mean_log")
"""The fields of results that depend on votes. Results of a hidden poll do not even have their names."""

# Which clients see totals in each mode: while voting is open, and after it has ended.
SEEN: dict[str, tuple[set[str], set[str]]] = {
    "always": ({"public", "voted", "operator"}, {"public", "voted", "operator"}),
    "after_vote": ({"voted", "operator"}, {"public", "voted", "operator"}),
    "after_close": ({"operator"}, {"public", "voted", "operator"}),
    "operators": ({"operator"}, {"operator"}),
}


def sees(mode: str, phase: str, reader: Reader, has_voted: bool) -> bool:
    """Return True if the table shows totals to this client."""
    before, after = SEEN[mode]
    kind = "public" if reader.kind == "voted" and not has_voted else reader.kind
    return kind in (before if phase in ("scheduled", "open") else after)


class Leaks:
    """The numbers that only clients with access to totals may receive."""

    def __init__(self, totals: dict[str, Any]) -> None:
        hidden = {totals["voters"], totals["seq"], *totals["counts"].values()}
        numbers = {str(number) for number in hidden if number}
        assert all(len(number) == 4 for number in numbers), totals
        if "mean" in totals and totals["mean"] is not None:
            numbers.add(str(totals["mean"]))
        found = "|".join(map(re.escape, sorted(numbers))) or "(?!)"
        self._pattern = re.compile(rf"(?<![0-9A-Za-z_.])(?:{found})(?![0-9A-Za-z_])")

    def check(self, received: Received, where: str) -> None:
        """Check that the response contains none of the numbers."""
        text = f"{received.head}\n{received.body.decode()}"
        leak = self._pattern.search(text)
        assert leak is None, f"{where} tells {text[max(0, leak.start() - 60) : leak.end() + 20]!r}"


class PollWalk:
    """One poll, read by all clients in every phase."""

    def __init__(
        self, service: Service, poll: dict[str, Any], voted: str, readers: dict[str, Reader]
    ) -> None:
        self._service = service
        self._poll = poll
        self._mode = str(poll["results"])
        self._voted = voted
        self._readers = readers
        self.has_voted = False

    async def check_phase(self, phase: str) -> dict[str, Any]:
        """Read every channel as every client, and return the totals as operators see them."""
        operator = self._readers["operator"]
        totals = (await get(self._service, f"/v1/admin/polls/{self._poll['id']}/results", operator)).results
        assert totals is not None
        assert totals["phase"] == phase
        leaks = Leaks(totals)
        for name, reader in self._readers.items():
            sees_totals = sees(self._mode, phase, reader, self.has_voted)
            for channel, read_channel in RESULTS.items():
                received = await read_channel(self._service, self._poll, reader)
                self._check(received, totals, leaks if not sees_totals else None, f"{phase} {channel} {name}")
            if not sees_totals:
                for place, received in (await other_documents(self._service, self._poll, reader)).items():
                    leaks.check(received, f"{phase} {place} {name}")
        await self._check_client(phase, totals, leaks)
        await self._check_timelines(phase, totals, leaks)
        await self._check_other_responses(phase, leaks)
        return totals

    async def _check_client(self, phase: str, totals: dict[str, Any], leaks: Leaks) -> None:
        for name in ("public", "voter", "operator"):
            reader = self._readers[name]
            sees_totals = sees(self._mode, phase, reader, self.has_voted)
            received = await by_client(self._service, self._poll, reader)
            self._check(received, totals, None if sees_totals else leaks, f"{phase} client {name}")

    async def _check_timelines(self, phase: str, totals: dict[str, Any], leaks: Leaks) -> None:
        """Check that only clients who see totals get timelines, and that these end in the current results."""
        poll_id = self._poll["id"]
        for name, reader in self._readers.items():
            received = await get(self._service, f"/v1/polls/{poll_id}/timeline", reader)
            where = f"{phase} timeline {name}"
            if sees(self._mode, phase, reader, self.has_voted):
                self._check_timeline(received, totals, where)
            else:
                assert b"/problems/results-hidden" in received.body, where
                leaks.check(received, where)
            if reader.kind == "operator" and reader.token:
                by_operators = await get(self._service, f"/v1/admin/polls/{poll_id}/timeline", reader)
                self._check_timeline(by_operators, totals, f"{where} of operators")

    def _check_timeline(self, received: Received, totals: dict[str, Any], where: str) -> None:
        points = json.loads(received.body)["points"]
        assert bool(points) == self.has_voted, where
        if points:
            last = {name: points[-1][name] for name in ("voters", "counts")}
            assert last == {name: totals[name] for name in last}, where

    async def _check_other_responses(self, phase: str, leaks: Leaks) -> None:
        """Check the cache headers of results, and that other clients cannot read the admin API."""
        path, public = f"/v1/polls/{self._poll['id']}/results", self._readers["public"]
        if self._mode == "always":
            tag = (await get(self._service, path, public)).headers["etag"]
            again = await get(self._service, path, public, **{"If-None-Match": tag})
            assert (again.body, again.headers["etag"]) == (b"", tag)
            assert again.headers["cache-control"].startswith("public")
        for reader in self._readers.values():
            received = await get(self._service, path, reader, **{"If-None-Match": "*"})
            if self._mode != "always":
                assert received.headers["cache-control"] == "private, no-store"
                assert "etag" not in received.headers
                assert received.body
            if reader.kind != "operator":
                for theirs in ("results", "timeline", "export", "report"):
                    refused = await get(self._service, f"/v1/admin/polls/{self._poll['id']}/{theirs}", reader)
                    leaks.check(refused, f"operators' {theirs}")
                    assert b"/problems/api-key-" in refused.body
        if self.has_voted and phase != "archived":
            await self._vote_again(phase, leaks)

    async def _vote_again(self, phase: str, leaks: Leaks) -> None:
        """Check that a repeated vote's response has ``seq`` only where the voter may see totals."""
        choice = VOTES[self._poll["kind"]][0][0]
        answer = await self._service.vote(self._poll["id"], choice, self._voted)
        assert answer.json()["status"] == "unchanged"
        sees_totals = sees(self._mode, phase, self._readers["voter"], True)
        assert ("seq" in answer.json()) == sees_totals, f"{phase} {answer.text}"
        if not sees_totals:
            leaks.check(Received("", answer.content, answer.headers, None), f"{phase} answer to a vote")

    def _check(self, received: Received, totals: dict[str, Any], leaks: Leaks | None, where: str) -> None:
        assert received.results is not None, f"{where}: {received.body!r}"
        assert (received.results["type"], received.results["poll"]) == ("results", self._poll["id"]), where
        assert received.results["phase"] == totals["phase"], where
        if leaks is None:
            named = ("voters", "counts", "seq", "mean")
            assert {name: received.results.get(name) for name in named} == {
                name: totals.get(name) for name in named
            }, where
            assert "hidden" not in received.results, where
        else:
            assert (received.results["hidden"], received.results["seq"]) == (True, 0), where
            assert not set(DERIVED) & received.results.keys(), where
            leaks.check(received, where)


class WebhookReceivers:
    """Webhook receivers of one poll: one with the public view, one with the operators' view."""

    def __init__(self, poll: dict[str, Any], receivers: dict[str, tuple[Site, str]]) -> None:
        self._mode = str(poll["results"])
        self._receivers = receivers
        """By view: the receiver, and the secret that it verifies with."""
        self._read = dict.fromkeys(receivers, 0)

    async def check_phase(self, action: str, totals: dict[str, Any]) -> None:
        """Wait for the action's event, and check that no event since reveals totals to the wrong receiver."""
        for kind, (site, secret) in self._receivers.items():
            await self._until_delivered(site, EVENTS.get(action), self._read[kind])
            for delivery in site.deliveries[self._read[kind] :]:
                document = delivery.verified(secret)
                self._check(kind, document, totals, f"{action} {document['type']} to {kind}")
                self._read[kind] += 1

    async def _until_delivered(self, site: Site, event: str | None, since: int) -> None:
        await until(lambda: event is None or event in site.types[since:])

    def _check(self, kind: str, document: dict[str, Any], totals: dict[str, Any], where: str) -> None:
        data = document["data"]
        results = data["results"]
        if sees(self._mode, data["phase"], Reader(kind), has_voted=False):
            assert "hidden" not in results, where
            assert isinstance(results["voters"], int), where
            if document["type"] not in ("poll.opened", "poll.progress"):  # sent before all votes were cast
                assert {name: results[name] for name in ("voters", "counts", "seq")} == {
                    name: totals[name] for name in ("voters", "counts", "seq")
                }, where
            return
        assert (results["hidden"], results["seq"]) == (True, 0), where
        assert not set(DERIVED) & results.keys(), where
        Leaks(totals).check(Received("", json.dumps(document).encode(), {}, None), where)


async def a_crowd_votes(service: Service, poll_id: str, kind: str) -> None:
    """Store thousands of votes, some of them changed, so that voters, order and counts all differ."""
    record = await service.store.polls.get(poll_id)
    for choice, number in VOTES[kind]:
        crowd = [
            BallotInput(secrets.token_bytes(16), record.codec.encode_choice(choice), None)
            for _ in range(number)
        ]
        for start in range(0, number, BATCH):
            await outcomes_of(service.store, record, *crowd[start : start + BATCH])
    fickle = secrets.token_bytes(16)
    for choice in [VOTES[kind][0][0], VOTES[kind][1][0]] * 3:
        await outcomes_of(
            service.store, record, BallotInput(fickle, record.codec.encode_choice(choice), None)
        )


async def walk_through(service: Service, kind: str, mode: str, keyed: dict[str, tuple[Site, str]]) -> None:
    """Take a poll of this kind and mode through its life. Check all clients after each step."""
    options = [] if kind == "rating" else [{"id": name, "label": name.upper()} for name in "abc"]
    poll = await service.create_poll(
        kind=kind, options=options, results=mode, revote="change", opens_at=FUTURE
    )
    voted = await service.voter()
    receivers = WebhookReceivers(poll, keyed)
    poll_walk = PollWalk(service, poll, voted, await all_readers(service, voted))
    await poll_walk.check_phase("scheduled")
    for action in LIFE_OF_A_PREDICTION if kind == "prediction" else LIFE:
        await service.act(poll["id"], action, **({"outcome": "b"} if action == "resolve" else {}))
        if action == "open":
            await a_crowd_votes(service, poll["id"], kind)
            assert (await service.vote(poll["id"], VOTES[kind][0][0], voted)).status_code == 200
            poll_walk.has_voted = True
        totals = await poll_walk.check_phase(PHASES[action])
        await receivers.check_phase(action, totals)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", [kind.value for kind in Kind])
async def test_every_reader_sees_totals_as_mode_allows_in_every_phase(
    serve: Serve, kind: str, mode: str
) -> None:
    """Check totals on each channel: complete where visible, otherwise not one of their numbers in any byte.

    Channels are results, frames, events, vote responses, pages, the client and webhooks.
    """
    async with serve(**QUICK) as service, receiving() as public, receiving() as trusted:
        keyed = {
            "public": (public, (await hook(service, public))["secret"]),
            "operator": (trusted, (await hook(service, trusted, results="operators"))["secret"]),
        }
        await walk_through(service, kind, mode, keyed)
