"""Change notifications by publish/subscribe: delivered at most once, so correctness never depends on them.

How. Each process has one subscription on its own connection. Subscriptions have failed silently (idle
timeouts, network failures, one sick node of a cluster). Each process therefore publishes a heartbeat on the
same channel every ``HEARTBEAT_INTERVAL_S``. A subscription that receives nothing for ``SILENCE_TIMEOUT_S``,
not even a heartbeat, is closed and created again.

After every subscription ``on_gap`` is called: notifications may have been missed, and listeners must read
the state.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from pollwire_server.domain.errors import StoreUnavailable
from pollwire_server.store.keys import changes_channel
from pollwire_server.store.transport.cancellation import cancel_and_wait
from pollwire_server.store.transport.connection import StoreConnection
from pollwire_server.store.transport.store_errors import STORE_ERRORS

_log = logging.getLogger("pollwire.store")

HEARTBEAT_INTERVAL_S: Final = 0.5
SILENCE_TIMEOUT_S: Final = 1.5
"""Three heartbeats: one may be late. A viewer may be at most two seconds behind after an outage."""
RECONNECT_DELAY_S: Final = 0.25

_HEARTBEAT: Final = b"."
_GONE: Final = b"gone"
REGISTRY_PREFIX: Final = b"roster "
"""Prefix of the notification of a registry. The registry's name follows; it is never ``gone``."""


class ChangeNotification(NamedTuple):
    """Notification that a poll changed: its new version and position, or its deletion."""

    poll_id: str
    version: int
    epoch: str
    seq: int
    gone: bool = False


class ChangeNotifications:
    """Subscription of this process to the change notifications of a namespace."""

    def __init__(self, connection: StoreConnection) -> None:
        self._connection = connection
        self._channel = changes_channel(connection.namespace)
        self._on_change: list[Callable[[ChangeNotification], object]] = []
        self._on_gap: list[Callable[[], object]] = []
        self._on_registry_change: list[Callable[[str], object]] = []
        self._subscribed = asyncio.Event()

    def on_change(self, callback: Callable[[ChangeNotification], object]) -> None:
        """Register a callback for every poll notification. It must not block."""
        self._on_change.append(callback)

    def on_gap(self, callback: Callable[[], object]) -> None:
        """Register a callback for possible gaps: it runs after every subscription, including the first."""
        self._on_gap.append(callback)

    def on_registry_change(self, callback: Callable[[str], object]) -> None:
        """Register a callback for changed registries, which gets the registry's name. It must not block."""
        self._on_registry_change.append(callback)

    async def subscribed(self) -> None:
        """Wait until there is a subscription; after an outage, until there is a new one."""
        await self._subscribed.wait()

    async def run(self) -> None:
        """Receive notifications until cancelled, through all failures of the store."""
        heartbeat = asyncio.create_task(self._publish_heartbeats(), name="store-heartbeat")
        try:
            while True:
                try:
                    await self._listen()
                except STORE_ERRORS as error:
                    # while the store is down, the connection reports it
                    level = logging.INFO if self._connection.is_up else logging.DEBUG
                    _log.log(level, "Subscription to change notifications lost: %s", error)
                except Exception:  # restarting is better than ending
                    _log.exception("Subscription to change notifications failed")
                self._subscribed.clear()
                await asyncio.sleep(RECONNECT_DELAY_S)
        finally:
            self._subscribed.clear()
            await cancel_and_wait(heartbeat)

    async def _listen(self) -> None:
        """Run one subscription until it fails."""
        connection = self._connection.new_connection()
        try:
            await connection.connect()
            await connection.send_command("SUBSCRIBE", self._channel)
            await connection.read_response()
            self._subscribed.set()
            self._notify(self._on_gap)
            while True:
                message = await connection.read_response(timeout=SILENCE_TIMEOUT_S)
                if message is None:  # the client's reply after a timeout
                    raise TimeoutError(f"no message for {SILENCE_TIMEOUT_S} s")
                self._on_message(message)
        finally:
            await connection.disconnect(nowait=True)

    def _on_message(self, message: Any) -> None:
        """Handle a RESP2 message: kind, channel, text."""
        text: bytes = message[2]
        if text == _HEARTBEAT:
            return
        if (change := _decode_change(text)) is not None:
            self._notify(self._on_change, change)
        elif text.startswith(REGISTRY_PREFIX):
            self._notify(
                self._on_registry_change, text.removeprefix(REGISTRY_PREFIX).decode("utf-8", "replace")
            )

    def _notify(self, callbacks: list[Any], *args: Any) -> None:
        for callback in callbacks:
            try:
                callback(*args)
            except Exception:  # a failing callback must not affect the others
                _log.exception("Notification callback failed for %s", args)

    async def _publish_heartbeats(self) -> None:
        while True:
            with contextlib.suppress(StoreUnavailable):
                await self._connection.command("PUBLISH", self._channel, _HEARTBEAT)
            await asyncio.sleep(HEARTBEAT_INTERVAL_S)


def _decode_change(text: bytes) -> ChangeNotification | None:
    """Decode a notification; None for the format of another release, which readers detect by polling."""
    match text.split(b" "):
        case [poll_id, gone] if gone == _GONE:
            return ChangeNotification(poll_id.decode(), 0, "", 0, gone=True)
        case [poll_id, version, epoch, seq] if version.isdigit() and seq.isdigit():
            return ChangeNotification(poll_id.decode(), int(version), epoch.decode(), int(seq))
        case _:
            return None
