"""What changed, told at once to those who watch; at most once, so truth never depends on it.

How. One subscription a process, on a connection of its own. Subscriptions
have died silently (an idle time-out, a cable, one sick node of a cluster), so
each process publishes a heartbeat on the same channel every
``HEARTBEAT_EVERY_S``, and a subscription that hears nothing for
``SILENCE_S``, not even that, is given up and made anew.

After every subscription ``on_gap`` is called: notices may have been missed,
and whoever depends on them must look for itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from redis.exceptions import RedisError

from pollwire_server.domain.errors import StoreUnavailable
from pollwire_server.store.keys import changes_channel
from pollwire_server.store.transport.cancellation import cancel_and_wait
from pollwire_server.store.transport.connection import StoreConnection

_log = logging.getLogger("pollwire.store")

HEARTBEAT_EVERY_S: Final = 0.5
SILENCE_S: Final = 1.5
"""Three heartbeats: one may be late, and two seconds are what a watcher may be behind after an outage."""
RECONNECT_AFTER_S: Final = 0.25

_HEARTBEAT: Final = b"."
_GONE: Final = b"gone"
REGISTRY_PREFIX: Final = b"roster "
"""Begins the notice of a roster; what follows is its name, which is never ``gone``."""


class ChangeNotification(NamedTuple):
    """A poll changed: it is at this version and position now, or gone."""

    poll_id: str
    version: int
    epoch: str
    seq: int
    gone: bool = False


class ChangeNotifications:
    """The notices of a namespace, for this process."""

    def __init__(self, connection: StoreConnection) -> None:
        self._connection = connection
        self._channel = changes_channel(connection.namespace)
        self._on_change: list[Callable[[ChangeNotification], object]] = []
        self._on_gap: list[Callable[[], object]] = []
        self._on_registry_change: list[Callable[[str], object]] = []
        self._subscribed = asyncio.Event()

    def on_change(self, callback: Callable[[ChangeNotification], object]) -> None:
        """Call this for every notice heard; it must not block."""
        self._on_change.append(callback)

    def on_gap(self, callback: Callable[[], object]) -> None:
        """Call this whenever notices may have been missed: after every subscription, the first included."""
        self._on_gap.append(callback)

    def on_registry_change(self, callback: Callable[[str], object]) -> None:
        """Call this with the name of every roster that is told to have changed; it must not block."""
        self._on_registry_change.append(callback)

    async def subscribed(self) -> None:
        """Return while there is a subscription; after an outage, once it is made anew."""
        await self._subscribed.wait()

    async def run(self) -> None:
        """Listen until cancelled, whatever the store does."""
        heartbeat = asyncio.create_task(self._publish_heartbeats(), name="store-heartbeat")
        try:
            while True:
                try:
                    await self._listen()
                except (RedisError, OSError, TimeoutError) as error:
                    _log.info("the subscription was lost: %s", error)
                except Exception:  # a listener that ends is worse than one that starts again
                    _log.exception("the subscription failed")
                self._subscribed.clear()
                await asyncio.sleep(RECONNECT_AFTER_S)
        finally:
            self._subscribed.clear()
            await cancel_and_wait(heartbeat)

    async def _listen(self) -> None:
        """One subscription, from its start to its failure."""
        link = self._connection.new_connection()
        try:
            await link.connect()
            await link.send_command("SUBSCRIBE", self._channel)
            await link.read_response()
            self._subscribed.set()
            self._tell(self._on_gap)
            while True:
                message = await link.read_response(timeout=SILENCE_S)
                if message is None:  # what this client answers when the time is up
                    raise TimeoutError(f"nothing was heard for {SILENCE_S} s")
                self._heard(message)
        finally:
            await link.disconnect(nowait=True)

    def _heard(self, message: Any) -> None:
        """A message as RESP2 delivers it: kind, channel, text."""
        text: bytes = message[2]
        if text == _HEARTBEAT:
            return
        if (notice := _notice(text)) is not None:
            self._tell(self._on_change, notice)
        elif text.startswith(REGISTRY_PREFIX):
            self._tell(self._on_registry_change, text.removeprefix(REGISTRY_PREFIX).decode("utf-8", "replace"))

    def _tell(self, callbacks: list[Any], *args: Any) -> None:
        for callback in callbacks:
            try:
                callback(*args)
            except Exception:  # one listener's fault is no reason to stop listening for the others
                _log.exception("a listener failed on %s", args)

    async def _publish_heartbeats(self) -> None:
        while True:
            with contextlib.suppress(StoreUnavailable):
                await self._connection.command("PUBLISH", self._channel, _HEARTBEAT)
            await asyncio.sleep(HEARTBEAT_EVERY_S)


def _notice(text: bytes) -> ChangeNotification | None:
    """None for what another release may say; whoever watches looks for itself in time."""
    match text.split(b" "):
        case [poll_id, gone] if gone == _GONE:
            return ChangeNotification(poll_id.decode(), 0, "", 0, gone=True)
        case [poll_id, version, epoch, seq] if version.isdigit() and seq.isdigit():
            return ChangeNotification(poll_id.decode(), int(version), epoch.decode(), int(seq))
        case _:
            return None
