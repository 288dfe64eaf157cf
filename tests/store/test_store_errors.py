"""Every exception class of the client and every error code of Valkey has a decided kind."""

from __future__ import annotations

import inspect

import pytest
from pollwire_server.store.transport.sentinel import SentinelLoginError
from pollwire_server.store.transport.store_errors import STORE_ERRORS, StoreErrorKind, error_code, kind_of
from redis import exceptions
from redis._parsers.base import BaseParser
from redis.asyncio.sentinel import MasterNotFoundError

UNREACHABLE, LOGIN, WRITES, RETRY, REJECTED = StoreErrorKind

CLASSES: dict[str, StoreErrorKind] = {
    "AskError": RETRY,
    "AuthenticationError": LOGIN,
    "AuthenticationWrongNumberOfArgsError": LOGIN,
    "AuthorizationError": LOGIN,
    "BusyLoadingError": UNREACHABLE,
    "ChildDeadlockedError": UNREACHABLE,
    "ClusterCrossSlotError": REJECTED,
    "ClusterDownError": UNREACHABLE,
    "ClusterError": UNREACHABLE,
    "ConnectionError": UNREACHABLE,
    "CrossSlotTransactionError": REJECTED,
    "DataError": REJECTED,
    "ExecAbortError": REJECTED,
    "ExternalAuthProviderError": UNREACHABLE,
    "IncorrectPolicyType": REJECTED,
    "InvalidPipelineStack": REJECTED,
    "InvalidResponse": UNREACHABLE,
    "LockError": REJECTED,
    "LockNotOwnedError": REJECTED,
    "MasterDownError": UNREACHABLE,
    "MaxConnectionsError": RETRY,
    "ModuleError": REJECTED,
    "MovedError": RETRY,
    "NoPermissionError": REJECTED,
    "NoScriptError": REJECTED,
    "NoSuchFieldsetError": REJECTED,
    "OutOfMemoryError": WRITES,
    "PubSubError": REJECTED,
    "ReadOnlyError": WRITES,
    "RedisClusterException": UNREACHABLE,
    "RedisError": REJECTED,
    "ResponseError": REJECTED,
    "SlotNotCoveredError": UNREACHABLE,
    "TimeoutError": UNREACHABLE,
    "TryAgainError": RETRY,
    "WatchError": REJECTED,
}

REPLIES: dict[str, StoreErrorKind] = {
    "ASK 3999 127.0.0.1:6381": RETRY,
    "BUSY Valkey is busy running a script. You can only call SCRIPT KILL.": UNREACHABLE,
    "BUSYGROUP Consumer Group name already exists": REJECTED,
    "BUSYKEY Target key name already exists.": REJECTED,
    "CLUSTERDOWN The cluster is down": UNREACHABLE,
    "CROSSSLOT Keys in request don't hash to the same slot": REJECTED,
    "DENIED Running in protected mode because protected mode is enabled": LOGIN,
    "ERR max number of clients reached": UNREACHABLE,
    "ERR unknown command 'FCALL'": REJECTED,
    "EXECABORT Transaction discarded because of previous errors.": REJECTED,
    "INPROG Failover already in progress.": RETRY,
    "INVALIDOBJ object not found": REJECTED,
    "IOERR error or timeout writing to target instance": UNREACHABLE,
    "LOADING Valkey is loading the dataset in memory": UNREACHABLE,
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.": UNREACHABLE,
    "MISCONF Errors writing to the AOF file: No space left on device": WRITES,
    "MOVED 3999 127.0.0.1:6381": RETRY,
    "NOAUTH Authentication required.": LOGIN,
    "NOGOODSLAVE No suitable replica to promote": REJECTED,
    "NOGROUP No such key": REJECTED,
    "NOMASTERLINK Can't SYNC while not connected with my primary": UNREACHABLE,
    "NOPERM User default has no permissions to run the 'fcall' command": REJECTED,
    "NOPROTO unsupported protocol version": REJECTED,
    "NOREPLICAS Not enough good replicas to write.": WRITES,
    "NOSCRIPT No matching script.": REJECTED,
    "NOTBUSY No scripts in execution right now.": REJECTED,
    "OOM command not allowed when used memory > 'maxmemory'.": WRITES,
    "READONLY You can't write against a read only replica.": WRITES,
    "REDIRECT 127.0.0.1:6381": UNREACHABLE,
    "TRYAGAIN Multiple keys request during rehashing of slot": RETRY,
    "UNBLOCKED force unblock from blocking operation": RETRY,
    "UNKILLABLE Sorry the script already executed write commands": UNREACHABLE,
    "WRONGPASS invalid username-password pair or user is disabled.": LOGIN,
    "WRONGTYPE Operation against a key holding the wrong kind of value": REJECTED,
}


def classes_of_the_client() -> dict[str, type[BaseException]]:
    """Return every exception class that ``redis.exceptions`` defines."""
    return {
        name: found
        for name, found in inspect.getmembers(exceptions, inspect.isclass)
        if issubclass(found, BaseException) and found.__module__ == exceptions.__name__
    }


def instance_of(kind: type[BaseException]) -> BaseException:
    """Return an exception of the class. Redirections parse their text."""
    return kind("3999 127.0.0.1:6381") if issubclass(kind, exceptions.AskError) else kind("text")


def parsed(reply: str) -> Exception:
    """Return the exception that the client raises for an error reply."""
    error = BaseParser.parse_error(reply)  # type: ignore[no-untyped-call]
    assert isinstance(error, Exception)
    return error


def test_every_class_of_the_client_is_in_the_table() -> None:
    assert classes_of_the_client().keys() == CLASSES.keys()


@pytest.mark.parametrize("name", CLASSES)
def test_class_has_expected_kind_and_is_caught(name: str) -> None:
    error = instance_of(classes_of_the_client()[name])
    assert kind_of(error) is CLASSES[name]
    assert isinstance(error, STORE_ERRORS)


@pytest.mark.parametrize("reply", REPLIES)
def test_reply_has_expected_kind_whatever_its_text(reply: str) -> None:
    code = reply.split(maxsplit=1)[0]
    error = parsed(reply)
    assert kind_of(error) is REPLIES[reply]
    if code not in ("ASK", "MOVED", "ERR"):
        assert kind_of(parsed(f"{code} other words")) is REPLIES[reply]
        assert error_code(error) == code


@pytest.mark.parametrize("error", [ConnectionResetError(104, "reset"), TimeoutError(), BrokenPipeError()])
def test_errors_of_the_system_mean_unreachable(error: Exception) -> None:
    assert kind_of(error) is UNREACHABLE


def test_cause_of_a_failed_connection_decides() -> None:
    refused = exceptions.ConnectionError("cannot connect")
    refused.__cause__ = exceptions.AuthenticationError("wrong password")
    assert kind_of(refused) is LOGIN
    assert kind_of(MasterNotFoundError("no master")) is UNREACHABLE
    assert kind_of(SentinelLoginError("NOAUTH")) is LOGIN
