"""How long webhooks wait: pauses that grow, with jitter, up to a last try."""

from __future__ import annotations

from itertools import pairwise

import pytest
from pollwire_server.admin.webhooks.timing import JITTER, WebhookTiming


def test_pauses_grow_to_an_end() -> None:
    """Each pause is longer than the one before, whatever the chance, and after the last there is none."""
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
def test_a_lease_outlasts_an_answer(times: float) -> None:
    """However hurried, no claim ends while its own request may still be answered."""
    paces = WebhookTiming().accelerated(times)
    assert paces.lease_ms > 1000 * paces.answer_within_s
