"""How much of what happens: figures for Prometheus, kept by whoever knows them, shown by the supervisor.

Each worker counts by itself; where metrics are asked for, into files that the
supervisor adds up (the client library's mode for several processes). Nothing
here is counted for each vote or each frame: the store's answer to a batch
tells how many votes came to what, a round of frames how many it handed over.
So the cost on the vote path is a few microseconds a batch.

A figure has no label that a reader, a voter or a poll could choose.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

MULTIPROCESS_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The client library's own name for where the processes of one service leave their figures."""

_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)

VOTES: Final = Counter(
    "pollwire_votes", "Ballots that the store has judged, by what became of them.", ["outcome"]
)
VOTES_UNANSWERED: Final = Counter(
    "pollwire_votes_unanswered", "Votes that were told to come back (503), by the reason.", ["reason"]
)
VOTES_WAITING: Final = Gauge(
    "pollwire_votes_waiting", "Votes gathered behind the call under way.", multiprocess_mode="livesum"
)
BATCH_VOTES: Final = Histogram(
    "pollwire_batch_votes",
    "Votes taken to the store in one round trip.",
    buckets=(1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 10000),
)
BATCH_SECONDS: Final = Histogram(
    "pollwire_batch_seconds",
    "From the arrival of a batch's first vote to the answers of all of it.",
    buckets=_SECONDS,
)
STORE_SECONDS: Final = Histogram(
    "pollwire_store_seconds",
    "One round trip to the store, the wait for a connection included.",
    buckets=_SECONDS,
)
STORE_FAILURES: Final = Counter("pollwire_store_failures", "Calls to the store that got no answer.")
STORE_UP: Final = Gauge(
    "pollwire_store_up", "1 where every worker finds the store answering.", multiprocess_mode="livemin"
)
SUBSCRIBERS: Final = Gauge("pollwire_subscribers", "Open streams.", multiprocess_mode="livesum")
FRAMES: Final = Counter("pollwire_frames", "Frames handed to subscribers.")
LAG_SECONDS: Final = Histogram(
    "pollwire_frame_lag_seconds",
    "From the notice of a change to the beginning of its delivery; the pace of frames is part of it.",
    buckets=_SECONDS,
)
WEBHOOK_TRIES: Final = Counter(
    "pollwire_webhook_tries", "Tries to tell a site of an event, by what came of them.", ["outcome"]
)
WEBHOOK_WAITING: Final = Gauge(
    "pollwire_webhook_waiting",
    "Events that wait to be told to sites, as the store counts them.",
    multiprocess_mode="livemostrecent",  # every worker hears the same number, one a little later than another
)
