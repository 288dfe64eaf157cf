"""Function library: assembled from ``functions/``, loaded and verified on every master.

One library has all functions. Its name and theirs contain a hash of the source, so
two releases can use one store, and a function never changes under a caller. Redis
stores libraries with the data, and the masters of a cluster do not share them, so
the library is loaded on each master.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from importlib.resources import files
from typing import Any, Final

from redis.exceptions import RedisError, ResponseError

from pollwire_server.store.transport.sentinel import SentinelLoginError
from pollwire_server.store.transport.store_errors import (
    STORE_ERRORS,
    StoreErrorKind,
    WrongSchemeError,
    kind_of,
)

OLDEST_MAJOR: Final = 7
"""Redis 7.0 added functions. Valkey reports the Redis version that it is compatible with."""

_INCLUDES: Final = (
    "reply_codes",
    "clock",
    "window",
    "position",
    "forecast",
    "ballots",
    "vote_history",
    "series",
    "recount_snapshot",
    "capacity",
    "rate_limit",
    "network_tags",
    "timeline",
    "poll_reply",
    "audit",
    "outbox",
    "delivery_queue",
    "scoring",
    "score_rows",
)
"""In the order of their dependencies."""

_FUNCTIONS: Final = (
    "probe",
    "migrate_key",
    "create_poll",
    "edit_poll",
    "apply_action",
    "delete_poll",
    "claim_poll_id",
    "release_poll_id",
    "resolve_prediction",
    "unresolve_prediction",
    "score_page",
    "read_leaderboard",
    "edit_series",
    "rank_series_page",
    "set_display_name",
    "cast_ballots",
    "withdraw_vote",
    "read_vote",
    "read_poll",
    "read_rankings",
    "read_timeline",
    "read_positions",
    "scan_ballots",
    "recount_control",
    "recount_page",
    "take_rate_limit",
    "purge_votes_page",
    "erase_vote",
    "scan_outbox",
    "ack_outbox",
    "reschedule_poll",
    "webhook_enqueue",
    "webhook_claim",
    "webhook_record_attempt",
    "append_service_audit",
)

_SHARED_FUNCTIONS: Final = ("read_poll",)
"""Functions that later ones call. All others get a scope of their own, because Lua allows 200 local
names in one scope and all includes share it."""

READ_ONLY_VARIANTS: Final = {
    "read_poll": "read_poll_only",
    "read_rankings": "read_rankings_only",
    "read_timeline": "read_timeline_only",
}
"""Functions that normally store the end of a window, and their variants for a store that rejects writes."""

_REGISTER: Final = """\
local function register(name, callback, flags)
  redis.register_function{function_name = 'pollwire_%s_' .. name, callback = callback, flags = flags or {}}
end
"""


OnAllMasters = Callable[..., Awaitable[Any]]
"""Call one command on every master (``StoreServers.on_all_masters``)."""


class UnsupportedStore(Exception):
    """The server replies but cannot store polls. The message is a sentence for the operator."""


class ReplyCode(StrEnum):
    """First element of a function's reply (``includes/reply_codes.lua``)."""

    GONE = "gone"
    STALE = "stale"
    DONE = "done"
    NO_CHANGE = "no_change"
    EXISTS = "exists"
    VERSION_MOVED = "version"
    CONFLICT = "conflict"
    NOT_IN_FUTURE = "not_in_future"
    MOVED = "moved"
    IN_PROGRESS = "in_progress"
    WAITING = "waiting"
    OVER_CAPACITY = "over_capacity"


class BallotStatus(StrEnum):
    """Outcome of one ballot."""

    COUNTED = "counted"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    WITHDRAWN = "withdrawn"
    ALREADY_VOTED = "already-voted"
    STALE_REVISION = "stale-revision"
    NOT_OPEN = "not-open"
    CLOSED = "closed"
    KEY_REUSED = "key-reused"
    OPTION_FULL = "option-full"
    RATE_LIMITED = "rate-limited"
    CHANGES_USED = "changes-used"


OUTCOMES: Final[Mapping[str, tuple[str, BallotStatus]]] = {
    # letter: (name in includes/reply_codes.lua, status)
    "c": ("OUTCOME_COUNTED", BallotStatus.COUNTED),
    "C": ("OUTCOME_COUNTED_AGAIN", BallotStatus.COUNTED),
    "h": ("OUTCOME_CHANGED", BallotStatus.CHANGED),
    "u": ("OUTCOME_UNCHANGED", BallotStatus.UNCHANGED),
    "w": ("OUTCOME_WITHDRAWN", BallotStatus.WITHDRAWN),
    "v": ("OUTCOME_ALREADY_VOTED", BallotStatus.ALREADY_VOTED),
    "r": ("OUTCOME_STALE_REVISION", BallotStatus.STALE_REVISION),
    "n": ("OUTCOME_NOT_OPEN", BallotStatus.NOT_OPEN),
    "x": ("OUTCOME_CLOSED", BallotStatus.CLOSED),
    "k": ("OUTCOME_KEY_REUSED", BallotStatus.KEY_REUSED),
    "f": ("OUTCOME_OPTION_FULL", BallotStatus.OPTION_FULL),
    "m": ("OUTCOME_CHANGES_USED", BallotStatus.CHANGES_USED),
    "l": ("OUTCOME_RATE_LIMITED", BallotStatus.RATE_LIMITED),
}
"""The only mapping between the letters of a reply and statuses."""


