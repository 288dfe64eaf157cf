"""Votes as fast as Python sends them: ``python -m tests.faults.pushing HOST PORT POLL N SECONDS``.

N kept connections, each of which sends the next vote as soon as it was answered: tokens, one a line, come on
standard input. On standard output, one JSON object: ``{"statuses", "untold", "per_s", "p99_s"}``; ``untold``
counts refusals without Retry-After, ``per_s`` and ``p99_s`` are of answers with 200.
Raw sockets and epoll, because the load must not be what is measured.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from collections import Counter


class Pusher:
    """The connections and what came of their votes."""

    def __init__(self, host: str, port: int, poll: str, connections: int) -> None:
        self.statuses: Counter[int] = Counter()
        self.untold = 0
        self.took_s: list[float] = []
        head = f"POST /v1/polls/{poll}/votes HTTP/1.1\r\nHost: {host}:{port}\r\n"
        body = "Content-Type: application/json\r\nContent-Length: 16\r\n"
        self._before = f"{head}{body}Authorization: Bearer ".encode()
        self._behind = b'\r\n\r\n{"choice":"npp"}'
        self._poller = select.epoll()
        self._sockets = {s.fileno(): s for s in (_connected(host, port) for _ in range(connections))}
        self._sent_at: dict[int, float] = {}
        for number in self._sockets:
            self._poller.register(number, select.EPOLLIN)

    def run(self, tokens: list[bytes], seconds: float) -> float:
        """Send until tokens or time are up, then wait for what is under way; the seconds it took."""
        waiting = iter(tokens)
        began = time.monotonic()
        for number in self._sockets:
            self._send(number, next(waiting))
        while self._sent_at:
            ready = self._poller.poll(5)
            if not ready:
                break  # silence: what is under way is missing in the counts
            for number, _ in ready:
                self._take(number)
                token = next(waiting, None) if time.monotonic() - began < seconds else None
                if token is not None and number in self._sockets:
                    self._send(number, token)
        return time.monotonic() - began

    def _send(self, number: int, token: bytes) -> None:
        self._sent_at[number] = time.monotonic()
        self._sockets[number].send(self._before + token + self._behind)

    def _take(self, number: int) -> None:
        """An answer is a few hundred bytes, and comes whole."""
        answer = self._sockets[number].recv(65536)
        took_s = time.monotonic() - self._sent_at.pop(number)
        status = int(answer[9:12] or 0)
        self.statuses[status] += 1
        if status == 200:
            self.took_s.append(took_s)
        elif b"retry-after:" not in answer.lower():
            self.untold += 1
        if not answer:
            self._poller.unregister(number)
            self._sockets.pop(number).close()


def _connected(host: str, port: int) -> socket.socket:
    connection = socket.create_connection((host, port), timeout=10)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def main() -> None:
    """Push, and tell."""
    host, port, poll, connections, seconds = sys.argv[1:]
    tokens = sys.stdin.buffer.read().split()
    pusher = Pusher(host, int(port), poll, int(connections))
    took_s = pusher.run(tokens, float(seconds))
    accepted = sorted(pusher.took_s)
    told = {
        "statuses": pusher.statuses,
        "untold": pusher.untold,
        "per_s": len(accepted) / took_s,
        "p99_s": accepted[len(accepted) * 99 // 100] if accepted else None,
    }
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
