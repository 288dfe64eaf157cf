"""HTTP client for hosts that operators name: one request to a checked address, with bounded time and memory.

The request goes to an address that ``url_guard`` has checked. The host name is in ``Host`` and in the TLS
SNI, and TLS verifies the certificate against it. Connections are not kept alive: one that was opened for a
host name must not serve another host with the same address. Proxies of the environment are ignored, since a
proxy would resolve the host name again. Redirects are not followed, and cookies are not kept.

A body is counted as it arrives. Nothing is decompressed: 2 KB of stacked gzip can become gigabytes.
"""

from __future__ import annotations

import asyncio
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final, NamedTuple

import httpx

from pollwire_server.outbound.url_guard import (
    Address,
    AllowList,
    ForbiddenAddress,
    Resolve,
    addresses_of,
    host_of,
    resolved,
    url_of,
)

MAX_ADDRESSES: Final = 3
"""Addresses of one host that are tried in turn if the connection fails."""


class OutboundResponse(NamedTuple):
    """A response. ``body`` has the raw bytes, and is None if there were more than the maximum."""

    status: int
    encoding: str
    """The ``Content-Encoding``, or an empty string."""
    body: bytes | None


class OutboundClient:
    """HTTP client for one kind of target. It belongs to one event loop and must be closed."""

    def __init__(
        self, allowed: AllowList, timeout_s: float, max_body_bytes: int, resolve: Resolve = resolved
    ) -> None:
        self._allowed = allowed
        self._timeout_s = timeout_s
        self._max_body_bytes = max_body_bytes
        self._resolve = resolve
        self._http: httpx.AsyncClient | None = None

    async def check_url(self, url: str) -> None:
        """Resolve and check ``url``. Raises ``ForbiddenAddress`` with the reason."""
        try:
            async with asyncio.timeout(self._timeout_s):
                await addresses_of(url_of(url), self._allowed, self._resolve)
        except TimeoutError:
            raise ForbiddenAddress("The name server did not say in time where the url leads.") from None

    async def request(
        self, method: str, text: str, headers: dict[str, str], content: bytes | None = None
    ) -> OutboundResponse:
        """Send one request.

        Raises ``ForbiddenAddress``, ``TimeoutError``, ``httpx.HTTPError``, ``OSError`` and ``ValueError``.
        """
        async with asyncio.timeout(self._timeout_s):
            url = url_of(text)
            addresses = (await addresses_of(url, self._allowed, self._resolve))[:MAX_ADDRESSES]
            for address in addresses[:-1]:
                try:
                    return await self._request_to(address, method, url, headers, content)
                except httpx.ConnectError:
                    continue
            return await self._request_to(addresses[-1], method, url, headers, content)

    async def close(self) -> None:
        """Close all connections."""
        if self._http is not None:
            await self._http.aclose()

    async def _request_to(
        self, address: Address, method: str, url: httpx.URL, headers: dict[str, str], content: bytes | None
    ) -> OutboundResponse:
        request = self._client().stream(
            method,
            url.copy_with(host=str(address)),
            content=content,
            headers={"Host": url.netloc.decode("ascii"), "Accept-Encoding": "identity", **headers},
            extensions={"sni_hostname": host_of(url)},
        )
        async with request as response:
            body = bytearray()
            async for part in response.aiter_raw():
                body += part
                if len(body) > self._max_body_bytes:
                    break
            encoding = response.headers.get("content-encoding", "")
            is_complete = len(body) <= self._max_body_bytes
            return OutboundResponse(response.status_code, encoding, bytes(body) if is_complete else None)

    def _client(self) -> httpx.AsyncClient:
        if self._http is None:
            self._http = httpx.AsyncClient(
                verify=httpx.create_ssl_context(),
                trust_env=False,
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                follow_redirects=False,
                timeout=self._timeout_s,
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            )
        return self._http
