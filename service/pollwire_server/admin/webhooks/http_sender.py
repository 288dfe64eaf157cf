"""One signed request to one site, and what came of it.

By the Standard Webhooks convention: ``webhook-id`` (the event's), ``webhook-
timestamp`` (of this try), ``webhook-signature`` over both and the body; its
library signs. Any 2xx is success, 410 says never again, all else is failure;
nobody is followed elsewhere, and of what the site answers only the status
matters.

The request goes to an address that was judged (``addresses``), with the name in
``Host`` and in TLS, which checks the certificate against the name. No
connection is kept: one that was made for a name is never used for another that
has the same address. No proxy of the environment is asked, which would resolve
the name for itself.
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
"""Read so that a site may finish writing; what is longer is cut off."""
_MOST_ADDRESSES: Final = 3
"""Of one host, tried after one another where a connection is refused."""


class DeliveryAttempt(msgspec.Struct, frozen=True):
    """What came of one request: the status that was answered, or an error in words; how long it took."""

    status: int | None
    error: str
    took_ms: int

    @property
    def is_delivered(self) -> bool:
        """Whether the site has it."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """Whether the site wants nothing any more."""
        return self.status == httpx.codes.GONE


class WebhookSender:
    """Sends events to sites. For one event loop; ``close`` it."""

    def __init__(self, allowed: AllowList, answer_within_s: float, resolve: Resolve = resolved) -> None:
        self._allowed = allowed
        self._answer_within_s = answer_within_s
        self._resolve = resolve
        self._http: httpx.AsyncClient | None = None

    async def check_url(self, url: str) -> None:
        """Passes where requests may go to ``url`` as it resolves now; ``ForbiddenAddress`` says why not."""
        try:
            async with asyncio.timeout(self._answer_within_s):
                await addresses_of(url_of(url), self._allowed, self._resolve)
        except TimeoutError:
            raise ForbiddenAddress("The name server did not say in time where the url leads.") from None

    async def send(self, url: str, secret: str, event_id: str, body: bytes) -> DeliveryAttempt:
        """One try; never raises for the site's sake."""
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
        """Let go of every connection."""
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
        return f"answered {status}: nobody is followed elsewhere"
    return f"answered {status}"
