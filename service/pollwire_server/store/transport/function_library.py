"""The function library: assembled from ``functions/``, loaded and proven on every master.

One library holds all functions; its name and theirs carry a hash of the
source, so that two releases run side by side on one store, and a function
never changes under a caller. Redis keeps libraries with the data and a
cluster's masters do not share them, so each master is asked and given it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from importlib.resources import files
from typing import Any, Final

from redis.exceptions import AuthenticationError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError

OLDEST_MAJOR: Final = 7
"""Functions came with Redis 7.0; Valkey names the Redis it is compatible with."""

_INCLUDES: Final = (
    "reply_codes",
    "clock",
    "window",
    "position",
    "ballots",
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
)
"""In the order in which they need one another."""

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
)

_SHARED_FUNCTIONS: Final = ("read_poll",)
"""Operations that later ones call. What any other declares is its own: Lua has 200 local names a scope, and
all the includes stand in one."""

_REGISTER: Final = """\
local function register(name, callback, flags)
  redis.register_function{function_name = 'pollwire_%s_' .. name, callback = callback, flags = flags or {}}
end
"""


Everywhere = Callable[..., Awaitable[Any]]
"""Every master's reply to one command (``servers.Servers.everywhere``)."""


class UnsupportedStore(Exception):
    """The server answers, and cannot keep polls. The message is a sentence for whoever starts the service."""


class ReplyCode(StrEnum):
    """What a function's reply begins with (``includes/reply_codes.lua``)."""

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
    OVER_CAPACITY = "over_capacity"


class BallotStatus(StrEnum):
    """What became of one ballot."""

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


OUTCOMES: Final[Mapping[str, tuple[str, BallotStatus]]] = {
    # letter: (its name in includes/reply_codes.lua, what it means)
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
    "l": ("OUTCOME_RATE_LIMITED", BallotStatus.RATE_LIMITED),
}
"""The one table between the letters of a reply and their meaning."""


class FunctionLibrary:
    """The library as source text, and its way onto a server."""

    def __init__(self) -> None:
        body = _body()
        self.version: Final = hashlib.sha256(body.encode()).hexdigest()[:12]
        self.source: Final = f"#!lua name=pollwire_{self.version}\n{_REGISTER % self.version}{body}"
        self._names = {name: f"pollwire_{self.version}_{name}" for name in _FUNCTIONS}

    def name_of(self, function: str) -> str:
        """What the server calls ``function``."""
        return self._names[function]

    async def ensure(self, everywhere: Everywhere) -> None:
        """Load and prove the library on every master.

        Raises ``StoreUnfit`` where a server cannot run it, and redis' own errors where one does not answer.
        """
        try:
            await self._check_age(everywhere)
            await self.load(everywhere)
            answers = await everywhere("FCALL", self.name_of("probe"), 0)
        except (ResponseError, RedisConnectionError) as error:
            raise _judged(error) from error
        if any(answer != b"ready" for answer in reply_per_master(answers)):
            raise UnsupportedStore(
                "The store runs functions, but its Lua lacks the struct library that Redis ships."
            )

    async def load(self, everywhere: Everywhere) -> None:
        """Load it where it is missing; harmless where an earlier start or another process has done so."""
        await everywhere("FUNCTION LOAD", self.source, ignored_error="already exists")

    async def _check_age(self, everywhere: Everywhere) -> None:
        for text in reply_per_master(await everywhere("INFO", "server")):
            self.check_version(info_field(text, "redis_version"))

    @staticmethod
    def check_version(version: str) -> None:
        """``StoreUnfit`` for a version of Redis that has no functions."""
        major = version.partition(".")[0]
        if not major.isdigit() or int(major) < OLDEST_MAJOR:
            raise UnsupportedStore(
                f"The store is Redis {version or '?'}; Pollwire needs Redis or Valkey 7 or later."
            )


def is_missing(error: RedisError) -> bool:
    """Whether a call failed because the server does not have the function: so it did not run."""
    return isinstance(error, ResponseError) and "Function not found" in str(error)


def _body() -> str:
    folder = files("pollwire_server.store").joinpath("functions")
    parts = [folder.joinpath("includes", f"{name}.lua").read_text("utf-8") for name in _INCLUDES]
    for name in _FUNCTIONS:
        text = folder.joinpath(f"{name}.lua").read_text("utf-8")
        parts.append(text if name in _SHARED_FUNCTIONS else f"do\n{text}end")
    return "\n".join(parts)


_TRANSIENT_ERRORS: Final = ("OOM", "MISCONF", "READONLY", "MASTERDOWN", "BUSY", "NOREPLICAS", "CLUSTERDOWN")


def _judged(error: RedisError) -> Exception:
    """A refusal for good (the login, no functions, no right to load them) told from one for the moment."""
    if any(isinstance(cause, AuthenticationError) for cause in (error, error.__cause__)):
        return UnsupportedStore(f"The store refuses the user name or password of its URL: {error}")
    if isinstance(error, RedisConnectionError) or str(error).startswith(_TRANSIENT_ERRORS):
        return error
    return UnsupportedStore(f"The store refuses the function library: {error}")


def reply_per_master(answers: Any) -> list[Any]:
    """One master's answer, or each of a cluster's (which come by node)."""
    return list(answers.values()) if isinstance(answers, dict) and not _is_info(answers) else [answers]


def _is_info(answer: dict[Any, Any]) -> bool:
    return "redis_version" in answer


def info_field(info: Any, name: str) -> str:
    """A field of INFO, parsed by the client or not."""
    if isinstance(info, dict):
        return str(info.get(name, "0"))
    lines = bytes(info).decode("utf-8", "replace").splitlines()
    return next((line.partition(":")[2] for line in lines if line.startswith(f"{name}:")), "0")
