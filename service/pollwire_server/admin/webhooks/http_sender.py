"""HTTP client that sends one signed webhook request and returns its result.

Requests follow the Standard Webhooks specification. ``webhook-id`` identifies the event,
``webhook-timestamp`` is the time of this attempt, and ``webhook-signature`` covers both and the body. The
library of the specification signs. Any 2xx is a success, 410 disables the webhook, and any other status is a
failure. Redirects are not followed. Only the status of a response is used.

The request goes to an address that ``url_guard`` has checked. The host name is in ``Host`` and in the TLS
SNI, and TLS verifies the certificate against it. Connections are not kept alive: one that was opened for a
host name must not serve another host with the same address. Proxies of the environment are ignored, since a
proxy would resolve the host name again.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final

import httpx
import msgspec
from standardwebhooks import Webhook

from pollwire_server.admin.webhooks.url_guard import (
    Address,
    AllowList,
    ForbiddenAddress,
    Resolve,
    addresses_of,
    host_of,
    resolved,
    url_of,
)

MOST_ANSWER_BYTES: Final = 64 * 1024
"""Maximum of response bytes to read, so that the endpoint can finish writing. The rest is discarded."""
_MOST_ADDRESSES: Final = 3
"""Addresses of one host that are tried in turn if the connection fails."""


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
        self._allowed = allowed
        self._answer_within_s = answer_within_s
        self._resolve = resolve
        self._http: httpx.AsyncClient | None = None

    async def check_url(self, url: str) -> None:
        """Resolve and check ``url``. Raises ``ForbiddenAddress`` with the reason."""
        try:
            async with asyncio.timeout(self._answer_within_s):
                await addresses_of(url_of(url), self._allowed, self._resolve)
        except TimeoutError:
            raise ForbiddenAddress("The name server did not say in time where the url leads.") from None

    async def send(self, url: str, secret: str, event_id: str, body: bytes) -> DeliveryAttempt:
        """Send one request. Failures of the endpoint are returned, not raised."""
        began = time.perf_counter()
        status, error = None, ""
        try:
            async with asyncio.timeout(self._answer_within_s):
                status = await self._post(url_of(url), _headers(secret, event_id, body), body)
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
        if self._http is not None:
            await self._http.aclose()

    async def _post(self, url: httpx.URL, headers: dict[str, str], body: bytes) -> int:
        addresses = (await addresses_of(url, self._allowed, self._resolve))[:_MOST_ADDRESSES]
        for address in addresses[:-1]:
            try:
                return await self._post_to(address, url, headers, body)
            except httpx.ConnectError:
                continue
        return await self._post_to(addresses[-1], url, headers, body)

    async def _post_to(self, address: Address, url: httpx.URL, headers: dict[str, str], body: bytes) -> int:
        request = self._client().stream(
            "POST",
            url.copy_with(host=str(address)),
            content=body,
            headers={"Host": url.netloc.decode("ascii"), **headers},
            extensions={"sni_hostname": host_of(url)},
        )
        async with request as answer:
            length = 0
            async for part in answer.aiter_raw():
                length += len(part)
                if length > MOST_ANSWER_BYTES:
                    break
            return answer.status_code

    def _client(self) -> httpx.AsyncClient:
        if self._http is None:
            self._http = httpx.AsyncClient(
                verify=httpx.create_ssl_context(),
                trust_env=False,
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                follow_redirects=False,
                timeout=self._answer_within_s,
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            )
        return self._http


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
