"""What can go wrong for a client, as one tree; the text of each error is one sentence for people.

::

    ClientError
    ├── Refused        the service answered with a problem document
    ├── Unreachable    nothing answered within the caller's patience
    ├── NotUnderstood  something answered that is not this service
    └── FolderUnusable the data folder cannot keep what has to be kept
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

Document = dict[str, Any]
"""A JSON object of the wire; ``Any`` because its shape is the protocol's, see ``docs/api/``."""

PROBLEM_TYPE: Final = "application/problem+json"
_NOT_NOW: Final = frozenset({429, 503})
"""Statuses of the service that say 'right, and not now'."""

_GATEWAY_FAILURES: Final = frozenset({502, 503, 504})
"""What a proxy answers while the service behind it restarts."""


class ClientError(Exception):
    """The root."""

    @property
    def is_transient(self) -> bool:
        """Whether the same request, sent a little later, may well succeed."""
        return False


class ApiError(ClientError):
    """The service said no. ``document`` is its problem document (RFC 9457), or a stream's problem frame."""

    def __init__(self, document: Document, *, retry_after_s: float = 0.0) -> None:
        self.document = document
        self.status = int(document.get("status", 0))
        self.slug = str(document.get("problem") or document.get("type", "")).rpartition("/")[2]
        self.detail = str(document.get("detail") or document.get("title") or "The request was refused.")
        self.retry_after_s = retry_after_s
        super().__init__(self.detail)

    @property
    def is_transient(self) -> bool:
        """The service was too busy, or its store was away; a challenge is to be solved, not waited for."""
        return self.status in _NOT_NOW and self.slug != "challenge-required"


class Unreachable(ClientError):
    """No answer from ``url``; what was asked may have happened all the same."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"The service at {url} cannot be reached: {reason}.")
        self.url = url

    @property
    def is_transient(self) -> bool:
        """Whatever it was, it may come back."""
        return True


class UnexpectedResponse(ClientError):
    """An answer that is not of this protocol, from a proxy or from another service."""

    def __init__(self, url: str, status: int) -> None:
        super().__init__(f"What answers at {url} is not Pollwire (status {status}).")
        self.url = url
        self.status = status

    @property
    def is_transient(self) -> bool:
        """A proxy whose service restarts."""
        return self.status in _GATEWAY_FAILURES


class StorageError(ClientError):
    """What has to be remembered cannot be written down."""

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(f"The voter's token cannot be kept in {folder}: {reason}.")
        self.folder = folder


def no_such_poll(poll: str) -> ApiError:
    """What the service would answer about an id that no poll can have; asking would end at another route."""
    return ApiError(
        {
            "type": "/problems/poll-not-found",
            "title": "No such poll",
            "status": 404,
            "detail": f"The poll {poll[:80]!r} does not exist.",
        }
    )


def refusal_of(body: bytes, content_type: str, retry_after: str | None) -> ApiError | None:
    """The refusal that an answer carries; None where it is no problem document."""
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
    """``Retry-After`` in its form of whole seconds, the one that this service uses (RFC 9110, 10.2.3)."""
    return float(retry_after) if retry_after is not None and retry_after.isdecimal() else 0.0
