"""Verification of the hash chain of the service's audit log, independent of the service.

The hash of an entry is SHA-256 over its JSON without ``hash``: names sorted, no spaces, UTF-8 (RFC 8785).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import NamedTuple

from pollwire.errors import Document


class ChainResult(NamedTuple):
    """Result of a verification: the verified entries, and the first fault (empty if there is none)."""

    first: int
    last: int
    head: str
    """Hash of the newest entry."""
    fault: str


def verify_chain(entries: Iterable[Document], trusted: Iterable[str] = ()) -> ChainResult:
    """Verify entries, oldest first. ``trusted`` has hashes that were stored elsewhere and must occur."""
    missing, before = set(trusted), None
    first, last, head = 0, 0, ""
    for entry in entries:
        n = entry["n"]
        if entry_hash(entry) != entry["hash"]:
            return ChainResult(first, last, head, f"Entry {n} was changed: its hash does not match.")
        if before is not None and (n != before["n"] + 1 or entry["previous"] != before["hash"]):
            return ChainResult(first, last, head, f"Entry {n} does not follow entry {before['n']}.")
        if before is None:
            first = n
        before, last, head = entry, n, entry["hash"]
        missing.discard(head)
    fault = f"No entry has the hash {min(missing)}." if missing else ""
    return ChainResult(first, last, head, fault)


def entry_hash(entry: Document) -> str:
    """Return the hash of an entry, in hex."""
    fields = {name: value for name, value in entry.items() if name != "hash"}
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
