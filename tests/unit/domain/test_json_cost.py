"""CPU time of rejecting JSON from outside, compared with the standard library's decoder."""

from __future__ import annotations

import ast
import contextlib
import json
import time
from collections.abc import Callable

import pytest
from pollwire_server.admin.bulk_votes import _vote_in
from pollwire_server.admin.ndjson import Line
from pollwire_server.admin.requests import _object_of
from pollwire_server.auth.jwks import keys_in
from pollwire_server.domain.ballot import ReceiptBody, Vote
from pollwire_server.domain.decoding import EmptyBody
from pollwire_server.live.client_messages import _decode
from pollwire_server.voting.registration import RegistrationBody
from pollwire_server.voting.requests import MAX_BODY_BYTES, BodyReader

from tests.architecture.tree import SERVICE, name_of, report, sources, syntax_tree

MAX_RATIO = 25
"""Of the CPU time of ``json.loads`` for the same body. Most take 3 to 8; msgspec alone takes 100 to 250."""
JSON_TYPE = b"application/json"
DECODERS: dict[str, Callable[[bytes], object]] = {
    "vote": lambda body: BodyReader(Vote).read(JSON_TYPE, body),
    "registration": lambda body: BodyReader(RegistrationBody).read(JSON_TYPE, body),
    "ticket": lambda body: BodyReader(EmptyBody).read(JSON_TYPE, body),
    "receipt": lambda body: BodyReader(ReceiptBody).read(JSON_TYPE, body),
    "admin": _object_of,
    "bulk vote": lambda body: _vote_in(Line(1, body)),
    "JWKS": keys_in,
    "live message": lambda body: _decode(body.decode()),
}
ALLOWED = {"service/pollwire_server/domain/decoding.py"}


def body_of(field: str, number: str) -> bytes:
    """Return the longest body with a list of this number in one field."""
    count = (MAX_BODY_BYTES - 40) // (len(number) + 1)
    return f'{{"{field}":[{",".join([number] * count)}],"voter":"v"}}'.encode()


def cpu_s(decode: Callable[[bytes], object], body: bytes) -> float:
    """Return the least CPU time of three calls. A rejected body is expected."""
    least = float("inf")
    for _ in range(3):
        began = time.thread_time()
        with contextlib.suppress(Exception):
            decode(body)
        least = min(least, time.thread_time() - began)
    return least


@pytest.mark.parametrize("number", ["9e307", "4.9406564584124654e-324"], ids=["large", "denormal"])
@pytest.mark.parametrize("field", ["choice", "unknown"])
@pytest.mark.parametrize("decoder", DECODERS)
def test_body_of_floats_costs_no_more_than_other_json(decoder: str, field: str, number: str) -> None:
    body = body_of(field, number)
    assert cpu_s(DECODERS[decoder], body) < MAX_RATIO * cpu_s(json.loads, body)


def test_json_from_outside_is_decoded_in_one_place() -> None:
    """An untyped decoder elsewhere would lack the float hook."""
    violations = [
        f"{name_of(path)}:{node.lineno}"
        for path in sources(SERVICE)
        if name_of(path) not in ALLOWED and name_of(path).split("/")[2] in {"admin", "auth", "live", "voting"}
        for node in ast.walk(syntax_tree(path))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in {"msgspec.json.Decoder", "msgspec.json.decode"}
        and not any(keyword.arg == "type" for keyword in node.keywords)
    ]
    assert violations == [], report(violations)
