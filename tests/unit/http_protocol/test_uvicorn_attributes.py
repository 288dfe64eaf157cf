"""The installed uvicorn has all attributes on which the HTTP protocol relies."""

from __future__ import annotations

import ast
import inspect

import uvicorn
from pollwire_server.http_protocol import fast_path_protocol, request_limits
from pollwire_server.http_protocol.fast_path_protocol import (
    FastPathCycle,
    UvicornHttpProtocol,
    UvicornRequestCycle,
)
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from tests.unit.http_protocol.fake_connection import app


def declared_attributes(protocol: type) -> set[str]:
    """Return the attributes and methods that a typing protocol declares."""
    methods = {name for name, value in vars(protocol).items() if inspect.isfunction(value)}
    return (methods | set(protocol.__annotations__)) - {
        "__init__",
        "__subclasshook__",
        "_no_init_or_replace_init",
    }


async def uvicorn_attributes() -> set[str]:
    """Return the attributes of uvicorn's own HTTP protocol, in the middle of a request."""
    config = uvicorn.Config(app, log_config=None, lifespan="off")
    config.load()
    protocol = HttpToolsProtocol(config, ServerState(), {})
    protocol.on_message_begin()
    return set(dir(protocol))


async def test_uvicorn_protocol_has_every_declared_attribute() -> None:
    missing = declared_attributes(UvicornHttpProtocol) - await uvicorn_attributes()
    assert not missing, f"uvicorn {uvicorn.__version__} has renamed or removed: {sorted(missing)}"


def test_request_cycles_have_every_declared_attribute() -> None:
    declared = declared_attributes(UvicornRequestCycle)
    assigned = {
        node.attr
        for node in ast.walk(ast.parse(inspect.getsource(RequestResponseCycle)))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }
    missing = declared - assigned
    assert not missing, f"uvicorn {uvicorn.__version__} has renamed or removed: {sorted(missing)}"
    assert declared <= set(dir(FastPathCycle()))


async def test_every_used_attribute_of_uvicorn_is_declared() -> None:
    """Keeps ``UvicornHttpProtocol`` complete."""
    used = {
        node.attr
        for module in (fast_path_protocol, request_limits)
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.Attribute) and _is_self_or_super(node.value)
    }
    undeclared = (used & await uvicorn_attributes()) - declared_attributes(UvicornHttpProtocol) - {"__init__"}
    assert not undeclared, f"Add to UvicornHttpProtocol: {sorted(undeclared)}"


def _is_self_or_super(node: ast.expr) -> bool:
    return (isinstance(node, ast.Name) and node.id == "self") or (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"
    )
