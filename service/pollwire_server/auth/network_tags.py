"""Keyed tags of client networks: 8 bytes that do not reveal the address.

There are only 16 million IPv4 networks, so a plain hash could be reversed by trying them all. The hash is
therefore keyed. Within one poll the key is the poll's own random key, which is deleted when the poll is
archived. For everything else it is derived from the signing secret.

Clients without a known address (a proxy that hides it, a Unix socket) are limited together, with
``UNKNOWN_SHARES`` times the limit of a network.
"""

from __future__ import annotations

import itertools
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from pollwire_server.auth.client_address import ClientAddress
from pollwire_server.domain.rate_limit import RateLimit

TAG_BYTES: Final = 8
BALLOT_TAG_BYTES: Final = 4
"""Length of a tag that is stored with a ballot: enough to distinguish the networks of one poll."""
UNKNOWN_SHARES: Final = 10
"""Buckets that all clients without a known address use in turn."""
_turns = itertools.count()
_PERSON: Final = b"network"
_BALLOT_PERSON: Final = b"kept network"  # part of the hash, so renaming it would change the stored tags
_UNKNOWN: Final = bytes(BALLOT_TAG_BYTES)


@lru_cache(maxsize=4096)
def tag_of(key: bytes, network: bytes) -> bytes:
    """Return the tag of a network (``ClientAddress.network``) under a key of at most 64 bytes.

    Cached; ~1 us.
    """
    return blake2b(network, key=key, digest_size=TAG_BYTES, person=_PERSON).digest()


def rate_limit_tag(limit: RateLimit | None, key: bytes, client: ClientAddress) -> bytes:
    """Return the tag for the rate limit of a client. Empty if it is exempt."""
    if limit is None or (limit.spares_loopback and client.is_loopback):
        return b""
    if not client.address:
        return tag_of(key, b"unknown %d" % (next(_turns) % UNKNOWN_SHARES))
    return tag_of(key, client.network)


@lru_cache(maxsize=4096)
def ballot_network_tag(key: bytes, incarnation: bytes, network: bytes) -> bytes:
    """Return the tag that is stored with a ballot, under the voter key of the poll.

    ``incarnation`` separates the polls of a series, which share a key. All zeros is reserved for an unknown
    network.
    """
    tag = blake2b(
        incarnation + network, key=key, digest_size=BALLOT_TAG_BYTES, person=_BALLOT_PERSON
    ).digest()
    return tag if tag != _UNKNOWN else b"\xff" * BALLOT_TAG_BYTES


def network_key(secret: str) -> bytes:
    """Return the key of tags that do not belong to one poll."""
    return blake2b(secret.encode(), digest_size=32, person=_PERSON).digest()
