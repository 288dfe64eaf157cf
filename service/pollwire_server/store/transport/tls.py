"""TLS of the connections to the store: one context for each process, created and checked at start.

How. The context has the certificates of the URL's options. All connections share it, those to Sentinels and
to every server of a cluster included.

Alternative. The redis client creates a context for each connection. Each time it reads the system's
certificates again, which takes milliseconds of the event loop. It trusts them beside those of
``ssl_ca_certs``. It lets OpenSSL ask the terminal for the password of a key, and reports an invalid file as
an unreachable store.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from typing import Any, Final

from redis.asyncio import SSLConnection
from redis.asyncio.sentinel import SentinelManagedConnection

_PATH_OPTIONS: Final = ("ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile")
_VERIFY_MODES: Final = {
    "required": ssl.CERT_REQUIRED,
    "optional": ssl.CERT_OPTIONAL,
    "none": ssl.CERT_NONE,
}
HANDSHAKE_TIMEOUT_S: Final = 0.6
"""Shorter than the timeout of a connection, so that a server without TLS, which does not reply, is named."""
_NOT_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNEXPECTED_EOF_WHILE_READING"})
"""OpenSSL's reasons for an answer that is not TLS."""


class TlsConnection(SSLConnection):
    """Connection to a server that uses the context ``tls``."""

    def __init__(self, *, tls: ssl.SSLContext, **settings: Any) -> None:  # Any: settings of the redis client
        super().__init__(**settings)
        self.ssl_context.context = tls

    def _connection_arguments(self) -> Mapping[str, Any]:
        return {**super()._connection_arguments(), "ssl_handshake_timeout": HANDSHAKE_TIMEOUT_S}


class SentinelManagedTlsConnection(SentinelManagedConnection, TlsConnection):
    """The same, to the server that the Sentinels name as master."""


def create_tls_context(options: Mapping[str, Any]) -> ssl.SSLContext:
    """Return the context for the TLS options of a store URL.

    Raises ``ValueError`` with the rest of a sentence that begins with the URL, as ``parse_store_url`` does.
    """
    for option in _PATH_OPTIONS:
        if option in options and not os.access(options[option], os.R_OK):
            raise ValueError(f"has the option {option!r}, which names an unreadable file")
    context = _context_with_authorities(options)
    context.check_hostname = options.get("ssl_check_hostname", True)
    context.verify_mode = _VERIFY_MODES[options.get("ssl_cert_reqs", "required")]
    if "ssl_min_version" in options:
        context.minimum_version = options["ssl_min_version"]
    if "ssl_certfile" in options:
        _load_client_certificate(context, options)
    return context


def _context_with_authorities(options: Mapping[str, Any]) -> ssl.SSLContext:
    """Return a context that trusts the certificates of the options, or else those of the system."""
    folder = options.get("ssl_ca_path")
    if folder is not None and not os.path.isdir(folder):
        raise ValueError("has the option 'ssl_ca_path', which must name a folder")
    try:
        return ssl.create_default_context(cafile=options.get("ssl_ca_certs"), capath=folder)
    except OSError:
        raise ValueError(
            "has the option 'ssl_ca_certs', which names a file without certificates in PEM format"
        ) from None


def _load_client_certificate(context: ssl.SSLContext, options: Mapping[str, Any]) -> None:
    password = options.get("ssl_password", "")  # without one, OpenSSL would ask the terminal
    try:
        context.load_cert_chain(options["ssl_certfile"], options.get("ssl_keyfile"), password)
    except OSError as error:
        if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
            raise ValueError("has a key ('ssl_keyfile') of another certificate ('ssl_certfile')") from None
        raise ValueError(
            "has the option 'ssl_certfile', whose files must be a certificate and its key in PEM format; an"
            " encrypted key needs its 'ssl_password'"
        ) from None


def tls_problem(error: BaseException) -> str | None:
    """Return a sentence about the failed handshake that caused an error, or None for other causes."""
    cause = _tls_cause(error)
    if cause is None:
        return None
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"The store's certificate is rejected: {cause.verify_message.rstrip('.')}."
    if isinstance(cause, ConnectionAbortedError) or cause.reason in _NOT_TLS:
        return "The store does not answer with TLS; the port may be one for redis:// without TLS."
    return f"The TLS handshake with the store failed: {cause.reason or cause}."


def _tls_cause(error: BaseException) -> ssl.SSLError | ConnectionAbortedError | None:
    """Return the TLS error in the chain of causes. The redis client makes cycles of them.

    asyncio raises ``ConnectionAbortedError`` for a handshake that takes too long.
    """
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        if isinstance(cause, ssl.SSLError):
            return cause
        if isinstance(cause, ConnectionAbortedError) and cause.errno is None:
            return cause
        seen.add(id(cause))
        cause = cause.__context__ if cause.__cause__ in (None, cause) else cause.__cause__
    return None
