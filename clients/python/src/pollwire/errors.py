"""Errors of the client, as one tree. The text of each error is one sentence for people.

::

    ClientError
    ├── ApiError            the service returned a problem document
    ├── Unreachable         no response within ``patience_s``
    ├── UnexpectedResponse  the response does not follow the API, for example that of a proxy
    └── StorageError        the data folder cannot be written
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

Document = dict[str, Any]
"""A JSON object of the API. ``Any`` because ``docs/api/`` defines its shape."""

PROBLEM_TYPE: Final = "application/problem+json"
_NOT_NOW: Final = frozenset({429, 503})
"""Statuses of valid requests that the service cannot process now."""

_GATEWAY_FAILURES: Final = frozenset({502, 503, 504})
"""Statuses that a proxy returns while the service behind it restarts."""


class ClientError(Exception):
    """Base class of all errors of the client."""

    @property
    def is_transient(self) -> bool:
        """Return True if the same request may succeed a little later."""
        return False


class ApiError(ClientError):
    """An error response. ``document`` is the problem document (RFC 9457) or a stream's problem frame."""

    def __init__(self, document: Document, *, retry_after_s: float = 0.0) -> None:
        self.document = document
        self.status = int(document.get("status", 0))
        self.slug = str(document.get("problem") or document.get("type", "")).rpartition("/")[2]
        self.detail = str(document.get("detail") or document.get("title") or "The request was refused.")
        self.retry_after_s = retry_after_s
        super().__init__(self.detail)

    @property
    def is_transient(self) -> bool:
        """Return True if the service was too busy or its store was unavailable.

        A required challenge is not transient: the client must solve it, and waiting does not help.
        """
        return self.status in _NOT_NOW and self.slug != "challenge-required"


class Unreachable(ClientError):
    """No response from ``url``. The service may have processed the request all the same."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"The service at {url} cannot be reached: {reason}.")
        self.url = url

    @property
    def is_transient(self) -> bool:
        """Return True: the service may become reachable again."""
        return True


class UnexpectedResponse(ClientError):
    """A response that does not follow the API, from a proxy or from another service."""

    def __init__(self, url: str, status: int) -> None:
        super().__init__(f"What answers at {url} is not Pollwire (status {status}).")
        self.url = url
        self.status = status

    @property
    def is_transient(self) -> bool:
        """Return True for a gateway error: the service behind the proxy may be restarting."""
        return self.status in _GATEWAY_FAILURES


class StorageError(ClientError):
    """The voter's token cannot be written to the data folder."""

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(f"The voter's token cannot be kept in {folder}: {reason}.")
        self.folder = folder


def no_such_poll(poll: str) -> ApiError:
    """Create the error that the service would return for an id that no poll can have.

    A request with such an id could match another route, so none is sent.
    """
    return ApiError(
        {
            "type": "/problems/poll-not-found",
            "title": "No such poll",
            "status": 404,
            "detail": f"The poll {poll[:80]!r} does not exist.",
        }
    )


def parse_error(body: bytes, content_type: str, retry_after: str | None) -> ApiError | None:
    """Parse an error response. Return None if its body is not a problem document."""
    if content_type.partition(";")[0].strip().lower() != PROBLEM_TYPE:
        return None
    try:
        document = json.loads(body)
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    return ApiError(document, retry_after_s=_seconds(retry_after))


def _seconds(retry_after: str | None) -> float:
    """Parse ``Retry-After`` in seconds, the only form that this service uses (RFC 9110, 10.2.3)."""
    return float(retry_after) if retry_after is not None and retry_after.isdecimal() else 0.0
