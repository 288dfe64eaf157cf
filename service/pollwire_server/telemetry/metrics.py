"""Prometheus metrics: counted by each worker, aggregated and served by the supervisor.

If metrics are enabled, each worker writes its values to files, and the supervisor aggregates them (the
multiprocess mode of the client library). Nothing here is updated for each vote or each frame. The store's
reply to a batch contains the number of votes for each outcome, and a broadcast reports its number of frames.
So the cost on the vote path is a few microseconds for each batch.

No metric has a label with values that a reader, a voter or a poll can choose.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

MULTIPROCESS_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Environment variable of the client library: the folder of the metric files."""

_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)

VOTES: Final = Counter("pollwire_votes", "Ballots processed by the store, by outcome.", ["outcome"])
VOTES_UNANSWERED: Final = Counter(
    "pollwire_votes_unanswered", "Votes rejected with 503, by reason.", ["reason"]
)
VOTES_QUEUE_SIZE: Final = Gauge(
    "pollwire_votes_queue_size", "Votes waiting for the next batch.", multiprocess_mode="livesum"
)
BATCH_VOTES: Final = Histogram(
    "pollwire_batch_votes",
    "Votes sent to the store in one round trip.",
    buckets=(1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 10000),
)
BATCH_SECONDS: Final = Histogram(
    "pollwire_batch_seconds",
    "From the arrival of the first vote of a batch to the responses of the whole batch.",
    buckets=_SECONDS,
)
STORE_SECONDS: Final = Histogram(
    "pollwire_store_seconds",
    "One round trip to the store, including the wait for a connection.",
    buckets=_SECONDS,
)
STORE_FAILURES: Final = Counter("pollwire_store_failures", "Calls to the store without a reply.")
STORE_UP: Final = Gauge(
    "pollwire_store_up", "1 if the store responds to every worker.", multiprocess_mode="livemin"
)
SUBSCRIBERS: Final = Gauge("pollwire_subscribers", "Open streams.", multiprocess_mode="livesum")
FRAMES: Final = Counter("pollwire_frames", "Frames passed to subscribers.")
LAG_SECONDS: Final = Histogram(
    "pollwire_frame_lag_seconds",
    "From the notification of a change to the start of its delivery, including the frame interval.",
    buckets=_SECONDS,
)
WEBHOOK_ATTEMPTS: Final = Counter(
    "pollwire_webhook_attempts", "Webhook delivery attempts, by outcome.", ["outcome"]
)
WEBHOOK_QUEUE_SIZE: Final = Gauge(
    "pollwire_webhook_queue_size",
    "Webhook events waiting for delivery, counted by the store.",
    multiprocess_mode="livemostrecent",  # every worker reads the same number, at slightly different times
)
