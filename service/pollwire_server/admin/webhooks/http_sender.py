"""HTTP client that sends one signed webhook request and returns its result.

Requests follow the Standard Webhooks specification. ``webhook-id`` identifies the event,
``webhook-timestamp`` is the time of this attempt, and ``webhook-signature`` covers both and the body. The
library of the specification signs. Any 2xx is a success, 410 disables the webhook, and any other status is a
failure. Only the status of a response is used. ``outbound.http_client`` sends the
requests.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Final

import httpx
import msgspec
from standardwebhooks import Webhook

from pollwire_server.outbound.http_client import OutboundClient
from pollwire_server.outbound.url_guard import AllowList, ForbiddenAddress, Resolve, resolved

MAX_RESPONSE_BYTES: Final = 64 * 1024
"""Maximum of response bytes to read, so that the endpoint can finish writing. The rest is discarded."""


class DeliveryAttempt(msgspec.Struct, frozen=True):
    """Result of one request: the status of the response, or an error message, and the duration."""

    status: int | None
    error: str
    took_ms: int

    @property
    def is_delivered(self) -> bool:
        """Return True if the endpoint accepted the event (2xx)."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """Return True if the endpoint refuses all further events (410)."""
        return self.status == httpx.codes.GONE


class WebhookSender:
    """Client for webhook endpoints. It belongs to one event loop and must be closed."""

    def __init__(self, allowed: AllowList, answer_within_s: float, resolve: Resolve = resolved) -> None:
        self._answer_within_s = answer_within_s
        self._client = OutboundClient(allowed, answer_within_s, MAX_RESPONSE_BYTES, resolve)

    async def check_url(self, url: str) -> None:
        """Resolve and check ``url``. Raises ``ForbiddenAddress`` with the reason."""
        await self._client.check_url(url)

    async def send(self, url: str, secret: str, event_id: str, body: bytes) -> DeliveryAttempt:
        """Send one request. Failures of the endpoint are returned, not raised."""
        began = time.perf_counter()
        status, error = None, ""
        try:
            response = await self._client.request("POST", url, _headers(secret, event_id, body), body)
            status = response.status
            error = _fault_of(status)
        except ForbiddenAddress as forbidden:
            error = str(forbidden)
        except TimeoutError:
            error = f"no answer within {self._answer_within_s:g} s"
        except (httpx.HTTPError, OSError, ValueError) as failure:
            error = str(failure) or type(failure).__name__
        return DeliveryAttempt(status, error, round(1000 * (time.perf_counter() - began)))

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()


def _headers(secret: str, event_id: str, body: bytes) -> dict[str, str]:
    now = datetime.now(UTC).replace(microsecond=0)
    return {
        "content-type": "application/json",
        "user-agent": "Pollwire-Webhooks",
        "webhook-id": event_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(event_id, now, body.decode()),
    }


def _fault_of(status: int) -> str:
    if 200 <= status < 300:
        return ""
    if 300 <= status < 400:
        return f"answered {status}: redirects are not followed"
    return f"answered {status}"