class FunctionLibrary:
    """Source text of the library, and its installation on servers."""

    def __init__(self) -> None:
        body = _body()
        self.version: Final = hashlib.sha256(body.encode()).hexdigest()[:12]
        self.source: Final = f"#!lua name=pollwire_{self.version}\n{_REGISTER % self.version}{body}"
        names = (*_FUNCTIONS, *READ_ONLY_VARIANTS.values())
        self._names = {name: f"pollwire_{self.version}_{name}" for name in names}

    def name_of(self, function: str) -> str:
        """Return the server's name of ``function``."""
        return self._names[function]

    async def ensure(self, on_all_masters: OnAllMasters, *, is_cluster: bool = False) -> Exception | None:
        """Load and verify the library on every master. Return the error if the store rejects writes.

        A store that rejects writes can still serve reads if it has the library. Raises ``UnsupportedStore``
        if a server cannot run the library, and redis' errors if one does not reply.
        """
        try:
            await self._check_servers(on_all_masters, is_cluster=is_cluster)
            write_error = await self._load_if_writable(on_all_masters)
            answers = await self._probe(on_all_masters, write_error)
        except STORE_ERRORS as error:
            raise _classify_error(error) from error
        if any(answer != b"ready" for answer in reply_per_master(answers)):
            raise UnsupportedStore(
                "The store runs functions, but its Lua lacks the struct library that Redis ships."
            )
        return write_error

    async def _load_if_writable(self, on_all_masters: OnAllMasters) -> Exception | None:
        try:
            await self.load(on_all_masters)
        except STORE_ERRORS as error:
            if kind_of(error) is StoreErrorKind.WRITES_REFUSED:
                return error
            raise
        return None

    async def _probe(self, on_all_masters: OnAllMasters, write_error: Exception | None) -> Any:
        try:
            return await on_all_masters("FCALL", self.name_of("probe"), 0)
        except ResponseError as error:
            if write_error is not None and is_missing(error):
                raise write_error from error
            raise

    async def load(self, on_all_masters: OnAllMasters) -> None:
        """Load the library on masters that do not have it."""
        await on_all_masters("FUNCTION LOAD", self.source, ignored_error="already exists")

    async def _check_servers(self, on_all_masters: OnAllMasters, *, is_cluster: bool) -> None:
        for text in reply_per_master(await on_all_masters("INFO", "server")):
            self.check_version(info_field(text, "redis_version"))
            modes = {info_field(text, "redis_mode"), info_field(text, "server_mode")}  # Redis, Valkey
            if "cluster" in modes and not is_cluster:
                raise UnsupportedStore(
                    "The store is a server of a cluster; use redis+cluster://host:port,host:port."
                )
            if "sentinel" in modes:
                raise UnsupportedStore(
                    "The store is a Sentinel; use redis+sentinel://host:port,host:port/service."
                )

    @staticmethod
    def check_version(version: str) -> None:
        """Raise ``UnsupportedStore`` if this version of Redis has no functions."""
        major = version.partition(".")[0]
        if not major.isdigit() or int(major) < OLDEST_MAJOR:
            raise UnsupportedStore(
                f"The store is Redis {version or '?'}; Pollwire needs Redis or Valkey 7 or later."
            )


def is_missing(error: RedisError) -> bool:
    """Return True if a call did not run because the server does not have the function."""
    return isinstance(error, ResponseError) and "Function not found" in str(error)


def _body() -> str:
    folder = files("pollwire_server.store").joinpath("functions")
    parts = [folder.joinpath("includes", f"{name}.lua").read_text("utf-8") for name in _INCLUDES]
    for name in _FUNCTIONS:
        text = folder.joinpath(f"{name}.lua").read_text("utf-8")
        parts.append(text if name in _SHARED_FUNCTIONS else f"do\n{text}end")
    return "\n".join(parts)


def _classify_error(error: Exception) -> Exception:
    """Return ``UnsupportedStore`` for a permanent error (login, functions, permission), else the error."""
    match kind_of(error):
        case StoreErrorKind.LOGIN_REFUSED:
            if isinstance(error, SentinelLoginError):
                return UnsupportedStore(str(error))
            return UnsupportedStore(f"The store rejects the user name or password of its URL: {error}")
        case StoreErrorKind.REJECTED:
            if isinstance(error, WrongSchemeError):
                return UnsupportedStore(str(error))
            return UnsupportedStore(f"The store rejects the function library: {error}")
        case _:
            return error


def reply_per_master(answers: Any) -> list[Any]:
    """Return the replies of all masters as a list. Those of a cluster are keyed by node."""
    return list(answers.values()) if isinstance(answers, dict) and not _is_info(answers) else [answers]


def _is_info(answer: dict[Any, Any]) -> bool:
    return "redis_version" in answer


def info_field(info: Any, name: str) -> str:
    """Return a field of an INFO reply, whether the client parsed it or not."""
    if isinstance(info, dict):
        return str(info.get(name, "0"))
    lines = bytes(info).decode("utf-8", "replace").splitlines()
    return next((line.partition(":")[2] for line in lines if line.startswith(f"{name}:")), "0")
