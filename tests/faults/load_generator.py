"""Load generator for votes: ``python -m tests.faults.load_generator HOST PORT POLL N SECONDS RATE``.

It uses N persistent connections. With RATE 0 each connection sends the next vote after each response.
Otherwise RATE votes per second are due. Each takes a free connection; a vote without one is dropped and
counted as ``unsent``. Voter tokens come on standard input, one per line. Standard output gets one JSON
object: ``{"statuses", "unanswered", "unsent", "per_s", "p99_s"}``. ``unanswered`` counts error responses
without Retry-After. ``per_s`` counts 200 responses within SECONDS; ``p99_s`` covers all 200 responses.

It uses raw sockets and epoll, so that the load generator is not the bottleneck.
"""

from __future__ import annotations

import json
import resource
import select
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator

SILENCE_S = 5.0
"""Responses that take longer than this are not counted."""
TICK_S = 0.001


class Pusher:
    """Connections, and the counts of their responses."""

    def __init__(self, host: str, port: int, poll: str, connections: int) -> None:
        self.statuses: Counter[int] = Counter()
        self.unanswered = 0
        self.unsent = 0
        self.took_s: list[float] = []
        self.in_time = 0
        """The number of 200 responses before the end of the load."""
        head = f"POST /v1/polls/{poll}/votes HTTP/1.1\r\nHost: {host}:{port}\r\n"
        body = "Content-Type: application/json\r\nContent-Length: 16\r\n"
        self._before = f"{head}{body}Authorization: Bearer ".encode()
        self._behind = b'\r\n\r\n{"choice":"npp"}'
        self._address = host, port
        self._poller = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self._free: deque[int] = deque()
        self._sent_at: dict[int, float] = {}
        for _ in range(connections):
            self._connect()

    def run(self, tokens: list[bytes], seconds: float, rate: float) -> None:
        """Send votes until the tokens or the time run out, then wait for outstanding responses."""
        waiting, came = iter(tokens), 0
        began = time.monotonic()
        ends_at, answered_at = began + seconds, began
        while (now := time.monotonic()) < ends_at or self._sent_at:
            if now < ends_at:
                due = int((now - began) * rate) - came if rate else len(self._free)
                came += due
                self.unsent += due - self._send_some(due, waiting)
            ready = self._poller.poll(TICK_S if rate else SILENCE_S)
            answered_at = now if ready else answered_at
            if now - answered_at > SILENCE_S:
                break
            for number, _ in ready:
                self._take(number, ends_at)

    def _send_some(self, most: int, waiting: Iterator[bytes]) -> int:
        """Send up to ``due`` votes on free connections. Return the number of sent votes."""
        sent = 0
        while sent < most and self._free and (token := next(waiting, None)) is not None:
            number = self._free.popleft()
            self._sent_at[number] = time.monotonic()
            self._sockets[number].send(self._before + token + self._behind)
            sent += 1
        return sent

    def _take(self, number: int, ends_at: float) -> None:
        """Read one response, which arrives whole. An empty read means that the connection was closed."""
        if number not in self._sent_at:  # nothing was asked: it was opened, and not used for too long
            self._free.remove(number)
            self._disconnect(number)
            return
        answer, now = self._sockets[number].recv(65536), time.monotonic()
        took_s = now - self._sent_at.pop(number)
        status = int(answer[9:12] or 0)
        self.statuses[status] += 1
        if status == 200:
            self.took_s.append(took_s)
            self.in_time += now < ends_at
        elif b"retry-after:" not in answer.lower():
            self.unanswered += 1
        if answer:
            self._free.append(number)
        else:
            self._disconnect(number)

    def _disconnect(self, number: int) -> None:
        self._poller.unregister(number)
        self._sockets.pop(number).close()
        self._connect()

    def _connect(self) -> None:
        connection = socket.create_connection(self._address, timeout=10)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sockets[connection.fileno()] = connection
        self._poller.register(connection, select.EPOLLIN)
        self._free.append(connection.fileno())


def main() -> None:
    """Send votes and print the report."""
    host, port, poll, connections, seconds, rate = sys.argv[1:]
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    tokens = sys.stdin.buffer.read().split()
    pusher = Pusher(host, int(port), poll, int(connections))
    pusher.run(tokens, float(seconds), float(rate))
    accepted = sorted(pusher.took_s)
    report = {
        "statuses": pusher.statuses,
        "unanswered": pusher.unanswered,
        "unsent": pusher.unsent,
        "per_s": pusher.in_time / float(seconds),
        "p99_s": accepted[len(accepted) * 99 // 100] if accepted else None,
    }
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    main()
