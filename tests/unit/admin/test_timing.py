"""Retry delays of webhooks: increasing, with jitter, and with a last attempt."""

from __future__ import annotations

from itertools import pairwise

import pytest
from pollwire_server.admin.webhooks.timing import JITTER, WebhookTiming


def test_retry_delays_increase_and_end() -> None:
    """Each delay is longer than the one before, for any jitter. After the last one there is no retry."""
    paces = WebhookTiming()
    longest = [paces.pause_after(tries, 1.0) for tries in range(1, 10)]
    least = [paces.pause_after(tries, 0.0) for tries in range(1, 11)]
    assert least[-1] is None
    for before, after in pairwise(least[:-1]):
        assert before is not None
        assert after is not None
        assert before < after
    assert longest[0] == 5000 * (1 + JITTER)
    assert least[0] == 5000 * (1 - JITTER)


@pytest.mark.parametrize("times", [1, 10, 1_000, 1_000_000])
def test_lease_is_longer_than_the_request_timeout(times: float) -> None:
    """Holds for every speedup of the delays."""
    paces = WebhookTiming().accelerated(times)
    assert paces.lease_ms > 1000 * paces.answer_within_s
