"""A network as the store knows it: 8 bytes from which nobody gets back to an address.

There are only 16 million networks of IPv4, so a plain hash would be no secret: it is keyed, for what
concerns one poll with the poll's own random key (gone when the poll is archived), for all else with the
signing secret.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import Final

from pollwire_server.auth.client_address import ClientAddress
from pollwire_server.domain.rate_limit import RateLimit

TAG_BYTES: Final = 8
KEPT_BYTES: Final = 4
"""Of a tag that is kept beside a ballot: enough to tell a poll's networks apart, and little besides."""
_PERSON: Final = b"network"
_KEPT: Final = b"kept network"
_UNKNOWN: Final = bytes(KEPT_BYTES)


@lru_cache(maxsize=4096)
def tag_of(key: bytes, network: bytes) -> bytes:
    """The tag of a network (as ``Client.network``) under a key of at most 64 bytes; ~1 us, remembered."""
    return blake2b(network, key=key, digest_size=TAG_BYTES, person=_PERSON).digest()


def rate_limit_tag(limit: RateLimit | None, key: bytes, client: ClientAddress) -> bytes:
    """The tag under which a client is limited; empty where it is not, or where nobody knows its network."""
    if limit is None or not client.address or (limit.spares_loopback and client.is_loopback):
        return b""
    return tag_of(key, client.network)


@lru_cache(maxsize=4096)
def ballot_network_tag(key: bytes, birth: bytes, network: bytes) -> bytes:
    """What stands beside a ballot for the network it came from, under the key of the poll's voters.

    The poll's birth keeps the polls of a series apart, which share a key. All zeros means nobody knows.
    """
    tag = blake2b(birth + network, key=key, digest_size=KEPT_BYTES, person=_KEPT).digest()
    return tag if tag != _UNKNOWN else b"\xff" * KEPT_BYTES


def network_key(secret: str) -> bytes:
    """The key for what concerns no one poll."""
    return blake2b(secret.encode(), digest_size=32, person=_PERSON).digest()
