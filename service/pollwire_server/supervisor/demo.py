"""Demo polls: drafts in a data file that are created once and not changed later."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import tomllib
from importlib import resources
from typing import Any, Final

import msgspec

from pollwire_server.domain.decoding import decode_document
from pollwire_server.domain.errors import PollExists
from pollwire_server.domain.poll_draft import PollDraft, new_poll
from pollwire_server.domain.timestamps import format_timestamp
from pollwire_server.store import Store

_DAY_MS: Final = 24 * 60 * 60 * 1000


async def create_demo_polls(store: Store) -> None:
    """Create the demo polls that do not exist yet. Raises ``StoreUnavailable``."""
    demo_polls = resources.files("pollwire_server.supervisor").joinpath("demo_polls.toml")
    text = demo_polls.read_text(encoding="utf-8")
    for entry in tomllib.loads(text)["polls"]:
        await _create_poll(store, entry["draft"], entry.get("open_for_days"))


async def _create_poll(store: Store, document: dict[str, Any], open_for_days: int | None) -> None:
    now = await store.polls.now()
    draft = decode_document(document, PollDraft)
    digest = hashlib.blake2b(msgspec.json.encode(draft), digest_size=16).hexdigest()
    if open_for_days is not None:
        closes_at = format_timestamp(now + open_for_days * _DAY_MS)
        draft = msgspec.structs.replace(draft, closes_at=closes_at)
    assert draft.id is not None, "a demo poll has a fixed id"
    with contextlib.suppress(
        PollExists
    ):  # from another release or edited by an operator, and not to be overwritten
        await store.polls.create(
            new_poll(draft, poll_id=draft.id, now=now, tie_seed=secrets.token_hex(16)), digest
        )
