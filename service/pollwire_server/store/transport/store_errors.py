"""Classification of every error of the store: the only place that decides what an error means.

The class of the exception decides. The redis client has no class for some error codes and raises a plain
``ResponseError``; only for these the code, the first word of the reply, decides. The client removes the codes
that it knows from the message, so the text of a message never decides.

================  =================  =============  ==============  ==========================
kind              votes              reads          start           ``/readyz``
================  =================  =============  ==============  ==========================
UNREACHABLE       503                503            waits           200, degraded (503 at start)
LOGIN_REFUSED     503                503            exit code 1     200, degraded
WRITES_REFUSED    503                200            waits if the    200, degraded (503 at start)
                                                    library is not
                                                    loaded yet
RETRY             503                503            waits           200
REJECTED          503                503            exit code 1     200
================  =================  =============  ==============  ==========================

After the start a worker never exits because of the store, and the connection checks the store until it
recovers.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from redis import exceptions
from redis.exceptions import ChildDeadlockedError, IncorrectPolicyType, RedisClusterException, RedisError


class WrongSchemeError(exceptions.ResponseError):
    """The server is of another kind than the URL's scheme. The message is a sentence for the operator."""


class StoreErrorKind(Enum):
    """Meaning of an error for the callers of the store."""

    UNREACHABLE = "unreachable"
    """No server can answer at the moment. The connection is down until a probe succeeds."""
    LOGIN_REFUSED = "login refused"
    """The server rejects the credentials. Fatal at start; afterwards as ``UNREACHABLE``."""
    WRITES_REFUSED = "writes refused"
    """The server cannot write at the moment: memory or disk is full, or it is a replica. Reads succeed."""
    RETRY = "retry"
    """The call was not executed, and a repetition can succeed: a slot moves, or no connection was free."""
    REJECTED = "rejected"
    """The server can never execute the call: no permission, an unknown command, or a bug."""


STORE_ERRORS: Final = (
    RedisError,
    RedisClusterException,
    ChildDeadlockedError,
    IncorrectPolicyType,
    TimeoutError,
    OSError,
)
"""Every class that a call of the store can raise. Some classes of the client are not a ``RedisError``."""

_UNREACHABLE, _LOGIN, _WRITES = (
    StoreErrorKind.UNREACHABLE,
    StoreErrorKind.LOGIN_REFUSED,
    StoreErrorKind.WRITES_REFUSED,
)
_RETRY, _REJECTED = StoreErrorKind.RETRY, StoreErrorKind.REJECTED

_KIND_OF_CLASS: Final[dict[type[BaseException], StoreErrorKind]] = {
    OSError: _UNREACHABLE,
    TimeoutError: _UNREACHABLE,
    exceptions.ConnectionError: _UNREACHABLE,
    exceptions.TimeoutError: _UNREACHABLE,
    exceptions.BusyLoadingError: _UNREACHABLE,
    exceptions.InvalidResponse: _UNREACHABLE,
    exceptions.ExternalAuthProviderError: _UNREACHABLE,
    exceptions.ClusterError: _UNREACHABLE,
    exceptions.ClusterDownError: _UNREACHABLE,
    exceptions.MasterDownError: _UNREACHABLE,
    exceptions.RedisClusterException: _UNREACHABLE,
    exceptions.SlotNotCoveredError: _UNREACHABLE,
    exceptions.ChildDeadlockedError: _UNREACHABLE,
    exceptions.AuthenticationError: _LOGIN,
    exceptions.AuthorizationError: _LOGIN,
    exceptions.AuthenticationWrongNumberOfArgsError: _LOGIN,
    exceptions.OutOfMemoryError: _WRITES,
    exceptions.ReadOnlyError: _WRITES,
    exceptions.AskError: _RETRY,
    exceptions.MovedError: _RETRY,
    exceptions.TryAgainError: _RETRY,
    exceptions.MaxConnectionsError: _RETRY,
    exceptions.RedisError: _REJECTED,
    exceptions.ResponseError: _REJECTED,
    exceptions.DataError: _REJECTED,
    exceptions.PubSubError: _REJECTED,
    exceptions.WatchError: _REJECTED,
    exceptions.LockError: _REJECTED,
    exceptions.LockNotOwnedError: _REJECTED,
    exceptions.NoScriptError: _REJECTED,
    exceptions.ExecAbortError: _REJECTED,
    exceptions.NoPermissionError: _REJECTED,
    exceptions.ModuleError: _REJECTED,
    exceptions.NoSuchFieldsetError: _REJECTED,
    exceptions.ClusterCrossSlotError: _REJECTED,
    exceptions.CrossSlotTransactionError: _REJECTED,
    exceptions.InvalidPipelineStack: _REJECTED,
    exceptions.IncorrectPolicyType: _REJECTED,
}
"""A class that is not listed has the kind of its nearest listed base class."""

_KIND_OF_CODE: Final = {
    "MISCONF": _WRITES,
    "NOREPLICAS": _WRITES,
    "BUSY": _UNREACHABLE,
    "UNKILLABLE": _UNREACHABLE,
    "NOMASTERLINK": _UNREACHABLE,
    "NOTREADY": _UNREACHABLE,
    "REDIRECT": _UNREACHABLE,
    "IOERR": _UNREACHABLE,
    "INPROG": _RETRY,
    "UNBLOCKED": _RETRY,
    "DENIED": _LOGIN,
}
"""Codes of a plain ``ResponseError``. All others are rejections (``WRONGTYPE``, ``NOPROTO``, ...)."""

_CODE_OF_CLASS: Final[dict[type[BaseException], str]] = {
    exceptions.OutOfMemoryError: "OOM",
    exceptions.ReadOnlyError: "READONLY",
}


def kind_of(error: BaseException) -> StoreErrorKind:
    """Return the kind of an error of the store.

    If the client reports only that it could not connect, the cause decides: the server may reject the login.
    The client also raises errors that are their own cause.
    """
    kind, cause = _kind_by_class(error), error.__cause__
    if kind is StoreErrorKind.UNREACHABLE and isinstance(cause, STORE_ERRORS) and cause is not error:
        return _kind_by_class(cause)
    return kind


def _kind_by_class(error: BaseException) -> StoreErrorKind:
    if type(error) is exceptions.ResponseError and (kind := _KIND_OF_CODE.get(error_code(error))) is not None:
        return kind
    return next(
        (_KIND_OF_CLASS[base] for base in type(error).__mro__ if base in _KIND_OF_CLASS),
        StoreErrorKind.REJECTED,
    )


def error_code(error: BaseException) -> str:
    """Return the error code of a reply (``OOM``), or the name of the class if the reply has none."""
    if isinstance(error, RedisError) and error.status_code:
        return str(error.status_code)
    if isinstance(error, exceptions.ResponseError) and (match := re.match(r"-?([A-Z]{2,})\b", str(error))):
        return match[1]
    return _CODE_OF_CLASS.get(type(error), type(error).__name__)
